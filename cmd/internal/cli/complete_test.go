package cli

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/datasets/export"
	"github.com/cultivar/cultivar/trainer/objective"
	"github.com/cultivar/cultivar/workflows/spec"
)

// completed asks what the shells ask behind what was typed, of which the last word is still being typed.
func completed(t *testing.T, typed ...string) []string {
	t.Helper()
	code, out, errs := call(append([]string{"__complete"}, typed...)...)
	if code != 0 || strings.Contains(errs, "cultivar:") {
		t.Errorf("%q: exit code %d, errors %q", typed, code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i := range lines {
		lines[i], _, _ = strings.Cut(lines[i], "\t")
	}
	return lines[:len(lines)-1] // the last says what the shell does with them
}

// TestCompletion: what a home and a store hold, what flags may be, and keys of configurations are completed.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	home, far := filepath.Join(dir, "home"), filepath.Join(dir, "store")
	t.Chdir(dir)
	for i, name := range []string{"v1", "v2"} {
		if err := peft.Write(name, tinyAdapter(uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("a.md", []byte("The boiler in the north wing is checked on the first Monday of each month.\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"ingest a.md --out words", "dataset promote words@1 --alias gold", "publish v1 --name tone --alias prod", "publish v2 --name tone",
		"publish v1 --name elsewhere --store " + far,
	} {
		if code, _, errs := call(append(strings.Fields(line), "--home", home)...); code != 0 {
			t.Fatalf("%s: %s", line, errs)
		}
	}
	keys, err := spec.Keys("train")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, k := range keys {
		paths = append(paths, k.Path+"=")
	}
	for _, c := range []struct{ typed, want string }{
		{"dataset show |", "words"},
		{"dataset show w|", "words"},
		{"dataset show x|", ""},
		{"dataset show words:|", "words:gold"},
		{"dataset show words@|", "words@1"},
		{"dataset show words |", ""},
		{"dataset diff words |", "words"},
		{"dataset promote words@1 --alias |", "gold"},
		{"adapter show |", "tone"},
		{"adapter show tone@|", "tone@2 tone@1"},
		{"adapter show tone:|", "tone:prod"},
		{"adapter show --store " + far + " |", "elsewhere"},
		{"adapter rollback tone --alias |", "prod"},
		{"pull tone:p|", "tone:prod"},
		{"publish v1 --name |", "tone"},
		{"publish v1 --name tone --alias |", "prod"},
		{"generate --adapter tone@|", "tone@2 tone@1"},
		{"eval --data wor|", "words"},
		{"eval --data ./w|", ""},
		{"train --data=wor|", "words"},
		{"ingest a.md --out |", "words"},
		{"inspect |", "words tone"},
		{"rm tone |", "words tone RUNS"},
		{"runs show |", "RUNS"},
		{"runs ls --kind |", "ingest promote publish"},
		{"runs ls --state |", "running done failed interrupted"},
		{"train --objective |", strings.Join(objective.Names(), " ")},
		{"dataset export words --format |", strings.Join(export.RowFormats, " ")},
		{"eval --split v|", "validation"},
		{"train --set |", strings.Join(paths, " ")},
		{"train --set lora.r|", "lora.r="},
		{"train --set objective=d|", "objective=dpo objective=distil"},
		{"train --set lora.r=|", ""},
		{"ingest a.md --set split.t|", "split.test="},
		{"train --seed |", ""},
		{"completion |", "bash zsh fish"},
		{"config schema |", strings.Join(spec.Configs, " ")},
		{"dataset sh|", "show"},
		{"adapter show --home " + dir + "/nowhere |", ""},
		{"adapter show --store " + dir + "/nowhere |", ""},
		{"adapter show --store ftp://x |", ""},
	} {
		words := strings.Split(c.typed, " ")
		words[len(words)-1] = strings.TrimSuffix(words[len(words)-1], "|")
		if !strings.Contains(c.typed, "--home") {
			words = append([]string{"--home", home}, words...)
		}
		got := completed(t, words...)
		runs := strings.Count(c.want, "RUNS") * 5
		want := strings.Fields(strings.ReplaceAll(c.want, "RUNS", ""))
		if len(got) != len(want)+runs || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: %q, want %q and %d runs", c.typed, got, want, runs)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "nowhere")); err == nil {
		t.Errorf("completing made a home: %v", entries)
	}
}

// TestCompletionGivesUp: a store that does not answer is nothing to complete from, soon; and no other place than the
// one that was named is asked.
func TestCompletionGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- c // and never answered
		}
	}()
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	t.Setenv("HF_ENDPOINT", "http://"+l.Addr().String())
	t.Setenv("CULTIVAR_HOME", t.TempDir())
	far := "s3://bucket/p?region=us-east-1&endpoint=http://" + l.Addr().String()
	for _, typed := range [][]string{{"adapter", "show", ""}, {"generate", "--base", "hf://a/"}, {"inspect", "hf://a/"}} {
		completed(t, typed...)
	}
	if len(asked) > 0 {
		t.Errorf("%d connections where no place was named", len(asked))
	}
	for _, typed := range [][]string{
		{"adapter", "show", "--store", far, ""}, {"adapter", "show", "--store", far, "a:"}, {"dataset", "show", "--home", far, ""}, {"runs", "show", "--home", far, ""},
	} {
		if got := completed(t, typed...); len(got) != 0 {
			t.Errorf("%q: %q", typed, got)
		}
	}
	if len(asked) == 0 {
		t.Error("the store was not asked")
	}
}
