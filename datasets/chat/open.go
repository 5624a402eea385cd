package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/datasets/tokenizer"
	"github.com/cultivar/cultivar/internal/bounded"
)

// maxFile bounds the files that hold templates.
const maxFile = 16 << 20

// Where templates are: one in a file, more of them in a folder, by name.
const (
	templateFile   = "chat_template.jinja"
	templateFolder = "additional_chat_templates"
	defaultName    = "default"
	toolsName      = "tool_use"
)

// Open reads the chat template of a model directory: chat_template.jinja and the named ones in
// additional_chat_templates/, else the chat_template of tokenizer_config.json, which is a template
// or a list of them by name. Of several the "default" is used, and "tool_use" when there are tools.
// tok, which may be nil, gives the special tokens. A template that cannot be used is one all the same,
// whose [Template.Err] says why.
func Open(dir string, tok *tokenizer.Tokenizer) (*Template, error) {
	t, err := open(dir, tok)
	if err != nil {
		return nil, fmt.Errorf("open chat template %s: %w", dir, err)
	}
	return t, nil
}

func open(dir string, tok *tokenizer.Tokenizer) (*Template, error) {
	var special map[string]string
	if tok != nil {
		special = tok.Names()
	}
	sources, err := fromFiles(dir)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		if sources, err = fromConfig(dir); err != nil {
			return &Template{broken: unusable(err)}, nil
		}
	}
	return fromSources(sources, special)
}

// fromSources makes templates by name.
func fromSources(sources, special map[string]string) (*Template, error) {
	if len(sources) == 0 {
		return nil, ErrNoTemplate
	}
	t := &Template{broken: unusable(errors.New("no chat template has the name default"))}
	if source, ok := sources[defaultName]; ok {
		t = FromSource(source, special)
	}
	if source, ok := sources[toolsName]; ok {
		t.tools = FromSource(source, special)
	}
	for name := range sources {
		t.names = append(t.names, name)
	}
	slices.Sort(t.names)
	return t, nil
}

// ParseFile reads a template of one's own, in place of the base's. special are the base's tokens.
func ParseFile(path string, special map[string]string) (*Template, error) {
	text, err := bounded.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read chat template: %w", err)
	}
	t, err := Parse(string(text), special)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// fromFiles reads the template's own file and the folder of named ones.
func fromFiles(dir string) (map[string]string, error) {
	sources := map[string]string{}
	text, err := bounded.ReadFile(filepath.Join(dir, templateFile), maxFile)
	if err == nil {
		sources[defaultName] = string(text)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, templateFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".jinja")
		if !ok {
			continue
		}
		if text, err = bounded.ReadFile(filepath.Join(dir, templateFolder, e.Name()), maxFile); err != nil {
			return nil, err
		}
		sources[name] = string(text)
	}
	return sources, nil
}

// fromConfig reads the templates of tokenizer_config.json.
func fromConfig(dir string) (map[string]string, error) {
	config, err := bounded.ReadFile(filepath.Join(dir, "tokenizer_config.json"), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("parse tokenizer_config.json: %w", err)
	}
	if len(c.Template) == 0 || string(c.Template) == "null" {
		return nil, nil
	}
	var source string
	if json.Unmarshal(c.Template, &source) == nil {
		return map[string]string{defaultName: source}, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &list); err != nil {
		return nil, errors.New("parse tokenizer_config.json: chat_template is neither a template nor a list of them")
	}
	sources := map[string]string{}
	for _, e := range list {
		sources[e.Name] = e.Template
	}
	return sources, nil
}
