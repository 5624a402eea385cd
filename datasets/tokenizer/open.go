package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cultivar/cultivar/internal/bounded"
)

// maxFile bounds the files of a tokenizer; the largest real one is about 35 MB.
const maxFile = 256 << 20

// Open reads the tokenizer of a model directory, of the first of these files that is there:
// tokenizer.json; tokenizer.model or spiece.model, of SentencePiece or in tiktoken's form;
// tekken.json; a file *.tiktoken; vocab.json and merges.txt. The names of special tokens are in
// tokenizer_config.json, special_tokens_map.json and generation_config.json as far as they are there.
func Open(dir string) (*Tokenizer, error) {
	t, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	return t, nil
}

func open(dir string) (*Tokenizer, error) {
	n, err := readNames(dir)
	if err != nil {
		return nil, err
	}
	name, err := vocabularyFile(dir)
	if err != nil {
		return nil, err
	}
	data, err := readOptional(dir, name)
	if err != nil {
		return nil, err
	}
	if name != "tokenizer.json" {
		if err := n.readOld(dir); err != nil {
			return nil, err
		}
	}
	var t *Tokenizer
	switch {
	case name == "tokenizer.json":
		t, err = parse(data, n)
	case name == "vocab.json":
		t, err = fromGPT2(dir, data, n)
	case name == "tekken.json":
		t, err = fromTekken(data, n)
	case isTiktoken(data):
		t, err = fromTiktoken(name, data, n)
	default:
		t, err = fromSPM(data, n)
	}
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	return t, nil
}

// vocabularyFile returns the name of the file that a directory's vocabulary is in.
func vocabularyFile(dir string) (string, error) {
	for _, name := range []string{"tokenizer.json", "tokenizer.model", "spiece.model", "tekken.json", "*.tiktoken", "vocab.json"} {
		found, err := fs.Glob(os.DirFS(dir), name)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return "", errors.New("there is no tokenizer.json, tokenizer.model, tekken.json, *.tiktoken or vocab.json")
}

// readOptional returns nil when the file is not there.
func readOptional(dir, name string) ([]byte, error) {
	data, err := bounded.ReadFile(filepath.Join(dir, name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func readNames(dir string) (names, error) {
	var n names
	config, err := readOptional(dir, "tokenizer_config.json")
	if err != nil {
		return n, err
	}
	if n, err = parseNames(config); err != nil {
		return n, fmt.Errorf("parse tokenizer_config.json: %w", err)
	}
	special, err := readOptional(dir, "special_tokens_map.json")
	if err != nil {
		return n, err
	}
	more, err := parseNames(special)
	if err != nil {
		return n, fmt.Errorf("parse special_tokens_map.json: %w", err)
	}
	for _, name := range namedTokens {
		if n.tokens[name] == "" && more.tokens[name] != "" {
			n.tokens[name] = more.tokens[name]
		}
	}
	n.added = append(n.added, more.added...)
	generation, err := readOptional(dir, "generation_config.json")
	if err != nil || generation == nil {
		return n, err
	}
	if err := n.parseGeneration(generation); err != nil {
		return n, fmt.Errorf("parse generation_config.json: %w", err)
	}
	return n, nil
}

// readOld adds added_tokens.json: the tokens and ids that models from before tokenizer.json add to
// their vocabulary.
func (n *names) readOld(dir string) error {
	data, err := readOptional(dir, "added_tokens.json")
	if err != nil || data == nil {
		return err
	}
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return fmt.Errorf("parse added_tokens.json: %w", err)
	}
	var list []addedToken
	for content, id := range ids {
		list = append(list, addedToken{ID: id, Content: content, Special: true})
	}
	slices.SortFunc(list, func(a, b addedToken) int { return int(a.ID) - int(b.ID) })
	// Files that say more of a token come first: the first of equal tokens counts.
	n.added = append(n.added, list...)
	slices.SortStableFunc(n.added, func(a, b addedToken) int {
		return cmp.Compare(uint32(a.ID), uint32(b.ID)) // those without id, -1, last
	})
	return nil
}

// endOfText is GPT-2's only special token.
const endOfText = "<|endoftext|>"

// fromGPT2 makes a tokenizer of vocab.json and merges.txt as HF's converters do for GPT-2 and
// Qwen 2 (transformers, convert_slow_tokenizer.py).
func fromGPT2(dir string, vocab []byte, n names) (*Tokenizer, error) {
	text, err := readOptional(dir, "merges.txt")
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, errors.New("there is no merges.txt beside it")
	}
	v := bpeJSON{typed: typed{"BPE"}}
	if err := json.Unmarshal(vocab, &v.Vocab); err != nil {
		return nil, err
	}
	if len(v.Vocab) == 0 {
		return nil, errors.New("vocabulary is empty")
	}
	if v.Merges, err = parseMerges(string(text)); err != nil {
		return nil, fmt.Errorf("parse merges.txt: %w", err)
	}
	b := blueprint{names: n, decoder: byteLevelComponent(false, true)}
	b.model = func(t *Tokenizer) (map[string]int32, error) { return v.Vocab, t.setBPE(v) }
	b.wrap = &wrap{}
	b.wrap.configure(n.config)
	prefix := n.config.AddPrefixSpace != nil && *n.config.AddPrefixSpace
	if strings.HasPrefix(n.config.Class, "Qwen2Tokenizer") {
		b.normalizer = component(object{"type": "NFC"})
		b.preTokenizer = splitComponent(prefix, patternQwen2)
		b.names.fallback("pad_token", endOfText)
	} else {
		b.preTokenizer = byteLevelComponent(prefix, true)
		b.names.fallback("bos_token", endOfText)
		b.names.fallback("unk_token", endOfText)
	}
	b.names.fallback("eos_token", endOfText)
	b.names.added = append(b.names.added, addedToken{ID: -1, Content: endOfText, Special: true})
	return b.build()
}

// parseMerges reads merges.txt.
func parseMerges(text string) ([]mergeJSON, error) {
	var list []mergeJSON
	first := true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		version := first && strings.HasPrefix(line, "#version")
		if first = false; version || line == "" {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d has not two parts", len(list))
		}
		list = append(list, mergeJSON{left, right})
	}
	return list, nil
}

// byteLevelComponent is ByteLevel, as pre-tokenizer and as decoder.
func byteLevelComponent(prefixSpace, words bool) json.RawMessage {
	return component(object{"type": "ByteLevel", "add_prefix_space": prefixSpace, "trim_offsets": true, "use_regex": words})
}

// splitComponent cuts by patterns, one after the other, and leaves bytes.
func splitComponent(prefixSpace bool, patterns ...string) json.RawMessage {
	parts := []any{}
	for _, expr := range patterns {
		parts = append(parts, object{"type": "Split", "pattern": object{"Regex": expr}, "behavior": "Isolated", "invert": false})
	}
	return component(object{"type": "Sequence", "pretokenizers": append(parts, byteLevelComponent(prefixSpace, false))})
}
