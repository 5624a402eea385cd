package spec

import (
	"fmt"
	"math"
	"slices"
)

// check holds a value against the words of JSON Schema that our schemas use.
func check(path string, schema map[string]any, value any) error {
	if options, ok := schema["oneOf"].([]any); ok {
		fit := 0
		for _, o := range options {
			if check(path, o.(map[string]any), value) == nil {
				fit++
			}
		}
		if fit != 1 {
			return fmt.Errorf("%s: %v fits %d of the alternatives", path, value, fit)
		}
		return nil
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		return fmt.Errorf("%s: %v is none of %v", path, value, enum)
	}
	switch v := value.(type) {
	case map[string]any:
		return checkObject(path, schema, v)
	case []any:
		return checkList(path, schema, v)
	}
	if want := fmt.Sprint(schema["type"]); !slices.Contains(typesOf(value), want) {
		return fmt.Errorf("%s: %v is no %s", path, value, want)
	}
	return nil
}

func checkObject(path string, schema map[string]any, value map[string]any) error {
	if values, ok := schema["additionalProperties"].(map[string]any); ok && schema["type"] == "object" {
		for key, v := range value {
			if err := check(path+"."+key, values, v); err != nil {
				return err
			}
		}
		return nil
	}
	if schema["type"] != "object" || schema["additionalProperties"] != false {
		return fmt.Errorf("%s: a section is not described as one, without other keys", path)
	}
	properties := schema["properties"].(map[string]any)
	for key, v := range value {
		p, ok := properties[key].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: there is no key %s", path, key)
		}
		if err := check(path+"."+key, p, v); err != nil {
			return err
		}
	}
	return nil
}

func checkList(path string, schema map[string]any, list []any) error {
	items, ok := schema["items"].(map[string]any)
	if schema["type"] != "array" || !ok {
		return fmt.Errorf("%s: a list is described as %v", path, schema["type"])
	}
	for _, v := range list {
		if err := check(path, items, v); err != nil {
			return err
		}
	}
	return nil
}

func typesOf(value any) []string {
	switch v := value.(type) {
	case bool:
		return []string{"boolean"}
	case string:
		return []string{"string"}
	case float64:
		if v == math.Trunc(v) {
			return []string{"number", "integer"}
		}
	case int, uint64, int64:
		return []string{"number", "integer"}
	}
	return []string{"number"}
}
