package jinja

import (
	"strings"
	"unicode"
)

func joinFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("join", "d", "attribute")
	if err != nil {
		return nil, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	sep := ""
	if d, ok := b["d"]; ok {
		if sep, err = r.str(d); err != nil {
			return nil, err
		}
	}
	parts := make([]string, len(items))
	for i, e := range items {
		if b["attribute"] != nil {
			if e, err = r.path(e, b["attribute"]); err != nil {
				return nil, err
			}
		}
		if parts[i], err = r.str(e); err != nil {
			return nil, err
		}
	}
	return r.joinStrings(parts, sep)
}

func replaceFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("replace", "old", "new", "count")
	if err != nil {
		return nil, err
	}
	var text [3]string
	for i, x := range []any{v, b["old"], b["new"]} {
		if text[i], err = r.str(x); err != nil {
			return nil, err
		}
	}
	return r.replace(text[0], text[1], text[2], b["count"])
}

func trimFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("trim", "chars")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	return stripped(r, s, b["chars"], true, true)
}

func centerFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("center", "width")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	width := any(int64(80))
	if w, ok := b["width"]; ok {
		width = w
	}
	return justifyCenter(r, s, &callArgs{positional: []any{width}})
}

func indentFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("indent", "width", "first", "blank")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	indent, ok := b["width"].(string)
	if !ok {
		width := int64(4)
		if w, given := asNumber(b["width"]).(int64); given {
			width = w
		}
		text, err := r.repeat(" ", width)
		if err != nil {
			return nil, err
		}
		indent = text.(string)
	}
	lines, err := r.splitLines(s+"\n", false)
	if err != nil {
		return nil, err
	}
	for i, l := range lines {
		if i == 0 && !truth(b["first"]) || i > 0 && l == "" && !truth(b["blank"]) {
			continue
		}
		if err := r.charge(len(indent) + len(l)); err != nil {
			return nil, err
		}
		lines[i] = indent + l
	}
	return r.joinStrings(lines, "\n")
}

func wordCountFilter(r *renderer, v any, a *callArgs) (any, error) {
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	if err := r.charge(2 * len(s)); err != nil {
		return nil, err
	}
	words := int64(0)
	for range strings.FieldsFuncSeq(s, func(c rune) bool { return !unicode.In(c, unicode.L, unicode.M, unicode.N) && c != '_' }) {
		words++
	}
	return words, nil
}

func truncateFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("truncate", "length", "killwords", "end", "leeway")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v)
	if err != nil {
		return nil, err
	}
	length, leeway, end := int64(255), int64(5), "..."
	if n, ok := b["length"].(int64); ok {
		length = n
	}
	if n, ok := b["leeway"].(int64); ok {
		leeway = n
	}
	if e, ok := b["end"].(string); ok {
		end = e
	}
	if length < int64(runeLen(end)) || leeway < 0 {
		return nil, r.fail("expected length >= %d and leeway >= 0", runeLen(end))
	}
	if err := r.charge(len(s) / 4); err != nil {
		return nil, err
	}
	if int64(runeLen(s)) <= length+leeway {
		return s, nil
	}
	head := runeSlice(s, 0, int(length)-runeLen(end))
	if !truth(b["killwords"]) {
		if i := strings.LastIndex(head, " "); i >= 0 {
			head = head[:i]
		}
	}
	return r.join(head, end)
}
