package workflows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Encode writes a configuration as JSON under its YAML names, always in the same way: every key, with
// what it is set to. The libraries for YAML write JSON that is none where a text has quotes or controls.
func Encode(config any) (json.RawMessage, error) {
	text, err := json.Marshal(plain(reflect.ValueOf(config)))
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return text, nil
}

// plain is a value in which structs have become maps by YAML name. encoding/json sorts the keys.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		keys := make(map[string]any)
		addKeys(keys, v)
		return keys
	case reflect.Slice:
		list := make([]any, v.Len()) // never null: no list and an empty one are one setting
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	case reflect.Map:
		keys := make(map[string]any, v.Len())
		for _, k := range v.MapKeys() {
			keys[k.String()] = plain(v.MapIndex(k))
		}
		return keys
	}
	if !v.IsValid() {
		return nil
	}
	return v.Interface()
}

// addKeys adds the fields of a struct that have a YAML name; an inlined one stands for its own fields.
func addKeys(keys map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			addKeys(keys, v.Field(i))
		case name != "" && name != "-":
			keys[name] = plain(v.Field(i))
		}
	}
}
