package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/cmd/internal/door"
)

// examples lists the commands in the help of all verbs, in the order in which a newcomer meets them.
func examples(c *cobra.Command) (list [][2]string) {
	for line := range strings.SplitSeq(c.Example, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, [2]string{c.CommandPath(), line})
		}
	}
	for _, sub := range c.Commands() {
		list = append(list, examples(sub)...)
	}
	return list
}

// TestExamples runs what the help of every verb shows, in a folder that has what the examples speak of; every
// verb has two at least.
func TestExamples(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("no shell to run examples in: %v", err)
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "cultivar")); err != nil {
		t.Fatal(err)
	}
	furnish(t, dir)
	run := func(line string) {
		t.Helper()
		c := exec.Command(shell, "-e", "-o", "pipefail", "-c", line)
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CULTIVAR_HOME="+filepath.Join(dir, "home"), "HOME="+dir, "USER=ann", `fpath=.`)
		c.Stdin = strings.NewReader("a b\n/bye\n")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	for _, line := range []string{
		"cultivar ingest ./old --out handbook", "cultivar ingest ./handbook --out handbook",
		"cultivar dataset promote handbook@1 --alias prod", "cultivar dataset promote handbook@2 --alias prod",
		"cultivar publish ./v1 --name handbook --alias prod", "cultivar publish ./v1 --name handbook --store ./store --alias prod", "cp -r store backup",
	} {
		run(line)
	}
	shown := map[string]int{}
	for _, e := range examples(root(&door.App{})) {
		shown[e[0]]++
		if verb, _, _ := strings.Cut(strings.TrimPrefix(e[0], "cultivar "), " "); verb != "quickstart" { // which takes minutes
			run(e[1])
		}
		if !strings.Contains(e[1], e[0]+" ") && !strings.HasSuffix(e[1], e[0]) {
			t.Errorf("%s has an example of something else: %s", e[0], e[1])
		}
	}
	for _, verb := range verbs() {
		if n := shown["cultivar "+verb]; n < 2 {
			t.Errorf("%s has %d examples, want 2", verb, n)
		}
	}
}

// furnish puts what the examples speak of into a folder.
func furnish(t *testing.T, dir string) {
	t.Helper()
	files := map[string]string{
		"old/a.md": "The boiler in the north wing is checked on the first Monday of each month.\n", "wiki/home.md": "Ferries leave from the second pier when the tide is high.\n",
		"tickets.jsonl": `{"text":"The lamp in room 12 is out, and its key hangs on a hook."}` + "\n", "ingest.yaml": "examples: {max_chars: 1000}\n",
		"rows.jsonl": strings.Repeat(`{"text":"a b c a b c"}`+"\n", 8), "messages.json": `[{"role":"user","content":"a b"}]`, "questions.txt": "a b\nc\n",
		"train.yaml":                 "objective: clm\nmax_steps: 2\nbatch_size: 2\nmax_seq_length: 16\neval_fraction: 0\nlora: {r: 2, lora_alpha: 4}\n",
		".config/fish/completions/x": "", "mine.jinja": "{% for m in messages %}{{ m.content }}{% endfor %}",
	}
	for i := range 40 {
		files[fmt.Sprintf("handbook/%d.md", i)] = fmt.Sprintf("Room %d is cleaned by %c on day %d of the month, and a b c a b c. Write to ann%d@example.org.\n", i, 'a'+i%3, i%28, i)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := saveBase(filepath.Join(dir, "smollm")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "smollm", "chat_template.jinja"), []byte(files["mine.jinja"]), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := peft.Write(filepath.Join(dir, "v1"), tinyAdapter(1)); err != nil {
		t.Fatal(err)
	}
}
