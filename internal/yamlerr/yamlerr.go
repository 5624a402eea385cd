// Package yamlerr reads configurations from YAML strictly, with errors in one line that name the line of
// the file, the key, and the key that was perhaps meant, in the words of those who write such files.
package yamlerr

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/cultivar/cultivar/internal/nearest"
)

// Explain describes an error of decoding into a value of config's type.
func Explain(err error, config any) error {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		return unknownKey(unknown.Token.Value, unknown.Token.Position.Line, Keys(config))
	}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %s", syntax.Token.Position.Line, words(syntax.Message))
	}
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("line %d: want %s", wrong.Token.Position.Line, kind(wrong.DstType))
	}
	text, _, _ := strings.Cut(err.Error(), "\n") // what follows shows the file
	return errors.New(text)
}

// again is how the library says that a key stands twice in a section.
var again = regexp.MustCompile(`^mapping key (".*") already defined at \[(\d+):\d+\]$`)

// words are the library's, but for what is met most, which it says in its own terms.
func words(message string) string {
	if strings.HasPrefix(message, "found character '\t'") {
		return "a tab, where YAML wants spaces"
	}
	return again.ReplaceAllString(message, "duplicate key: $1 stands twice, first in line $2")
}

func unknownKey(key string, line int, keys []string) error {
	meant := ""
	if near := nearest.Of(key, keys, len(key)/3); near != "" {
		meant = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("line %d: unknown key %q%s", line, key, meant)
}

// kind says in words what a Go type takes.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a section of keys"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// Keys lists the keys of a configuration, those of sections without their section.
func Keys(config any) []string {
	var keys []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			tag, ok := f.Tag.Lookup("yaml")
			if !ok || tag == "-" {
				continue
			}
			if name, _, _ := strings.Cut(tag, ","); name != "" {
				keys = append(keys, name)
			}
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeOf(config))
	return keys
}
