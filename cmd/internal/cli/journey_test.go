package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store/storetest/s3server"
)

// journey is the way of documents to a served adapter in one home, of which every command is killed at
// several instants before it may finish.
type journey struct {
	t       *testing.T
	program string // the test binary under the command's name
	dir     string // working directory
	home    string
}

// TestJourney goes the whole way in a directory and on a real S3 server, and wants the same digests.
func TestJourney(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "cultivar")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	far := s3server.Start(t).NewBucket(t)
	before := journey{t, program, t.TempDir(), filepath.Join(t.TempDir(), "home")}.travel()
	after := journey{t, program, t.TempDir(), strings.Replace(far, "?", "/some/prefix?", 1)}.travel()
	if before != after {
		t.Errorf("in a directory %q, on S3 %q", before, after)
	}
}

// travel returns the digests of dataset, training and publication.
func (j journey) travel() [3]string {
	j.t.Helper()
	for i, text := range []string{"a b c a b c a b c a b c", "c b a c b a c b a c b a", "a a b b c c a a b b c c"} {
		j.write(fmt.Sprintf("docs/%d.md", i), strings.Repeat(text+".\n", 3))
	}
	j.write("train.yaml", "objective: clm\nmax_steps: 6\nbatch_size: 2\nmax_seq_length: 16\nsave_steps: 2\neval_fraction: 0\nlora: {r: 2, lora_alpha: 4}\n")
	if err := saveBase(filepath.Join(j.dir, "base")); err != nil {
		j.t.Fatal(err)
	}
	var digests [3]string
	for i, args := range []string{
		"ingest docs --out words --validation 0 --test 0",
		"train --base base --data words --config train.yaml --out adapter",
		"publish adapter --name words --alias prod",
	} {
		digests[i] = j.killed(args)["digest"].(string)
	}
	if digests[1] != digests[2] {
		j.t.Errorf("train says %s, publish %s", digests[1], digests[2])
	}
	j.killed("pull words:prod --out served")
	j.run("adapter verify served")
	j.run("dataset promote words@1 --alias gold")
	j.run("dataset verify words:gold")
	j.run("dataset export words:gold --table documents --format jsonl --out documents.jsonl")
	if list := j.run("dataset ls"); !strings.Contains(list, digests[0]) {
		j.t.Errorf("dataset ls: %s", list)
	}
	if list := j.run("adapter ls words"); !strings.Contains(list, digests[2]) || !strings.Contains(list, `"version":1,"aliases":["prod"]`) {
		j.t.Errorf("adapter ls: %s", list)
	}
	if left, err := os.ReadDir(filepath.Join(j.dir, fmt.Sprintf("cultivar-%d", os.Geteuid()))); len(left) > 0 {
		j.t.Errorf("left in the directory for temporary files: %v, %v", left, err)
	}
	return digests
}

func (j journey) write(name, text string) {
	path := filepath.Join(j.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		j.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		j.t.Fatal(err)
	}
}

func (j journey) command(args string) *exec.Cmd {
	c := exec.Command(j.program, append(strings.Fields(args), "--json")...)
	c.Dir = j.dir
	c.Env = append(os.Environ(), "CULTIVAR_HOME="+j.home, "HOME="+filepath.Join(j.dir, "user"), "TMPDIR="+j.dir, "USER=ann", "XDG_CACHE_HOME=")
	return c
}

// killed kills a command at growing intervals, looks at the home each time, and lets it finish at last.
func (j journey) killed(args string) map[string]any {
	j.t.Helper()
	for i := range 5 {
		c := j.command(args)
		if err := c.Start(); err != nil {
			j.t.Fatal(err)
		}
		time.Sleep(time.Duration(15+25*i) * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait() // killed, or done
		j.check()
	}
	var result map[string]any
	if err := json.Unmarshal([]byte(j.run(args)), &result); err != nil {
		j.t.Fatalf("%s: %v", args, err)
	}
	j.check()
	return result
}

func (j journey) check() {
	j.t.Helper()
	if report := j.run("store check --read-data"); !strings.Contains(report, `"problems":[]`) {
		j.t.Errorf("store check: %s", report)
	}
}

func (j journey) run(args string) string {
	j.t.Helper()
	c := j.command(args)
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		j.t.Fatalf("%s: %v\n%s%s", args, err, &out, &errors)
	}
	return out.String()
}
