package trainer

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// ParseConfig decodes a YAML configuration over the defaults. An unknown key is an error with its
// line and the key that was perhaps meant.
func ParseConfig(data []byte) (Config, error) {
	c := DefaultConfig()
	if len(strings.TrimSpace(string(data))) == 0 {
		return c, c.Validate()
	}
	if err := yaml.UnmarshalWithOptions(data, &c, yaml.Strict()); err != nil {
		return Config{}, explain(err)
	}
	return c, c.Validate()
}

// explain turns a decoder's error into one line.
func explain(err error) error {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		key := unknown.Token.Value
		hint := ""
		if near := nearest(key, Keys()); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return fmt.Errorf("line %d: unknown key %q%s", unknown.Token.Position.Line, key, hint)
	}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %s", syntax.Token.Position.Line, syntax.Message)
	}
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("line %d: cannot use this value: want %s", wrong.Token.Position.Line, wrong.DstType)
	}
	return errors.New(strings.ReplaceAll(strings.TrimSpace(yaml.FormatError(err, false, false)), "\n", " "))
}

// Keys lists every configuration key, those of sections without their section.
func Keys() []string {
	var keys []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			keys = append(keys, strings.Split(f.Tag.Get("yaml"), ",")[0])
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
	return keys
}

// nearest returns the candidate within a third of the word's length in edits, "" when there is none.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, c := range candidates {
		if d := editDistance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
