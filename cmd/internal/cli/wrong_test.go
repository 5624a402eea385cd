package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// internals are words of the program's insides, which no error has.
var internals = regexp.MustCompile(`strconv|goroutine|panic|0x[0-9a-f]{6}|\*[a-z]+\.[A-Z]|map\[|nil pointer|invalid syntax|unmarshal|goccy|pflag|<nil>|%!`)

// pasted are the commands in an error and its hint.
var pasted = regexp.MustCompile("`cultivar( [^`]+)`")

// TestWrong holds what is typed wrongly to an exit code and to one line that says what is wrong, with one that
// says the way out; what that tells to type is understood.
func TestWrong(t *testing.T) {
	text := string(testkit.Read(t, filepath.Join("testdata", "wrong.table")))
	dir := t.TempDir()
	t.Setenv("CULTIVAR_HOME", t.TempDir())
	furnish(t, dir)
	t.Chdir(dir)
	if err := os.MkdirAll("pictures/a", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("pictures/a.xyz", []byte("\x00\x01\x02"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ingest handbook --out handbook", "publish v1 --name handbook --alias prod"} {
		if code, _, errs := call(strings.Fields(line)...); code != 0 {
			t.Fatalf("%s: %s", line, errs)
		}
	}
	n, seen := 0, map[string]bool{}
	for row := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(row, " | ")
		if row == "" || row[0] == '#' {
			continue
		}
		if len(cells) != 3 {
			t.Fatalf("no row of the table: %s", row)
		}
		want, err := strconv.Atoi(cells[0])
		if err != nil {
			t.Fatal(err)
		}
		n++
		args := words(cells[1])
		for _, verb := range verbs() {
			seen[verb] = seen[verb] || strings.HasPrefix(cells[1]+" ", verb+" ")
		}
		code, _, errs := call(args...)
		if code != want {
			t.Errorf("%s: exit code %d, want %d\n%s", cells[1], code, want, errs)
		}
		lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
		if !strings.HasPrefix(lines[0], "cultivar: error: ") || len(lines) > 2 || len(lines) == 2 && !strings.HasPrefix(lines[1], "cultivar: hint: ") || internals.MatchString(errs) {
			t.Errorf("%s: not one line and a hint in plain words:\n%s", cells[1], errs)
		}
		for _, m := range pasted.FindAllStringSubmatch(errs, -1) {
			if code, _, said := call(append(words(m[1]), "--help")...); code != 0 {
				t.Errorf("%s: what it tells to type is wrong: %s\n%s", cells[1], m[1], said)
			}
		}
		for word := range strings.SplitSeq(cells[2], "; ") {
			if !strings.Contains(errs, word) {
				t.Errorf("%s: %q is not said in\n%s", cells[1], word, errs)
			}
		}
	}
	if n < 67 {
		t.Errorf("%d wrong inputs, want 67", n)
	}
	for _, verb := range verbs() {
		if !seen[verb] {
			t.Errorf("nobody gets %s wrong", verb)
		}
	}
}

// words splits arguments as a shell does, as far as the table needs it.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
