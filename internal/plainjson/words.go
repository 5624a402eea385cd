package plainjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Words is what is said of an error, with the words of the JSON reader in it, which name types of the
// program, put into those of JSON. A text that ended early is said to be cut.
func Words(text string, err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		text = strings.ReplaceAll(text, wrong.Error(), wrongType(wrong))
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		text = strings.ReplaceAll(text, wrong.Error(), fmt.Sprintf("not JSON (at byte %d)", wrong.Offset))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		text = strings.ReplaceAll(text, io.ErrUnexpectedEOF.Error(), "the file is cut")
	}
	if before, ends := strings.CutSuffix(text, ": "+io.EOF.Error()); ends {
		text = before + ": the file is empty or cut"
	}
	return text
}

// wrongType says which key holds what, and what it should hold.
func wrongType(e *json.UnmarshalTypeError) string {
	key := ""
	if e.Field != "" {
		key = fmt.Sprintf("%q ", e.Field)
	}
	value := e.Value
	switch value {
	case "bool":
		value = "true or false"
	case "string":
		value = "a text"
	case "array":
		value = "a list"
	case "object":
		value = "an object"
	default: // a number, mostly with what it is
		value = "a " + value
	}
	return fmt.Sprintf("%sis %s, want %s", key, value, kind(e.Type))
}

func kind(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a whole number in range"
}
