package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/cultivar/cultivar/adapters/peft"
	"github.com/cultivar/cultivar/cmd/internal/door"
)

// call runs the command line in this process.
func call(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestHelp asks every verb for help, and holds what they say to one form.
func TestHelp(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		code, out, errs := call(append(path, "--help")...)
		if code != 0 || errs != "" || !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help: exit code %d, errors %q, output\n%s", c.CommandPath(), code, errs, out)
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || !unicode.IsUpper(rune(c.Short[0])) {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 102 {
				t.Errorf("%s: line of %d characters in long help: %s", c.CommandPath(), len(line), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root(&door.App{}))
}

// TestFullDisk: output that is lost is a failure, of every verb that prints a result.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no device that is always full: %v", err)
	}
	defer full.Close()
	home := t.TempDir()
	docs, v1, v2 := filepath.Join(home, "docs"), filepath.Join(home, "v1"), filepath.Join(home, "v2")
	if err := os.Mkdir(docs, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(docs, name), []byte("long enough to be kept, ann@example.org, and the same"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i, dir := range []string{v1, v2} {
		if err := peft.Write(dir, tinyAdapter(uint64(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, setup := range [][]string{{"ingest", docs, "--out", "d"}, {"publish", v1, "--name", "a", "--alias", "prod"}} {
		if code, _, errs := call(append(setup, "--home", home)...); code != 0 {
			t.Fatalf("%v: %s", setup, errs)
		}
	}
	for _, verb := range []string{
		"ingest " + docs + " --out d", "dataset ls", "dataset show d", "dataset card d", "dataset exclusions d", "dataset redactions d",
		"dataset sample d", "dataset diff d d", "dataset verify d", "dataset export d --format jsonl --out " + home + "/rows",
		"publish " + v1 + " --name a", "pull a --out " + home + "/pulled", "adapter ls", "adapter show a", "adapter history a",
		"adapter promote a@1 --alias prod", "adapter verify a", "adapter diff " + v1 + " " + v2, "store check", "store ls", "store probe " + home + "/bucket",
		"export a --format peft --out " + home + "/exported", "inspect d", "inspect a", "doctor", "config schema", "config defaults", "completion bash", "version",
	} {
		var errs bytes.Buffer
		code := Main(append(strings.Fields(verb), "--home", home), strings.NewReader(""), full, &errs)
		if code != 1 || !strings.Contains(errs.String(), "no space left on device") {
			t.Errorf("%s: exit code %d, errors %q", verb, code, errs.String())
		}
	}
}

// careless is an S3 server that takes conditional puts and forgets the condition.
func careless(t *testing.T) string {
	var mu sync.Mutex
	objects := map[string][]byte{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, ok := objects[r.URL.Path]
		switch {
		case r.Method == http.MethodPut:
			objects[r.URL.Path], _ = io.ReadAll(r.Body)
			w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		case r.Method == http.MethodDelete:
			delete(objects, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	return "s3://bucket/p?region=us-east-1&endpoint=" + s.URL
}

// A store where two publishers could both win is refused.
func TestCarelessStore(t *testing.T) {
	dir := t.TempDir()
	if err := peft.Write(dir, tinyAdapter(1)); err != nil {
		t.Fatal(err)
	}
	store := careless(t)
	code, _, errs := call("publish", dir, "--name", "a", "--to", store, "--home", t.TempDir())
	if code != 3 || !strings.Contains(errs, "store does not apply conditional writes") || !strings.Contains(errs, "cultivar: hint: two publishers") {
		t.Errorf("publish: exit code %d, errors %q", code, errs)
	}
	code, out, errs := call("store", "probe", store, "--json")
	var report struct {
		Steps []struct{ OK bool }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 3 || errs == "" {
		t.Errorf("probe: exit code %d, output %q (%v), errors %q", code, out, err, errs)
	}
}
