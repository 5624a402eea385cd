package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/adapters"
	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/store/registry"
)

const (
	configName  = "adapter_config.json"
	weightsName = "adapter_model.safetensors"
	// maxFacts bounds the files that go into the manifest's body, in bytes.
	maxFacts = 4 << 20
)

// content and records are all that is published. Content makes the adapter's digest; records tell
// about its making, and may differ between two runs that give the same adapter (speeds, times,
// randomised signatures).
var (
	content = []string{
		configName, weightsName, adapters.LineageFile,
		"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
	}
	records = []string{"README.md", "metrics.jsonl", "training_config.json", "model.sig"}
)

// kept are what else a training leaves in its directory. It stays there without a word: a report shows rows of the
// data, and checkpoints are for going on.
var kept = []string{"report.html", "checkpoints", "state.safetensors", "progress.json"}

// pickles are the extensions under which Python programs keep pickles.
var pickles = []string{".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}

func isPickle(name string) bool {
	return slices.Contains(pickles, strings.ToLower(path.Ext(name)))
}

func isRecord(name string) bool { return slices.Contains(records, name) }

// directory is an adapter's directory, with the names found there.
type directory struct {
	root    *os.Root
	names   []string
	skipped []string
}

// scan sorts the entries of a directory into published and skipped ones, and refuses unsafe ones.
func scan(dir string) (*directory, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &directory{root: root}
	if err := d.scan(); err != nil {
		root.Close()
		return nil, err
	}
	return d, nil
}

func (d *directory) scan() error {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		published := slices.Contains(content, name) || slices.Contains(records, name)
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			return fmt.Errorf("%w: %s is a symbolic link", ErrUnsafe, name)
		case !e.IsDir() && isPickle(name):
			return fmt.Errorf("%w: %s may be a pickle, only safetensors are published", ErrUnsafe, name)
		case published && !e.Type().IsRegular():
			return fmt.Errorf("%w: %s is not a plain file", ErrUnsafe, name)
		case published:
			d.names = append(d.names, name)
		case slices.Contains(kept, name):
		case e.IsDir():
			d.skipped = append(d.skipped, name+"/")
		default:
			d.skipped = append(d.skipped, name)
		}
	}
	return needed(d.names)
}

// needed says whether the files that every serving engine wants are among names.
func needed(names []string) error {
	for _, name := range []string{configName, weightsName} {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: %s is missing", adapters.ErrNotAdapter, name)
		}
	}
	return nil
}

// checkManifest refuses a version that Publish would not have made, whoever made it.
func checkManifest(m registry.Manifest) error {
	var names []string
	for _, f := range m.Files {
		if isPickle(f.Path) {
			return fmt.Errorf("%w: version holds %s, which may be a pickle", ErrUnsafe, f.Path)
		}
		names = append(names, f.Path)
	}
	return needed(names)
}

// sources are the files to publish. They are opened through the root, so that a link that is put in
// a file's place meanwhile does not lead out.
func (d *directory) sources() map[string]registry.Source {
	sources := make(map[string]registry.Source, len(d.names))
	for _, name := range d.names {
		sources[name] = registry.Source{
			Open:   func() (io.ReadSeekCloser, error) { return d.root.Open(name) },
			Record: isRecord(name),
		}
	}
	return sources
}

// body is the manifest's body.
func (d *directory) body() (json.RawMessage, error) {
	config, err := d.object(configName)
	if err != nil {
		return nil, err
	}
	var peft struct {
		Type string `json:"peft_type"`
	}
	if err := json.Unmarshal(config, &peft); err != nil || peft.Type != "LORA" {
		return nil, fmt.Errorf("%w: %s has peft_type %q, want LORA", adapters.ErrNotAdapter, configName, peft.Type)
	}
	b := Body{Kind: kind, Config: config}
	b.Lineage, err = d.object(adapters.LineageFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return json.Marshal(b)
}

// object reads a file that holds one JSON object.
func (d *directory) object(name string) (json.RawMessage, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := bounded.Read(f, maxFacts)
	if _, large := errors.AsType[*bounded.TooLargeError](err); large {
		return nil, fmt.Errorf("%w: %w", adapters.ErrNotAdapter, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, fmt.Errorf("%w: %s holds no JSON object", adapters.ErrNotAdapter, name)
	}
	return data, nil
}
