package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/diff"
	"github.com/cultivar/cultivar/adapters/publish"
	"github.com/cultivar/cultivar/cmd/internal/door"
	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/datasets/export"
	"github.com/cultivar/cultivar/internal/testkit"
	"github.com/cultivar/cultivar/internal/version"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/probe"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/workflows/doctor"
	"github.com/cultivar/cultivar/workflows/exporting"
	"github.com/cultivar/cultivar/workflows/generation"
	"github.com/cultivar/cultivar/workflows/ingestion"
	"github.com/cultivar/cultivar/workflows/inspect"
	"github.com/cultivar/cultivar/workflows/knowledge"
	"github.com/cultivar/cultivar/workflows/publication"
	"github.com/cultivar/cultivar/workflows/quickstart"
	"github.com/cultivar/cultivar/workflows/run"
	"github.com/cultivar/cultivar/workflows/training"
	"github.com/cultivar/cultivar/workflows/upkeep"
)

//go:generate go test . -run TestResultsPage -update

var update = flag.Bool("update", false, "write the generated files")

// results lists what verbs print with --json. Of several one is printed, as the page says.
func results() map[string][]any {
	return map[string][]any{
		"": {NextJSON{}}, "quickstart": {quickstart.Report{}}, "ingest": {ingestion.Ingested{}}, "train": {training.Trained{}, training.Plan{}}, "eval": {training.Evaluated{}, knowledge.Result{}},
		"generate": {generation.Answer{}, generation.Answers{}}, "template": {generation.Rendered{}}, "export": {exporting.Result{}},
		"inspect": {inspect.Base{}, inspect.Adapter{}, catalog.Described{}}, "publish": {publication.Published{}}, "pull": {publication.Pulled{}},
		"dataset ls": {[]catalog.Listed{}}, "dataset show": {catalog.Described{}}, "dataset card": {catalog.Card{}}, "dataset verify": {catalog.Intact{}},
		"dataset history": {[]registry.Event{}}, "dataset promote": {registry.AliasEntry{}}, "dataset rollback": {registry.AliasEntry{}}, "dataset diff": {export.DatasetDiff{}}, "dataset export": {export.RowsFile{}},
		"adapter ls": {[]registry.Listed{}}, "adapter show": {registry.Shown{}}, "adapter history": {[]registry.Event{}},
		"adapter promote": {registry.AliasEntry{}}, "adapter rollback": {registry.AliasEntry{}}, "adapter verify": {publish.Sound{}}, "adapter diff": {diff.Diff{}},
		"store probe": {probe.Report{}}, "store check": {registry.Report{}}, "store ls": {[]store.Listed{}},
		"rm": {upkeep.Report{}}, "gc": {upkeep.Report{}}, "repair": {upkeep.Report{}},
		"runs ls": {[]run.Listed{}}, "runs show": {run.Run{}}, "doctor": {doctor.Health{}}, "version": {version.Info{}},
	}
}

// otherwise says what verbs print with --json that is no fixed set of keys.
func otherwise() map[string]string {
	rows := "An array of rows of the table, with the columns that docs/format/dataset.md lists."
	return map[string]string{
		"dataset exclusions": rows, "dataset redactions": rows, "dataset sample": rows,
		"tokenize":        "An array of ids for each line of the input.",
		"config schema":   "A JSON Schema, with and without the flag.",
		"config defaults": "The configuration, under its keys.",
		"completion":      "A script for the shell; the flag changes nothing.",
	}
}

// verbs lists all verbs that do something, by what is typed.
func verbs() []string {
	var list []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if name := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "cultivar"), " "); !c.HasSubCommands() && name != "help" {
			list = append(list, name)
		}
	}
	walk(root(&door.App{}))
	slices.Sort(list)
	return list
}

// TestResultsPage: docs/reference/json.md is what the types say today. `go generate ./cmd/...` writes it.
func TestResultsPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(pageHead)
	comments := readComments(t)
	for _, verb := range verbs() {
		fmt.Fprintf(&b, "\n## %s\n\n", verb)
		if text := otherwise()[verb]; text != "" {
			b.WriteString(text + "\n")
			continue
		}
		if len(results()[verb]) == 0 {
			t.Errorf("%s: nobody says what it prints with --json", verb)
		}
		for i, v := range results()[verb] {
			if i > 0 {
				b.WriteString("\nor\n\n")
			}
			writeTable(&b, comments, reflect.TypeOf(v))
		}
	}
	b.WriteString("\n## cultivar, without a verb\n\n")
	writeTable(&b, comments, reflect.TypeFor[NextJSON]())
	b.WriteString("\n## what fails\n\n")
	writeTable(&b, comments, reflect.TypeFor[door.Failure]())
	path := filepath.Join(testkit.Root(t), "docs", "reference", "json.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(testkit.Read(t, path), b.Bytes()) {
		t.Error("docs/reference/json.md is not what the types say: run go generate ./cmd/internal/cli")
	}
}

const pageHead = `# What verbs print with --json

One JSON document on standard output. This page is generated from the types that are printed and their
comments; the tests hold what verbs print to it. In the tables a.b is key b of the object under a, a[] an
element of an array, a{} a value of an object whose keys are data. Times are RFC 3339; optional keys are
left out when there is nothing to say.
`

func writeTable(b *bytes.Buffer, comments map[string]string, t reflect.Type) {
	if t.Kind() == reflect.Slice {
		b.WriteString("An array, of which each element has:\n\n")
		t = t.Elem()
	}
	b.WriteString("| key | | |\n|---|---|---|\n")
	for _, k := range keysOf(t, "", nil) {
		note := comments[k.field]
		if k.optional {
			note = strings.TrimSpace(note + " (optional)")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.path, k.kind, strings.ReplaceAll(note, "|", `\|`))
	}
}

// jsonKey is a key of a result; field finds its comment.
type jsonKey struct {
	path, kind, field string
	optional          bool
}

// keysOf lists the keys of a type as encoding/json writes it, sections before what they hold.
func keysOf(t reflect.Type, prefix string, within []reflect.Type) []jsonKey {
	var list []jsonKey
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner, suffix := element(f.Type)
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			list = append(list, keysOf(inner, prefix, within)...)
			continue
		case name == "":
			name = f.Name
		}
		k := jsonKey{prefix + name, kindOf(f.Type), t.PkgPath() + "." + t.Name() + "." + f.Name, strings.Contains(options, "omit")}
		list = append(list, k)
		if isSection(inner) && !slices.Contains(within, inner) {
			list = append(list, keysOf(inner, k.path+suffix+".", append(within, inner))...)
		}
	}
	return list
}

// element looks through pointers, arrays and maps.
func element(t reflect.Type) (inner reflect.Type, suffix string) {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return t, ""
	case t.Kind() == reflect.Pointer:
		return element(t.Elem())
	case t.Kind() == reflect.Slice:
		inner, suffix = element(t.Elem())
		return inner, "[]" + suffix
	case t.Kind() == reflect.Map:
		inner, suffix = element(t.Elem())
		return inner, "{}" + suffix
	}
	return t, ""
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && !t.Implements(reflect.TypeFor[json.Marshaler]()) &&
		!reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())
}

func kindOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return kindOf(t.Elem())
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return "anything"
	case t.Kind() == reflect.Struct && !isSection(t):
		return "anything"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "whole number"
}

// checkJSON holds what a verb printed to what the page says of it.
func checkJSON(args []string, code int, out []byte) error {
	c, _, err := root(&door.App{}).Find(args)
	if err != nil {
		return nil // an error that has been told
	}
	verb := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "cultivar"), " ")
	d := json.NewDecoder(bytes.NewReader(out))
	var value any
	if err := d.Decode(&value); err != nil || otherwise()[verb] != "" && code == 0 {
		return err
	}
	if d.More() {
		return fmt.Errorf("%s prints more than one document", verb)
	}
	types := append([]any{}, results()[verb]...)
	if code != 0 {
		types = append(types, door.Failure{})
	}
	var errs []string
	for _, typ := range types {
		err := fits(reflect.TypeOf(typ), value, verb)
		if err == nil {
			return nil
		}
		errs = append(errs, err.Error())
	}
	return fmt.Errorf("%s prints what docs/reference/json.md does not say: %s", verb, strings.Join(errs, "; or "))
}

// fits tells whether a value has the keys of a type.
func fits(t reflect.Type, value any, path string) error {
	inner, _ := element(t)
	if value == nil || !isSection(inner) && inner.Kind() != reflect.Struct {
		return nil
	}
	switch v := value.(type) {
	case []any:
		for _, x := range v {
			if err := fits(inner, x, path); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if t.Kind() == reflect.Map {
			for _, x := range v {
				if err := fits(t.Elem(), x, path); err != nil {
					return err
				}
			}
			return nil
		}
		return fitsObject(inner, v, path)
	}
	return nil
}

func fitsObject(t reflect.Type, v map[string]any, path string) error {
	if !isSection(t) {
		return nil
	}
	known := map[string]bool{}
	for _, k := range keysOf(t, "", []reflect.Type{t}) {
		if strings.Contains(k.path, ".") {
			continue
		}
		known[k.path] = true
		if _, ok := v[k.path]; !ok && !k.optional {
			return fmt.Errorf("%s: no key %s", path, k.path)
		}
	}
	for key := range v {
		if !known[key] {
			return fmt.Errorf("%s: unknown key %s", path, key)
		}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if x, ok := v[name]; ok && name != "" {
			if err := fits(f.Type, x, path+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}
