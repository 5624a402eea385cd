package turns

import (
	"encoding/json"
	"strings"

	"github.com/cultivar/cultivar/internal/plainjson"
)

// editJSON edits the texts in a JSON value, and the keys and numbers that an edit changes; a number
// that is changed becomes a text. Everything else keeps its bytes: the order of keys, white space, and
// how a number is written are shown to the model. A text that itself holds a JSON object or list is
// edited inside, as OpenAI writes arguments. What is not JSON is edited as a text.
func editJSON(raw string, edit func(key, text string) string) string {
	if !json.Valid([]byte(raw)) {
		return edit("", raw)
	}
	e := editor{raw: raw, edit: edit}
	e.value("")
	e.out.WriteString(raw[e.kept:])
	return e.out.String()
}

// editor copies JSON that is valid and replaces some of its tokens.
type editor struct {
	raw  string
	at   int // of the token that is looked at
	kept int // what is before is in out
	out  strings.Builder
	edit func(key, text string) string
}

// value edits the value that begins at or after the position, and moves behind it. key is the key of
// the object that it, or a list around it, stands in.
func (e *editor) value(key string) {
	switch e.space(); e.raw[e.at] {
	case '{':
		e.object()
	case '[':
		e.list(key)
	case '"':
		end := e.textEnd()
		e.text(end, func(s string) string { return editNested(s, key, e.edit) })
	case 't', 'f', 'n':
		e.skip("truefalsn")
	default:
		start := e.at
		e.skip("0123456789+-.eE")
		number := e.raw[start:e.at]
		if edited := e.edit(key, number); edited != number {
			e.replace(start, e.at, edited)
		}
	}
}

func editNested(s, key string, edit func(key, text string) string) string {
	if t := strings.TrimSpace(s); len(t) > 1 && (t[0] == '{' || t[0] == '[') && json.Valid([]byte(t)) {
		return editJSON(s, edit)
	}
	return edit(key, s)
}

func (e *editor) object() {
	seen := map[string]bool{} // whether an edit made the key
	for e.at++; ; {
		if e.space(); e.raw[e.at] == '}' {
			e.at++
			return
		}
		if e.raw[e.at] == ',' {
			e.at++
			e.space()
		}
		var key string
		e.text(e.textEnd(), func(s string) string {
			key = s
			return unique(seen, s, e.edit("", s))
		})
		e.space()
		e.at++ // the colon
		e.value(key)
	}
}

// unique keeps keys apart that have become one, of which a reader would lose a value.
func unique(seen map[string]bool, old, key string) string {
	for {
		made, taken := seen[key]
		if !taken || !made && key == old {
			seen[key] = made || key != old
			return key
		}
		key += "_"
	}
}

func (e *editor) list(key string) {
	for e.at++; ; {
		switch e.space(); e.raw[e.at] {
		case ']':
			e.at++
			return
		case ',':
			e.at++
		}
		e.value(key)
	}
}

// text edits the string that ends at end.
func (e *editor) text(end int, edit func(string) string) {
	start := e.at
	e.at = end
	var s string
	if json.Unmarshal([]byte(e.raw[start:end]), &s) != nil {
		return // valid, so it decodes
	}
	if edited := edit(s); edited != s {
		e.replace(start, end, edited)
	}
}

func (e *editor) replace(start, end int, text string) {
	e.out.WriteString(e.raw[e.kept:start])
	quoted, err := plainjson.Marshal(text)
	if err != nil {
		panic("turns: encode a text: " + err.Error()) // texts always encode
	}
	e.out.Write(quoted)
	e.kept = end
}

func (e *editor) space() { e.skip(" \t\r\n") }

func (e *editor) skip(set string) {
	for e.at < len(e.raw) && strings.IndexByte(set, e.raw[e.at]) >= 0 {
		e.at++
	}
}

func (e *editor) textEnd() int {
	for i := e.at + 1; ; i++ {
		switch e.raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}
