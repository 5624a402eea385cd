package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tiny = "hidden_size: 16\nintermediate_size: 24\nnum_hidden_layers: 1\nnum_attention_heads: 2\nnum_key_value_heads: 1\n" +
	"vocab_size: 300\ncorpus_tokens: 2000\nmax_seq_length: 64\nbatch_size: 4\nwarmup_steps: 1\n"

func TestRun(t *testing.T) {
	dir := t.TempDir()
	recipe := filepath.Join(dir, "recipe.yaml")
	if err := os.WriteFile(recipe, []byte(tiny), 0o666); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	base := filepath.Join(dir, "base")
	if err := run(t.Context(), []string{"-out", base, "-config", recipe}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(base, name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(out.String(), "held out  ") {
		t.Errorf("it says %q", out.String())
	}
	for want, args := range map[string][]string{"exists": {"-out", base}, "-out is missing": {}, "none.yaml": {"-out", dir + "/x", "-config", "none.yaml"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
