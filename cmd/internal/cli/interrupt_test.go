package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cultivar/cultivar/internal/parallel"
)

// interruptible are all verbs, where they can at what takes a while: numbers, a pipe, a service that never answers (FAR).
var interruptible = []string{
	"ingest docs --out d",
	"ingest pipe.jsonl --out d",
	"train --base base --data rows.jsonl --config train.yaml --out out",
	"train --base base --data words --config train.yaml --out out2",
	"eval --base base --data rows.jsonl",
	"generate --base base --prompt a --max-new-tokens 100000",
	"generate --base base --chat --chat-template endless.jinja",
	"tokenize --base base",
	"tokenize --base base --decode",
	"template --base base --messages pipe.jsonl",
	"template --base base --messages messages.json --chat-template endless.jinja",
	"export adapter --base base --format merged-gguf --out merged.gguf",
	"inspect base",
	"inspect hf://a/b",
	"quickstart --dir quick",
	"doctor",
	"publish adapter --name x --to FAR",
	"pull x --from FAR --out pulled",
	"adapter ls --store FAR",
	"adapter show x --store FAR",
	"adapter history x --store FAR",
	"adapter promote x@1 --alias a --store FAR",
	"adapter rollback x --alias a --store FAR",
	"adapter verify x --store FAR",
	"adapter verify adapter",
	"adapter diff x@1 x@2 --store FAR",
	"store probe FAR",
	"store check FAR",
	"store ls FAR",
	"dataset ls --home FAR",
	"dataset show d --home FAR",
	"dataset card d --home FAR",
	"dataset exclusions d --home FAR",
	"dataset redactions d --home FAR",
	"dataset sample d --home FAR",
	"dataset diff d@1 d@2 --home FAR",
	"dataset verify d --home FAR",
	"dataset export d --format jsonl --out d.jsonl --home FAR",
	"dataset promote d@1 --alias a --home FAR",
	"dataset rollback d --alias a --home FAR",
	"dataset history d --home FAR",
	"runs ls --home FAR",
	"runs show x --home FAR",
	"rm x --store FAR",
	"gc --store FAR",
	"repair --store FAR",
	"config schema",
	"config defaults",
	"completion bash",
	"version",
}

// TestInterrupted sends SIGINT and SIGTERM to every verb. Each ends soon, and says so.
func TestInterrupted(t *testing.T) {
	p := newPatient(t)
	far := p.deafService()
	p.env = append(p.env, "HF_ENDPOINT=http://"+far, "HF_HOME="+filepath.Join(p.dir, "hf"), "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x")
	bucket := "s3://b?endpoint=http://" + far + "&region=x"
	for _, verb := range verbs() {
		if !slices.ContainsFunc(interruptible, func(line string) bool { return strings.HasPrefix(line+" ", verb+" ") }) {
			t.Errorf("nobody interrupts %s", verb)
		}
	}
	for i, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		parallel.For(len(interruptible), 1, func(lo, hi int) {
			for _, line := range interruptible[lo:hi] {
				p.interrupt(strings.Fields(strings.ReplaceAll(line, "FAR", bucket)), s, time.Duration(1+i*4)*100*time.Millisecond)
			}
		})
	}
}

// TestInterruptedTwice: what does not hear a first signal does not outlive a second one.
func TestInterruptedTwice(t *testing.T) {
	p := newPatient(t)
	cmd, _ := p.start([]string{"tokenize", "--base", "base"})
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	for range 2 {
		_ = cmd.Process.Signal(os.Interrupt)
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ends well")
	}
	if d := time.Since(began); d > grace {
		t.Errorf("it goes on for %v", d)
	}
}

func many(s string, n int) string { return strings.Repeat(s, n) }

// patient runs the program in a folder with something for every verb.
type patient struct {
	t       *testing.T
	program string
	dir     string
	env     []string
}

func newPatient(t *testing.T) *patient {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &patient{t: t, program: filepath.Join(t.TempDir(), "cultivar"), dir: t.TempDir()}
	p.env = append(os.Environ(), "CULTIVAR_HOME="+filepath.Join(p.dir, "home"))
	if err := errors.Join(os.Symlink(self, p.program), saveBase(filepath.Join(p.dir, "base")), os.Mkdir(filepath.Join(p.dir, "docs"), 0o700),
		syscall.Mkfifo(filepath.Join(p.dir, "pipe.jsonl"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var rows, text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&rows, "{\"text\": \"a b c %d a b c\"}\n", i)
		fmt.Fprintf(&text, "The boiler in wing %d is checked on the first Monday of month %d.\n", i, i%12)
	}
	for name, content := range map[string]string{
		"rows.jsonl": rows.String(), "docs/a.md": text.String(), "docs/b.jsonl": rows.String(),
		"endless.jinja": many("{% for a in range(99999) %}", 3) + many("{% endfor %}", 3), "messages.json": `[{"role":"user","content":"a"}]`,
		"train.yaml": "objective: clm\nmax_steps: 100000\nbatch_size: 4\nmax_seq_length: 16\neval_fraction: 0\nlora: {r: 2, lora_alpha: 4}\n",
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// deafService is the address of a service that takes every connection and says nothing.
func (p *patient) deafService() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// start starts a command whose standard input stays open.
func (p *patient) start(args []string) (cmd *exec.Cmd, out *bytes.Buffer) {
	cmd = exec.Command(p.program, args...)
	cmd.Dir, cmd.Env, out = p.dir, p.env, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = in.Close() })
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return cmd, out
}

// interrupt sends a signal after a while. A verb that is done by then, or has failed on what it was given, is fine.
func (p *patient) interrupt(args []string, s syscall.Signal, after time.Duration) {
	p.t.Helper()
	cmd, out := p.start(args)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		if code := cmd.ProcessState.ExitCode(); code < 0 || code == 2 || code > 3 {
			p.t.Errorf("%s ends with %d: %s", args, code, out)
		}
		return
	case <-time.After(after):
	}
	_ = cmd.Process.Signal(s)
	select {
	case <-ended:
	case <-time.After(2 * grace):
		_ = cmd.Process.Kill()
		<-ended
		p.t.Errorf("%s goes on after %v", args, s)
		return
	}
	state := cmd.ProcessState.Sys().(syscall.WaitStatus)
	told := state.ExitStatus() == 130 && strings.Contains(out.String(), "interrupted") || state.Signaled() && state.Signal() == s // before it could listen
	if !told && state.ExitStatus() > 3 || strings.Contains(out.String(), "goroutine ") {
		p.t.Errorf("%s ends after %v with %d: %s", args, s, state.ExitStatus(), out)
	}
}
