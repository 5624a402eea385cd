package export

import (
	"fmt"
	"strings"
)

// The regular expressions of published byte-level tokenizers.
const (
	reLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reO200k  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	reGPT2   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
)

// preNames gives what a tokenizer splits texts by the name that llama.cpp knows it under
// (src/llama-vocab.cpp). Some names also mean that a word that is a token needs no merges.
var preNames = []struct {
	splits  string // each step, joined by line feeds
	ignores bool   // ignore_merges
	name    string
}{
	{reLlama3, true, "llama-bpe"},
	{reLlama3, false, "dbrx"},
	{reQwen2, false, "qwen2"},
	{reTekken, true, "tekken"},
	{reO200k, false, "gpt-4o"},
	{reGPT2, false, "gpt-2"},
	{"digits\n" + reGPT2, false, "smollm"},
}

// pre names how texts are split before merging. llama.cpp's converter recognises a tokenizer by what
// it makes of one text; here it is recognised by its own description.
func (v *vocabulary) pre() (string, error) {
	var steps []string
	for _, p := range v.file.PreTokenizer.parts() {
		switch {
		case p.Type == "Split":
			steps = append(steps, p.Pattern.Regex)
		case p.Type == "Digits" && p.IndividualDigits:
			steps = append(steps, "digits")
		case p.Type == "ByteLevel" && (p.UseRegex == nil || *p.UseRegex):
			steps = append(steps, reGPT2)
		case p.Type == "ByteLevel":
		default:
			return "", fmt.Errorf("pre-tokenizer %s has no name in GGUF that is known", p.Type)
		}
	}
	for _, n := range preNames {
		if n.splits == strings.Join(steps, "\n") && n.ignores == v.file.Model.IgnoreMerges {
			return n.name, nil
		}
	}
	return "", fmt.Errorf("pre-tokenizer %.120q (ignore_merges %v) has no name in GGUF that is known", steps, v.file.Model.IgnoreMerges)
}
