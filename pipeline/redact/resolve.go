package redact

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// span is a part of a text, in bytes.
type span struct{ start, end int }

// match is a span that counts.
type match struct {
	span
	by    *detector
	rule  string
	rank  int // of the detector
	score float64
}

func (m match) replacement() string { return "[" + m.by.entity + "]" }

// better orders matches of one overlap: the higher score, the longer, the detector listed first.
func better(a, b match) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(a.rank, b.rank), cmp.Compare(a.start, b.start))
}

// resolve joins matches that overlap. The best one names the whole, and nothing that any of them
// covers is left standing: half a secret is a secret.
func resolve(matches []match) []match {
	slices.SortFunc(matches, func(a, b match) int { return cmp.Or(cmp.Compare(a.start, b.start), better(a, b)) })
	var out []match
	for _, m := range matches {
		if n := len(out); n > 0 && m.start < out[n-1].end {
			last := &out[n-1]
			union := span{last.start, max(last.end, m.end)}
			if better(m, *last) < 0 {
				*last = m
			}
			last.span = union
			continue
		}
		out = append(out, m)
	}
	return out
}

// render puts the replacements in.
func render(text string, taken []match) string {
	var out strings.Builder
	out.Grow(len(text))
	at := 0
	for _, m := range taken {
		out.WriteString(text[at:m.start])
		out.WriteString(m.replacement())
		at = m.end
	}
	out.WriteString(text[at:])
	return out.String()
}

// origin maps offsets in a rendered text to the text that it was rendered from. They come in ascending order, and lie
// in no replacement.
type origin struct {
	taken []match // those that no offset has passed yet
	shift int     // original minus rendered offset, behind those that one has
}

func (o *origin) at(offset int) int {
	for len(o.taken) > 0 {
		m := o.taken[0]
		if offset < m.start-o.shift+len(m.replacement()) {
			break
		}
		o.shift += m.end - m.start - len(m.replacement())
		o.taken = o.taken[1:]
	}
	return offset + o.shift
}

// findings turns matches into ledger entries with rune offsets.
func findings(text string, taken []match) []Finding {
	if len(taken) == 0 {
		return nil
	}
	out := make([]Finding, len(taken))
	at, runes := 0, 0
	advance := func(to int) int64 {
		runes += utf8.RuneCountInString(text[at:to])
		at = to
		return int64(runes)
	}
	for i, m := range taken {
		start := advance(m.start)
		out[i] = Finding{
			Entity: m.by.entity, Detector: m.rule, Score: m.score,
			Start: start, End: advance(m.end), Replacement: m.replacement(),
		}
	}
	return out
}

// placeholders returns where the text has replacements already. A non-nil slice, always.
func placeholders(text string) []span {
	out := []span{}
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '[')
		if i < 0 {
			return out
		}
		at += i
		if n := placeholderLen(text[at:]); n > 0 {
			out = append(out, span{at, at + n})
			at += n
		} else {
			at++
		}
	}
}

// placeholderLen is the length of the placeholder that s starts with, or 0.
func placeholderLen(s string) int {
	for _, e := range allEntities {
		if n := len(e); len(s) >= n+2 && s[0] == '[' && s[n+1] == ']' && s[1:n+1] == e {
			return n + 2
		}
	}
	return 0
}

func overlapsAny(spans []span, start, end int) bool {
	i, _ := slices.BinarySearchFunc(spans, start, func(s span, at int) int { return cmp.Compare(s.end, at+1) })
	return i < len(spans) && spans[i].start < end
}
