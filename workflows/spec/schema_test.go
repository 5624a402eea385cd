package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"

	"github.com/cultivar/cultivar/bases"
	"github.com/cultivar/cultivar/datasets/chat"
	"github.com/cultivar/cultivar/pipeline/filter"
	"github.com/cultivar/cultivar/pipeline/redact"
	"github.com/cultivar/cultivar/trainer/lora"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/trainer/optim"
	"github.com/cultivar/cultivar/workflows"
)

var update = flag.Bool("update", false, "write the generated files")

const module = "github.com/cultivar/cultivar"

// subjects say what the files are for.
var subjects = map[string]string{
	"train":  "How `cultivar train` fits an adapter. Keys are those of transformers, TRL and PEFT.",
	"ingest": "How `cultivar ingest` makes a dataset of documents.",
}

// closed lists what a key may be where that is a closed list, by dotted path.
func closed() map[string][]string {
	return map[string][]string{
		"objective": objective.Names(), "train_on": trainOns(), "lr_scheduler_type": optim.ScheduleTypes, "quantize": append([]string{""}, bases.QuantiseMethods()...),
		"extract.rows.unknown_keys": {"refuse", "metadata"},
		"redact.entities":           {redact.Email, redact.Phone, redact.Card, redact.IBAN, redact.Secret, redact.IP, redact.SSN},
	}
}

func trainOns() []string {
	var names []string
	for _, on := range chat.TrainOns() {
		names = append(names, string(on))
	}
	return names
}

// reflector makes schemas of structs by their YAML names and with their fields' comments.
func reflector(t *testing.T) *jsonschema.Reflector {
	t.Helper()
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, DoNotReference: true, ExpandedStruct: true, Anonymous: true,
		Namer: func(of reflect.Type) string { return strings.ReplaceAll(of.PkgPath(), "/", "_") + "_" + of.Name() }, // many are called Config
		Mapper: func(of reflect.Type) *jsonschema.Schema {
			switch of {
			case reflect.TypeFor[lora.Targets]():
				return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
			case reflect.TypeFor[filter.Mode]():
				return &jsonschema.Schema{Type: "string", Enum: []any{filter.Drop, filter.Signal, filter.Off}}
			}
			return nil
		},
	}
	for _, room := range []string{"trainer", "pipeline", "datasets", "workflows"} {
		if err := r.AddGoComments(module+"/workflows/spec", filepath.Join("..", "..", room), jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// generate makes the schema of a configuration.
func generate(t *testing.T, r *jsonschema.Reflector, name string) []byte {
	t.Helper()
	config, err := Defaults(name)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(config)
	s.Title, s.Description = "cultivar "+name, subjects[name]
	values, err := workflows.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]any
	d := json.NewDecoder(bytes.NewReader(values))
	d.UseNumber()
	if err := d.Decode(&defaults); err != nil {
		t.Fatal(err)
	}
	decorate(t, s, defaults, "")
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// decorate adds defaults and closed lists to the properties of a schema, and joins the lines of comments.
func decorate(t *testing.T, s *jsonschema.Schema, defaults map[string]any, prefix string) {
	t.Helper()
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		path, value := prefix+p.Key, defaults[p.Key]
		p.Value.Description = strings.Join(strings.Fields(p.Value.Description), " ")
		if !strings.HasSuffix(p.Value.Description, ".") {
			t.Errorf("%s is described by %q: say in a comment on its field what it means, as a sentence", path, p.Value.Description)
		}
		if section, ok := value.(map[string]any); ok && p.Value.Properties != nil && p.Value.Properties.Len() > 0 {
			decorate(t, p.Value, section, path+".")
			continue
		}
		if p.Value.OneOf != nil {
			if list, ok := value.([]any); ok && len(list) == 1 {
				value = list[0] // as people write it: all-linear
			}
		}
		p.Value.Default = value
		for _, allowed := range closed()[path] {
			to := p.Value
			if to.Items != nil {
				to = to.Items
			}
			to.Enum = append(to.Enum, allowed)
		}
	}
}

// TestSchemas: the files are what the structs say today. `go generate ./workflows/spec` writes them.
func TestSchemas(t *testing.T) {
	r := reflector(t)
	for _, name := range Configs {
		want, path := generate(t, r, name), filepath.Join("schema", name+".json")
		if *update {
			if err := os.WriteFile(path, want, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the structs say: run go generate ./workflows/spec", path)
		}
	}
}

// TestSchemaHolds holds schemas to the values that are valid: the defaults, and each closed list.
func TestSchemaHolds(t *testing.T) {
	for _, name := range Configs {
		text, err := Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		var schema, defaults map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		config, err := Defaults(name)
		if err != nil {
			t.Fatal(err)
		}
		values, err := workflows.Encode(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(values, &defaults); err != nil {
			t.Fatal(err)
		}
		holds(t, name, schema, defaults)
		defaults["no_such_key"] = 1
		if err := check(name, schema, defaults); err == nil {
			t.Errorf("%s: an unknown key is valid", name)
		}
		keys, err := Keys(name)
		if err != nil || len(keys) < 10 {
			t.Errorf("%s has %d keys (%v)", name, len(keys), err)
		}
	}
}

func holds(t *testing.T, name string, schema map[string]any, value any) {
	t.Helper()
	if err := check(name, schema, value); err != nil {
		t.Error(err)
	}
}

// TestSchemaTakesYAML: what people write is valid.
func TestSchemaTakesYAML(t *testing.T) {
	var schema map[string]any
	text, err := Schema("train")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for config, valid := range map[string]bool{
		"lora: {r: 8, target_modules: all-linear}\nmax_steps: 3": true,
		"lora: {target_modules: [q_proj, v_proj]}":               true,
		"quantize: nf4\nobjective: dpo":                          true,
		"objective: rlhf":                                        false,
		"max_steps: many":                                        false,
		"lora: {rank: 8}":                                        false,
		"packing: 1":                                             false,
	} {
		value := map[string]any{}
		if err := yaml.Unmarshal([]byte(config), &value); err != nil {
			t.Fatal(err)
		}
		if err := check("train", schema, value); (err == nil) != valid {
			t.Errorf("%q: %v, want valid %v", config, err, valid)
		}
	}
}
