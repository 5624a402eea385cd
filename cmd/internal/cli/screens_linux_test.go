package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/cmd/internal/door"
)

// screens is a home with something in it for every verb to show, with names as long as people give them.
type screens struct {
	dir, home string
}

const (
	longFolder  = "minutes-of-the-meeting-of-the-second-of-may"
	longDataset = "minutes-of-the-works-council-and-others"
)

func newScreens(t *testing.T) screens {
	t.Helper()
	s := screens{t.TempDir(), t.TempDir()}
	t.Chdir(s.dir)
	t.Setenv("COLUMNS", "")
	t.Setenv("USER", "annemarie.of.the.works.council")
	docs := map[string]string{
		"docs/a.md": "The boiler in the north wing is checked by ann@example.org on the first Monday of each month.\n",
		"docs/b.md": "The boiler in the north wing is checked by ann@example.org on the first Monday of each month.\n",
		"docs/" + longFolder + "/" + longFolder + "/short.md": "short\n", "docs/picture.xyz": "\x00\x01\x02\x03\xff", "docs/.hidden.md": "",
		"rows.jsonl": strings.Repeat(`{"text":"a b c a b c"}`+"\n", 8), "messages.json": `[{"role":"user","content":"a b"}]`,
		"train.yaml": "objective: clm\nmax_steps: 2\nbatch_size: 2\nmax_seq_length: 16\neval_fraction: 0\nlora: {r: 2, lora_alpha: 4}\n",
	}
	for name, text := range docs {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := saveBase("base"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("base/chat_template.jinja", []byte("{% for m in messages %}{{ m.content }}{% endfor %}"), 0o666); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"v1", "v2"} {
		if err := peft.Write(name, tinyAdapter(uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	s.setUp(t,
		"ingest docs --out "+longDataset, "dataset promote "+longDataset+"@1 --alias prod", "publish v1 --name k --alias prod", "publish v2 --name k",
		"adapter promote k@2 --alias prod --why because-it-is-better-than-the-one-before", "train --base base --data rows.jsonl --config train.yaml --out trained",
	)
	return s
}

func (s screens) setUp(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if code, _, errs := call(append(strings.Fields(line), "--home", s.home)...); code != 0 {
			t.Fatalf("%s: %s", line, errs)
		}
	}
}

// shown says how each verb is run for its screen; N stands for a number that is new each time.
var shown = map[string]string{
	"ingest": "ingest docs --out fresh-N", "dataset ls": "dataset ls", "dataset show": "dataset show " + longDataset, "dataset exclusions": "dataset exclusions " + longDataset,
	"dataset redactions": "dataset redactions " + longDataset, "dataset sample": "dataset sample " + longDataset, "dataset diff": "dataset diff " + longDataset + " other",
	"dataset verify": "dataset verify " + longDataset, "dataset export": "dataset export " + longDataset + " --table documents --format jsonl --out documents-N.jsonl",
	"dataset promote": "dataset promote " + longDataset + "@1 --alias gold", "dataset rollback": "dataset rollback " + longDataset + " --alias prod", "dataset history": "dataset history " + longDataset,
	"train": "train --base base --data rows.jsonl --config train.yaml --out trained-N", "eval": "eval --base base --data rows.jsonl",
	"export": "export k --format merged --base base --allow-other-base --out merged-N", "inspect": "inspect base", "publish": "publish v1 --name another-N", "pull": "pull k --out pulled-N",
	"adapter ls": "adapter ls", "adapter show": "adapter show k", "adapter history": "adapter history k", "adapter promote": "adapter promote k@1 --alias gold",
	"adapter rollback": "adapter rollback k --alias prod", "adapter verify": "adapter verify k", "adapter diff": "adapter diff v1 v2",
	"store probe": "store probe bucket-N", "store check": "store check", "store ls": "store ls", "runs ls": "runs ls", "runs show": "runs show RUN", "doctor": "doctor", "rm": "rm other", "gc": "gc", "repair": "repair", "version": "version",
}

// exact are the verbs whose result is a text of somebody else, which no screen changes, and what fits no test.
var exact = []string{"dataset card", "generate", "tokenize", "template", "config schema", "config defaults", "completion", "quickstart"}

// unbreakable is a line of nothing but a label and one word that no screen may break: a path, a digest, a flag.
var unbreakable = regexp.MustCompile(`^\s*([\w ()]{0,12}\s\s+)?(- |\+ |~ |[\d.]+ k?B  |[\d-]+  )*\S+( \\)?$`)

// tooWide lists the lines that are wider than a screen and need not be.
func tooWide(text string, columns int) (lines []string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
		if utf8.RuneCountInString(line) > columns && !unbreakable.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestScreens shows the results of all verbs on terminals of three widths, and into a pipe, where none is cut.
func TestScreens(t *testing.T) {
	s := newScreens(t)
	s.setUp(t, "ingest rows.jsonl docs/a.md --out other")
	_, runs, _ := call("runs", "ls", "--home", s.home)
	id := strings.Fields(strings.Split(runs, "\n")[1])[0]
	for _, verb := range verbs() {
		line, ok := shown[verb]
		if ok == slices.Contains(exact, verb) {
			t.Errorf("%s: neither has nor needs a screen", verb)
		}
		if !ok {
			continue
		}
		for i, columns := range []int{40, 80, 200, 0} {
			if verb == "adapter rollback" && i > 0 || verb == "dataset rollback" {
				continue // there is but one version to go back to
			}
			args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "RUN", id), "-N", fmt.Sprint("-", i)))
			text := s.screen(t, columns, append(args, "--home", s.home))
			if columns == 0 && strings.Contains(text, "…") {
				t.Errorf("%s: cut in a pipe:\n%s", line, text)
			}
			if wide := tooWide(text, columns); columns > 0 && len(wide) > 0 {
				t.Errorf("%s: wider than %d columns:\n%s", line, columns, strings.Join(wide, "\n"))
			}
		}
	}
}

// screen is what a verb shows on a terminal, or, without columns, in a pipe.
func (s screens) screen(t *testing.T, columns int, args []string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if columns == 0 {
		if code := Main(args, strings.NewReader(""), &out, &errs); code != 0 {
			t.Errorf("%v in a pipe: exit code %d: %s", args, code, &errs)
		}
		return out.String()
	}
	terminal, text := openTerminal(t, columns)
	if code := Main(args, strings.NewReader(""), terminal, &errs); code != 0 {
		t.Errorf("%v on a terminal: exit code %d: %s", args, code, &errs)
	}
	return text()
}

// TestNext: at a terminal a verb that made something tells what one would do next, as it is pasted; elsewhere and
// beside JSON it does not.
func TestNext(t *testing.T) {
	s := newScreens(t)
	for line, want := range map[string]string{
		"ingest docs --out fresh":                        "cultivar train --base BASE --data fresh@1 --out ./fresh-adapter --plan --home ",
		"publish v1 --name n":                            "cultivar adapter promote n@1 --alias prod --home ",
		"publish v1 --name m --alias prod --store other": "cultivar pull m:prod --out ./m-served --store other --home ",
		"adapter promote k@1 --alias gold":               "cultivar pull k:gold --out ./k-served --replace --home ",
		"pull k --out served":                            "cultivar generate --base BASE --adapter served --prompt '…' --home ",
		"publish v1 --name o --json":                     "",
	} {
		terminal, text := openTerminal(t, 200)
		var out bytes.Buffer
		if code := Main(append(strings.Fields(line), "--home", s.home), strings.NewReader(""), &out, terminal); code != 0 {
			t.Errorf("%s: exit code %d", line, code)
		}
		said := text()
		if want == "" && strings.Contains(said, "next:") || !strings.Contains(said, want) {
			t.Errorf("%s says %q, want %q", line, said, want)
		}
		_, _, errs := call(append(strings.Fields(line), "--home", s.home)...)
		if strings.Contains(errs, "next:") {
			t.Errorf("%s tells a pipe what is next", line)
		}
	}
}

// TestHelpScreens: the help of every verb fits, too.
func TestHelpScreens(t *testing.T) {
	t.Setenv("COLUMNS", "")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, columns := range []int{40, 80, 200} {
			text := screens{}.screen(t, columns, append(strings.Fields(c.CommandPath())[1:], "--help"))
			if wide := tooWide(text, columns); len(wide) > 0 {
				t.Errorf("%s --help: wider than %d columns:\n%s", c.CommandPath(), columns, strings.Join(wide, "\n"))
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root(&door.App{}))
}

// TestClosedPipe: who has read enough, as head does, ends any verb without an error.
func TestClosedPipe(t *testing.T) {
	s := newScreens(t)
	s.setUp(t, "ingest rows.jsonl docs/a.md --out other")
	_, runs, _ := call("runs", "ls", "--home", s.home)
	id := strings.Fields(strings.Split(runs, "\n")[1])[0]
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "cultivar")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	lines := []string{"dataset card " + longDataset, "generate --base base --prompt a", "tokenize --base base", "template --base base --messages messages.json",
		"config schema", "config defaults", "completion bash", "runs ls --json", "train --help"}
	for _, verb := range verbs() {
		line, ok := shown[verb]
		if said := slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, verb) }); !ok && !said && verb != "quickstart" {
			t.Errorf("%s is in no closed pipe", verb)
		}
		if ok && verb != "dataset rollback" { // there is but one version to go back to
			lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(line, "RUN", id), "-N", ""))
		}
	}
	for _, line := range lines {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = read.Close()
		var errs bytes.Buffer
		c := exec.Command(program, append(strings.Fields(line), "--home", s.home)...)
		c.Stdout, c.Stderr = write, &errs
		err = c.Run()
		_ = write.Close()
		var status *exec.ExitError
		if quiet := errors.As(err, &status) && !status.Exited(); err != nil && !quiet || strings.Contains(errs.String(), "error") {
			t.Errorf("%s: %v: %s", line, err, &errs) // neither done nor ended by SIGPIPE
		}
	}
}

// TestColours: labels are painted on terminals, and where it is wished, and nowhere else.
func TestColours(t *testing.T) {
	for _, c := range []struct {
		env     string
		columns int
		want    bool
	}{{"", 80, true}, {"", 0, false}, {"NO_COLOR=1", 80, false}, {"CLICOLOR_FORCE=1", 0, true}, {"NO_COLOR=1 CLICOLOR_FORCE=1", 0, false}, {"CLICOLOR=0", 80, false}, {"TERM=dumb", 80, false}} {
		t.Run(c.env, func(t *testing.T) {
			t.Setenv("TERM", "xterm")
			for _, name := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"} {
				t.Setenv(name, "")
			}
			for pair := range strings.FieldsSeq(c.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			var errs bytes.Buffer
			text := errs.String
			if c.columns > 0 {
				terminal, lines := openTerminal(t, c.columns)
				Main([]string{"nonsense"}, strings.NewReader(""), &bytes.Buffer{}, terminal)
				text = lines
			} else {
				Main([]string{"nonsense"}, strings.NewReader(""), &bytes.Buffer{}, &errs)
			}
			if got := text(); strings.Contains(got, "\x1b[31merror:\x1b[0m") != c.want || !strings.Contains(got, "unknown command") {
				t.Errorf("with %q and %d columns: %q", c.env, c.columns, got)
			}
		})
	}
}
