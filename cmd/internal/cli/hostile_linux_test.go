//go:build linux

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// CULTIVAR_HOSTILE says how thoroughly the test below attacks: "all" with every file, anything else with those whose
// names it matches, as a regular expression. Otherwise with a few of each kind.
const hostileEnv = "CULTIVAR_HOSTILE"

const (
	hostileMemory = 2 << 30          // bytes of addresses that a verb gets
	hostileTime   = 20 * time.Second // in which it ends, on a machine that has other work
	hostileLine   = 1300             // bytes of a line that it says
	hostileLines  = 21               // of them: several findings are lines
)

// readersOf are the verbs that read a kind of file, in a world of kill_linux_test.go with a hostile file of that kind in
// it, as typed; what follows < is the file that standard input is.
var readersOf = map[string][]string{
	"base": {
		"inspect h", "tokenize --base h < rows.txt", "tokenize --base h --decode < ids.txt", "template --base h --messages messages.json",
		"generate --base h --prompt a --max-new-tokens 2", "generate --base h --messages messages.json --max-new-tokens 2",
		"eval --base h --data rows.txt", "train --base h --data rows.txt --config train.yaml --out out --plan", "train --base h --data rows.txt --config train.yaml --out out",
		"export a1 --base h --format merged --out merged", "export --base h --format merged-gguf --out m.gguf", "export a1 --base h --format gguf --out a.gguf",
	},
	"adapter": {
		"inspect h", "adapter verify h", "adapter diff a1 h", "publish h --name new --to store", "export h --format peft --out peft", "export h --base base --format gguf --out h.gguf",
		"export h --base base --format merged --out merged", "generate --base base --adapter h --prompt a --max-new-tokens 2",
		"eval --base base --adapter h --data rows.txt", "train --base base --data rows.txt --config train.yaml --set init_adapter=h --set lora=null --out out",
	},
	"rows": {
		"ingest FILE --out new", "train --base base --data FILE --config train.yaml --out out", "train --base base --data FILE --config train.yaml --out out --plan --show 2",
		"eval --base base --data FILE",
	},
	"documents": {"ingest FILE --out new"},
	"messages": {
		"template --base chatty --messages FILE", "generate --base chatty --messages FILE --max-new-tokens 2", "template --base chatty --messages messages.json --tools FILE",
	},
	"template": {
		"template --base base --messages messages.json --chat-template FILE", "generate --base base --messages messages.json --chat-template FILE --max-new-tokens 2",
		"train --base base --data chats.jsonl --config train.yaml --set objective=sft --set chat_template=FILE --out out", "eval --base base --data chats.jsonl --chat-template FILE",
		"generate --base base --chat --chat-template FILE --max-new-tokens 2 < messages.json",
	},
	"text": {
		"tokenize --base base < FILE", "tokenize --base base --json < FILE", "tokenize --base base --decode < FILE", "generate --base base --prompt-file FILE --max-new-tokens 2",
		"generate --base base --prompts FILE --max-new-tokens 2", "generate --base chatty --chat --max-new-tokens 2 < FILE",
	},
	"configuration": {
		"ingest docs --config FILE --out new", "train --base base --data rows.txt --config FILE --out out",
	},
	"ignored": {"ingest FILE --out new"},
	"home": {
		"dataset ls", "dataset show d", "dataset card d", "dataset history d", "dataset exclusions d", "dataset redactions d", "dataset sample d", "dataset diff d d@1", "dataset verify d",
		"dataset export d --format jsonl --out d.jsonl", "dataset promote d@1 --alias n", "dataset rollback d --alias live", "inspect d", "inspect k",
		"train --base base --data d --config train.yaml --out out", "eval --base base --data d --split train", "ingest docs --out d",
		"adapter ls", "adapter show k", "adapter history k", "adapter verify k", "adapter diff k a1", "adapter promote k@1 --alias n", "adapter rollback k --alias prod",
		"publish a3 --name k", "pull k --out fresh", "export k --format peft --out peft", "generate --base base --adapter k --prompt a --max-new-tokens 2",
		"runs ls", "runs show 2", "store check", "store check --read-data", "store ls", "rm k@1", "rm k@1 --yes", "gc", "gc --yes", "repair", "repair --yes",
	},
	"output": {"train --base base --data rows.txt --config train.yaml --out h", "inspect h", "eval --base base --adapter h --data rows.txt", "publish h --name new"},
	"served": {"pull k:prod --from store --out h", "pull k@2 --from store --out h --replace"},
}

// TestHostile has every verb read files that mean ill, in little memory: it ends soon, with an exit code of the program's
// and a line that says what is wrong, or does its work.
func TestHostile(t *testing.T) {
	chosen := os.Getenv(hostileEnv)
	match, err := regexp.Compile(chosen)
	if err != nil {
		t.Fatal(err)
	}
	start := newWorld(t)
	start.furnish(t)
	all := hostileFiles(start)
	for _, name := range alwaysTried {
		if !slices.ContainsFunc(all, func(h hostile) bool { return h.name == name }) {
			t.Errorf("there is no %s", name)
		}
	}
	for _, h := range all {
		if (chosen != "" && chosen != "all" && !match.MatchString(h.name)) || chosen == "" && !h.always {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			w := start.copy(t)
			file, err := h.put(w)
			if err != nil {
				t.Fatal(err)
			}
			before := w.entries()
			for _, line := range readersOf[h.kind] {
				w.attack(t, strings.ReplaceAll(line, "FILE", file))
				if !h.changed(line) {
					w.clear(before)
					continue
				}
				_ = os.RemoveAll(w.dir) // it may be mended now
				if w = start.copy(t); err == nil {
					_, err = h.put(w)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// attack runs a verb as it is typed.
func (w world) attack(t *testing.T, line string) {
	t.Helper()
	typed, input, _ := strings.Cut(line, " < ")
	free := w.command(strings.Fields(typed)...)
	cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, hostileMemory>>10)}, free.Args...)...)
	cmd.Dir, cmd.Env = free.Dir, free.Env
	if input != "" {
		in, err := os.Open(w.at(input))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		cmd.Stdin = in
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	began := time.Now()
	late := time.AfterFunc(hostileTime, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Errorf("%s: %s: %v", t.Name(), line, err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Logf("%s: %s: takes %v", t.Name(), line, took.Round(100*time.Millisecond))
	}
	if err := orderly(cmd.ProcessState.ExitCode(), said.String()); err != nil {
		t.Errorf("%s: %s: %v", t.Name(), line, err)
	}
}

var crash = regexp.MustCompile(`(?im)^panic: |^fatal error: |goroutine \d+|out of memory|SIG[A-Z]{3}|runtime error`)

// orderly holds what a verb said to what people can read.
func orderly(code int, said string) error {
	lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	errs := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, "cultivar: error: ") })
	longest := slices.MaxFunc(lines, func(a, b string) int { return len(a) - len(b) })
	head := said[:min(len(said), 1500)]
	switch {
	case code < 0 || code > 3:
		return fmt.Errorf("exit code %d: %s", code, head)
	case crash.MatchString(said):
		return fmt.Errorf("a crash: %s", head)
	case code > 0 && len(errs) == 0:
		return fmt.Errorf("exit code %d without a word: %s", code, head)
	case len(errs) > hostileLines || len(longest) > hostileLine:
		return fmt.Errorf("%d errors, a line of %d bytes: %s", len(errs), len(longest), head)
	}
	return nil
}

// furnish puts into a world what the verbs of this test need beside the others.
func (w world) furnish(t *testing.T) {
	t.Helper()
	err := errors.Join(saveBase(w.at("chatty")), os.Mkdir(w.at("empty"), 0o777))
	for path, text := range map[string]string{
		"messages.json": `[{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":"a"}]`,
		"chats.jsonl":   strings.Repeat(`{"messages":[{"role":"user","content":"a b"},{"role":"assistant","content":"c"}]}`+"\n", 8),
		"ids.txt":       "[2, 3]\n", "chatty/chat_template.jinja": "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}{{ tools }}",
	} {
		err = errors.Join(err, os.WriteFile(w.at(path), []byte(text), 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.run(t, "train", "--base", "base", "--data", "rows.txt", "--config", "train.yaml", "--out", "output")
	w.run(t, "dataset", "promote", "d@1", "--alias", "live")
	w.run(t, "dataset", "promote", "d@1", "--alias", "live2")
}

// entries lists what a world has at its top.
func (w world) entries() []string {
	list, _ := os.ReadDir(w.dir)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names
}

// clear removes what a verb has made at the top.
func (w world) clear(before []string) {
	for _, name := range w.entries() {
		if !slices.Contains(before, name) {
			_ = os.RemoveAll(w.at(name))
		}
	}
}

// filesUnder lists the plain files below a directory of a world.
func (w world) filesUnder(dir string) []string {
	var files []string
	_ = filepath.WalkDir(w.at(dir), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(w.dir, path)
			files = append(files, rel)
		}
		return nil
	})
	return files
}
