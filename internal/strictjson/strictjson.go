// Package strictjson takes JSON apart in the order in which it is written, and refuses keys that stand twice in
// an object: encoding/json keeps neither in Go values.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// All functions but Check take JSON that Check has passed.

// Member is a key of an object with its value.
type Member struct {
	Key   string
	Value []byte
}

// Check refuses what is not JSON in UTF-8, and keys that stand twice in an object.
func Check(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("not UTF-8")
	}
	var value json.RawMessage
	if err := json.Unmarshal(raw, &value); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("not JSON (at byte %d)", syntax.Offset)
		}
		return errors.New("not JSON")
	}
	return unique(raw)
}

// Twice is a key that stands twice in one object.
type Twice string

func (k Twice) Error() string {
	return fmt.Sprintf("duplicate key: %q stands twice in one object", string(k))
}

// unique walks over JSON once, however deep things stand in each other.
func unique(raw []byte) error {
	var around []map[string]bool // keys of the objects that are open; nil for a list
	key := false                 // a text here is one
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{':
			around, key = append(around, map[string]bool{}), true
		case '[':
			around, key = append(around, nil), false
		case '}', ']':
			around, key = around[:len(around)-1], false
		case ',':
			key = around[len(around)-1] != nil
		case '"':
			end := skipText(raw, i)
			if key {
				name, err := decode(raw[i:end])
				if err != nil {
					return err
				}
				if around[len(around)-1][name] {
					return Twice(name)
				}
				around[len(around)-1][name] = true
			}
			i, key = end-1, false
		}
	}
	return nil
}

// decode reads a JSON string.
func decode(raw []byte) (s string, err error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errors.New("not JSON")
	}
	return s, nil
}

// WrongKind is what a value is instead of what was wanted.
type WrongKind string

func (k WrongKind) Error() string { return string(k) }

// Kind says what a value is, in the words of JSON.
func Kind(raw []byte) WrongKind {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// IsNull tells whether a value is null.
func IsNull(raw []byte) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

// Members returns the keys of an object in order; a WrongKind when it is none.
func Members(raw []byte) ([]Member, error) {
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return nil, Kind(raw)
	}
	var list []Member
	for i := skipSpace(raw, 1); raw[i] != '}'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		end := skipValue(raw, i)
		key, err := decode(raw[i:end])
		if err != nil {
			return nil, err
		}
		i = skipSpace(raw, skipSpace(raw, end)+1) // over the colon
		end = skipValue(raw, i)
		list = append(list, Member{key, raw[i:end:end]})
		i = end
	}
	return list, nil
}

// Values returns the elements of a list; none when it is no list.
func Values(raw []byte) [][]byte {
	if raw = bytes.TrimSpace(raw); raw[0] != '[' {
		return nil
	}
	var list [][]byte
	for i := skipSpace(raw, 1); raw[i] != ']'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		end := skipValue(raw, i)
		list = append(list, raw[i:end:end])
		i = end
	}
	return list
}

func skipSpace(raw []byte, i int) int {
	for raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r' {
		i++
	}
	return i
}

// skipValue returns where the value that begins at i ends.
func skipValue(raw []byte, i int) int {
	for depth := 0; ; {
		switch raw[i] {
		case '"':
			i = skipText(raw, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
		default:
			for i < len(raw) && !strings.ContainsRune(",:]} \t\n\r", rune(raw[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

func skipText(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// Text decodes a JSON string.
func Text(raw []byte) (string, error) {
	if raw = bytes.TrimSpace(raw); raw[0] != '"' {
		return "", Kind(raw)
	}
	s, err := decode(raw)
	if err != nil {
		return "", err
	}
	// encoding/json puts U+FFFD where half of a surrogate pair is missing.
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.Contains(raw, []byte("\ufffd")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
		return "", errors.New("half of a surrogate pair, which is no character")
	}
	return s, nil
}

// Compact returns JSON without white space between its parts.
func Compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw) // checked before: cannot happen
	}
	return b.String()
}
