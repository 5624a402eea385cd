package spec

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cultivar/cultivar/trainer"
	"github.com/cultivar/cultivar/workflows/ingestion"
)

// schemas are written by the tests from the configurations' structs, their comments and their defaults.
//
//go:generate go test . -run TestSchemas -update
//go:embed schema/*.json
var schemas embed.FS

// Configs lists what configuration files there are.
var Configs = []string{"train", "ingest"}

// Defaults is the configuration of a name with all defaults.
func Defaults(name string) (any, error) {
	switch name {
	case "train":
		return trainer.DefaultConfig(), nil
	case "ingest":
		return ingestion.DefaultConfig(), nil
	}
	return nil, fmt.Errorf("no configuration for %q, want %s", name, strings.Join(Configs, " or "))
}

// Schema is the JSON Schema (draft 2020-12) of a configuration file.
func Schema(name string) ([]byte, error) {
	if _, err := Defaults(name); err != nil {
		return nil, err
	}
	return schemas.ReadFile("schema/" + name + ".json")
}

// Key is a key of a configuration, as its schema describes it.
type Key struct {
	Path string // dotted
	Name string // the last part
	Help string

	Values []string // that it may have, where there is a list of them
}

// Keys lists the keys of a configuration, sections before what they hold, in the order of the schema.
func Keys(name string) ([]Key, error) {
	text, err := Schema(name)
	if err != nil {
		return nil, err
	}
	var s node
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return s.keys(""), nil
}

// node is what is read of a schema: properties in their order.
type node struct {
	Description string  `json:"description"`
	Enum        []any   `json:"enum"`
	Properties  members `json:"properties"`
}

func (n node) keys(prefix string) []Key {
	var list []Key
	for _, m := range n.Properties {
		path := prefix + m.name
		k := Key{Path: path, Name: m.name, Help: m.node.Description}
		for _, v := range m.node.Enum {
			k.Values = append(k.Values, fmt.Sprint(v))
		}
		list = append(list, k)
		list = append(list, m.node.keys(path+".")...)
	}
	return list
}

// members is a JSON object of schemas that keeps its order.
type members []struct {
	name string
	node node
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *members) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := d.Token(); err != nil { // the brace
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var n node
		if err := d.Decode(&n); err != nil {
			return err
		}
		*m = append(*m, struct {
			name string
			node node
		}{fmt.Sprint(name), n})
	}
	return nil
}
