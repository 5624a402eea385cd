// Package card renders the model card of an adapter: a README.md with the front matter that the
// Hugging Face hub reads, and for people what the adapter is, what it was made from, how, and what
// it was measured to do. It holds facts of the lineage only, never document text.
//
// The bytes depend only on the facts. What is not known is left out.
package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/humanize"
)

// Name is the file name of a card.
const Name = "README.md"

// ours is the last tag of the cards that are written here.
const ours = "cultivar"

// Facts is what a card tells. The zero value of a field means that it is not known.
type Facts struct {
	Name    string // the adapter's name in the registry
	Version string
	Summary string // one paragraph by its makers
	Digest  string // of the adapter
	Tool    string // name and version of the program that trained it
	Created time.Time

	Config     adapters.Config
	Parameters int64 // trained values

	BaseDigest  string
	BaseLicense string // SPDX identifier or the hub's name

	Objective string // clm, sft, dpo
	Datasets  []Dataset
	Training  []Setting // hyper-parameters, in the order to print
	Metrics   []Metric
	Limits    []string // known limits and cautions, a sentence each
}

// Dataset is a dataset version that the adapter was trained on.
type Dataset struct {
	Name, Version, Digest       string
	Documents, Examples, Tokens int64
}

// Setting is a hyper-parameter by its name in the training configuration.
type Setting struct{ Name, Value string }

// Metric is a measure on a split, of the base alone and with the adapter. NaN means not measured.
type Metric struct {
	Name, Split   string
	Before, After float64
}

// maxCard is larger than any card of ours, in bytes.
const maxCard = 16 << 20

// Write writes a card into an adapter's directory, unless somebody's own stands there.
func Write(dir string, text []byte) error {
	old, err := bounded.ReadFile(filepath.Join(dir, Name), maxCard)
	if errors.As(err, new(*bounded.TooLargeError)) || err == nil && !bytes.Contains(old, []byte("\n- "+ours+"\n---\n")) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, Name), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// Markdown renders the card.
func Markdown(f Facts) []byte {
	var b strings.Builder
	frontMatter(&b, f)
	title(&b, f)
	identity(&b, f)
	data(&b, f.Datasets)
	training(&b, f)
	metrics(&b, f.Metrics)
	limits(&b, f.Limits)
	usage(&b, f)
	return []byte(b.String())
}

// frontMatter is the hub's metadata (huggingface.co/docs/hub/model-cards, "Model card metadata").
func frontMatter(b *strings.Builder, f Facts) {
	b.WriteString("---\nlibrary_name: peft\npipeline_tag: text-generation\n")
	tags := []string{"lora"}
	if base := f.Config.BaseModel; base != "" {
		fmt.Fprintf(b, "base_model: %s\n", yamlString(base))
		tags = append([]string{"base_model:adapter:" + base}, tags...)
	}
	if f.BaseLicense != "" {
		fmt.Fprintf(b, "license: %s\n", yamlString(f.BaseLicense))
	}
	b.WriteString("tags:\n")
	for _, tag := range append(tags, ours) {
		fmt.Fprintf(b, "- %s\n", yamlString(tag))
	}
	b.WriteString("---\n\n")
}

func title(b *strings.Builder, f Facts) {
	name := f.Name
	if name == "" {
		name = "LoRA adapter"
	}
	fmt.Fprintf(b, "# %s\n\n", text(strings.TrimSpace(name+" "+f.Version)))
	if f.Summary != "" {
		fmt.Fprintf(b, "%s\n\n", text(f.Summary))
	}
}

func identity(b *strings.Builder, f Facts) {
	method := "LoRA"
	switch {
	case f.Config.UseDoRA:
		method = "DoRA"
	case f.Config.UseRSLoRA:
		method = "rank-stabilised LoRA"
	}
	t := table{b: b, head: []string{"", ""}}
	t.optional("Base model", code(f.Config.BaseModel))
	t.optional("Base revision", code(f.Config.Revision))
	t.optional("Base digest", code(f.BaseDigest))
	t.optional("Base licence", text(f.BaseLicense))
	if f.Config.Rank > 0 {
		t.row("Method", fmt.Sprintf("%s, rank %d, alpha %s", method, f.Config.Rank, number(f.Config.Alpha)))
	}
	t.optional("Target modules", code(strings.Join(f.Config.TargetModules, ", ")))
	t.optional("Target parameters", code(strings.Join(f.Config.TargetParameters, ", ")))
	if f.Parameters > 0 {
		t.row("Trained parameters", humanize.Count(f.Parameters))
	}
	t.optional("Adapter digest", code(f.Digest))
	if !f.Created.IsZero() {
		t.row("Created", f.Created.UTC().Format("2006-01-02 15:04 UTC"))
	}
	t.optional("Made with", text(f.Tool))
	t.end()
}

func data(b *strings.Builder, datasets []Dataset) {
	if len(datasets) == 0 {
		return
	}
	b.WriteString("## Data\n\n")
	t := table{b: b, head: []string{"Dataset", "Version", "Documents", "Examples", "Tokens", "Digest"}}
	for _, d := range datasets {
		t.row(text(d.Name), text(d.Version), count(d.Documents), count(d.Examples), count(d.Tokens), code(d.Digest))
	}
	t.end()
}

func training(b *strings.Builder, f Facts) {
	if f.Objective == "" && len(f.Training) == 0 {
		return
	}
	b.WriteString("## Training\n\n")
	t := table{b: b, head: []string{"Setting", "Value"}}
	t.optional("objective", text(f.Objective))
	for _, s := range f.Training {
		t.row(code(s.Name), text(s.Value))
	}
	t.end()
}

func metrics(b *strings.Builder, list []Metric) {
	if len(list) == 0 {
		return
	}
	b.WriteString("## Evaluation\n\n")
	t := table{b: b, head: []string{"Metric", "Split", "Base", "With adapter"}}
	for _, m := range list {
		t.row(text(m.Name), text(m.Split), measured(m.Before), measured(m.After))
	}
	t.end()
}

func limits(b *strings.Builder, list []string) {
	if len(list) == 0 {
		return
	}
	b.WriteString("## Limits\n\n")
	for _, s := range list {
		fmt.Fprintf(b, "- %s\n", text(s))
	}
	b.WriteString("\n")
}

// usage shows how the files are loaded. The base's name goes into code and is quoted for it.
func usage(b *strings.Builder, f Facts) {
	if f.Config.BaseModel == "" {
		return
	}
	base := literal(f.Config.BaseModel)
	fmt.Fprintf(b, "## Use\n\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"+
		"base = AutoModelForCausalLM.from_pretrained(%s)\nmodel = PeftModel.from_pretrained(base, \"path/to/this/directory\")\n```\n", base)
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return humanize.Count(n)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func measured(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// literal is a string literal that JSON, YAML and Python share.
func literal(s string) string {
	quoted, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		panic(err) // strings always encode
	}
	return string(quoted)
}

// yamlString quotes what YAML might read as anything but a string.
func yamlString(s string) string {
	plain := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") == "" &&
		strings.ContainsAny(s[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return literal(s)
}
