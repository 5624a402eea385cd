package ggufvocab

import (
	"fmt"

	"github.com/cultivar/cultivar/datasets/tokenizer"
)

// pre names how texts are split before merging. llama.cpp's converter recognises a tokenizer by what
// it makes of one text; here it is recognised by its own description.
func (v *vocabulary) pre() (string, error) {
	var steps []string
	for _, p := range v.file.PreTokenizer.parts() {
		switch {
		case p.Type == "Split":
			steps = append(steps, p.Pattern.Regex)
		case p.Type == "Digits" && p.IndividualDigits:
			steps = append(steps, tokenizer.PatternDigit)
		case p.Type == "ByteLevel" && (p.UseRegex == nil || *p.UseRegex):
			steps = append(steps, tokenizer.PatternByteLevel)
		case p.Type == "ByteLevel":
		default:
			return "", fmt.Errorf("pre-tokenizer %s has no name in GGUF that is known", p.Type)
		}
	}
	if name, ok := tokenizer.GGUFPre(steps, v.file.Model.IgnoreMerges); ok {
		return name, nil
	}
	return "", fmt.Errorf("pre-tokenizer %.120q (ignore_merges %v) has no name in GGUF that is known", steps, v.file.Model.IgnoreMerges)
}
