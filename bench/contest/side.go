package contest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A Side says how to start a process of a contest.
type Side struct {
	Label   string
	Peer    bool
	Program string // a worker of ours, or a script of the peer's without its extension
	Args    any
	Threads int // 0: as many as the machine has
}

// A process is a side that runs.
type process struct {
	Side
	versions string
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	errors   *bytes.Buffer
	ended    bool
}

// start starts a side and waits until it is loaded.
func (h *Harness) start(ctx context.Context, s Side) (*process, error) {
	args, err := json.Marshal(s.Args)
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	if s.Peer {
		cmd = exec.CommandContext(ctx, h.Python, filepath.Join(h.Scripts, s.Program+".py"), string(args))
	} else {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, self, WorkerArg, s.Program, string(args))
	}
	cmd.Env = append(os.Environ(), "TOKENIZERS_PARALLELISM=false", "HF_HUB_OFFLINE=1")
	if s.Threads > 0 {
		n := strconv.Itoa(s.Threads)
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+n, "OMP_NUM_THREADS="+n, "MKL_NUM_THREADS="+n)
	}
	p := &process{Side: s, cmd: cmd, errors: new(bytes.Buffer)}
	cmd.Stderr = p.errors
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Label, err)
	}
	var g greeting
	if err := p.read(&g); err != nil {
		return nil, err
	}
	p.versions = g.Versions
	return p, nil
}

// run asks for one run of a case.
func (p *process) run(name string) (Sample, error) {
	line, err := json.Marshal(request{name})
	if err != nil {
		return Sample{}, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return Sample{}, p.failed(err)
	}
	var s Sample
	if err := p.read(&s); err != nil {
		return s, err
	}
	if s.Error != "" {
		return s, fmt.Errorf("%s: %s: %s", p.Label, name, s.Error)
	}
	if !(s.Seconds > 0) {
		return s, fmt.Errorf("%s: %s: took %g seconds", p.Label, name, s.Seconds)
	}
	return s, nil
}

func (p *process) read(v any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return p.failed(err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return p.failed(fmt.Errorf("read answer: %w", err))
	}
	return nil
}

// failed ends a process that does not answer as it should, and says what it said.
func (p *process) failed(err error) error {
	_, stopErr := p.stop()
	said := p.errors.Bytes()
	const most = 2000
	if len(said) > most {
		said = said[len(said)-most:]
	}
	return fmt.Errorf("%s: %w\n%s", p.Label, errors.Join(err, stopErr), said)
}

// stop ends a process and returns the most memory that it had resident, in bytes.
//
// Linux is asked before the end: what wait4 reports there includes what the parent had resident when
// it made the child, up to exec.
func (p *process) stop() (peak int64, err error) {
	if p.ended {
		return 0, nil
	}
	p.ended = true
	peak = highWater(p.cmd.Process.Pid)
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w", p.Label, err)
	}
	if peak == 0 {
		peak = peakMemory(p.cmd.ProcessState)
	}
	return peak, nil
}
