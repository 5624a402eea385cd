package cli

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/internal/plainjson"
	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/workflows/stages"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "Describe the configuration files", "", a.configSchemaCommand(), a.configDefaultsCommand())
}

// subjects are the configurations by what they are for. Values are the defaults.
func subjects() map[string]any {
	return map[string]any{"train": trainer.DefaultConfig(), "ingest": stages.DefaultIngestConfig()}
}

// subject is the configuration that the arguments name, training's without any.
func subject(args []string) (name string, config any, err error) {
	if name = first(args); name == "" {
		name = "train"
	}
	config, ok := subjects()[name]
	if !ok {
		return "", nil, usagef("no configuration for %q, want train or ingest", name)
	}
	return name, config, nil
}

func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [train|ingest]",
		Short: "Print the JSON Schema of a configuration file",
		Long: `Print the JSON Schema (draft 2020-12) of a configuration file, with what each key means and its
default. Editors complete and check YAML files with it.`,
		Args:      atMostArgs("train|ingest"),
		ValidArgs: []string{"train", "ingest"},
		RunE: func(_ *cobra.Command, args []string) error {
			name, config, err := subject(args)
			if err != nil {
				return err
			}
			e := json.NewEncoder(a.out)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(schemaOf(name, config))
		},
	}
}

func (a *app) configDefaultsCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "defaults [train|ingest]",
		Short:     "Print a configuration file with all keys and their defaults, as YAML",
		Args:      atMostArgs("train|ingest"),
		ValidArgs: []string{"train", "ingest"},
		RunE: func(_ *cobra.Command, args []string) error {
			name, config, err := subject(args)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(plain(reflect.ValueOf(config)))
			}
			comments := yaml.CommentMap{}
			for _, k := range keysOf(reflect.ValueOf(config), "") {
				if text := describe(name, k.path); text != "" {
					comments["$."+k.path] = []*yaml.Comment{yaml.HeadComment(" " + text)}
				}
			}
			text, err := yaml.MarshalWithOptions(config, yaml.WithComment(comments))
			if err != nil {
				return fmt.Errorf("encode defaults: %w", err)
			}
			_, err = a.out.Write(text)
			return err
		},
	}
}

// key is a key of a configuration: its dotted path, its name and its default.
type key struct {
	path, name string
	value      reflect.Value
}

// keysOf lists the keys of a struct and of those within it, sections before what they hold. A field
// without a YAML name is passed over; an inlined one stands for its own fields.
func keysOf(v reflect.Value, prefix string) []key {
	var list []key
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			list = append(list, keysOf(v.Field(i), prefix)...)
		case name != "" && name != "-":
			k := key{prefix + name, name, v.Field(i)}
			list = append(list, k)
			if k.value.Kind() == reflect.Struct {
				list = append(list, keysOf(k.value, k.path+".")...)
			}
		}
	}
	return list
}

// object is a JSON object whose keys keep their order: that of the configuration.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := plainjson.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// schemaOf describes a configuration by its type, its defaults and the tables in schemakeys.go.
func schemaOf(name string, config any) object {
	s := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "cultivar " + name},
		{"description", describe(name, "")},
	}
	return append(s, structSchema(name, reflect.ValueOf(config), "")...)
}

func structSchema(name string, v reflect.Value, prefix string) object {
	var properties object
	for _, k := range keysOf(v, prefix) {
		if strings.Contains(strings.TrimPrefix(k.path, prefix), ".") {
			continue // of a section, which describes it itself
		}
		p := object{{"description", describe(name, k.path)}}
		properties = append(properties, member{k.name, append(p, valueSchema(name, k)...)})
	}
	return object{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}
}

func valueSchema(name string, k key) object {
	if k.value.Kind() == reflect.Struct {
		return structSchema(name, k.value, k.path+".")
	}
	value := member{"default", plain(k.value)}
	if k.value.Type() == reflect.TypeFor[lora.Targets]() {
		return object{{"type", []string{"string", "array"}}, {"items", object{{"type", "string"}}}, value}
	}
	if allowed := allowedValues(k.path, k.value.Type()); allowed != nil {
		if k.value.Kind() == reflect.Slice {
			return object{{"type", "array"}, {"items", object{{"enum", allowed}}}, value}
		}
		return object{{"enum", allowed}, value}
	}
	switch k.value.Kind() {
	case reflect.Bool:
		return object{{"type", "boolean"}, value}
	case reflect.Int, reflect.Int64:
		return object{{"type", "integer"}, value}
	case reflect.Uint64:
		return object{{"type", "integer"}, {"minimum", 0}, value}
	case reflect.Float64:
		return object{{"type", "number"}, value}
	case reflect.Slice:
		return object{{"type", "array"}, {"items", object{{"type", "string"}}}, value}
	case reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", object{{"type", "string"}}}, value}
	}
	return object{{"type", "string"}, value}
}

// plain is a default as JSON shows it, with the YAML names and lists that are never null.
func plain(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Struct:
		var o object
		for i := range v.NumField() {
			name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if options == "inline" {
				o = append(o, plain(v.Field(i)).(object)...)
			} else if name != "" && name != "-" {
				o = append(o, member{name, plain(v.Field(i))})
			}
		}
		return o
	case v.Type() == reflect.TypeFor[lora.Targets]() && v.Len() == 1:
		return v.Index(0).Interface() // as people write it: all-linear
	case v.Kind() == reflect.Slice && v.IsNil():
		return []string{}
	case v.Kind() == reflect.Map && v.IsNil():
		return map[string]string{}
	}
	return v.Interface()
}
