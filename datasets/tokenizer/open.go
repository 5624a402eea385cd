package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds the files of a tokenizer; the largest real one is about 35 MB.
const maxFile = 256 << 20

// Open reads the tokenizer of a model directory: tokenizer.json, or vocab.json and merges.txt as
// GPT-2 has them, and for the names of special tokens tokenizer_config.json,
// special_tokens_map.json and generation_config.json as far as they are there.
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
	data, err := readOptional(dir, "tokenizer.json")
	if err != nil {
		return nil, err
	}
	if data == nil {
		if data, err = fromGPT2(dir, &n); err != nil {
			return nil, err
		}
	}
	return parse(data, n)
}

// readOptional returns nil when the file is not there.
func readOptional(dir, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, nil
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

// endOfText is GPT-2's only special token.
const endOfText = "<|endoftext|>"

// fromGPT2 writes the tokenizer.json that HF's converter makes of GPT-2's two files
// (transformers, convert_slow_tokenizer.py, GPT2Converter).
func fromGPT2(dir string, n *names) ([]byte, error) {
	vocab, err := readOptional(dir, "vocab.json")
	if err != nil {
		return nil, err
	}
	merges, err := readOptional(dir, "merges.txt")
	if err != nil {
		return nil, err
	}
	if vocab == nil || merges == nil {
		return nil, errors.New("there is neither a tokenizer.json nor a vocab.json with a merges.txt")
	}
	lines := strings.Split(strings.ReplaceAll(string(merges), "\r\n", "\n"), "\n")
	if len(lines) > 0 && strings.HasPrefix(lines[0], "#version") {
		lines = lines[1:]
	}
	list := make([]string, 0, len(lines))
	for _, l := range lines {
		if l != "" {
			list = append(list, l)
		}
	}
	for _, name := range []string{"bos_token", "eos_token", "unk_token"} {
		if n.tokens[name] == "" {
			n.tokens[name] = endOfText
			n.added = append(n.added, addedToken{ID: -1, Content: endOfText, Special: true})
		}
	}
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	return json.Marshal(map[string]any{
		"pre_tokenizer": byteLevel, "decoder": byteLevel,
		"model": map[string]any{"type": "BPE", "vocab": json.RawMessage(vocab), "merges": list},
	})
}
