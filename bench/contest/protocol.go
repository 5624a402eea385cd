package contest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
)

// A side of a contest is a process, ours or the peer's, that is started once, gets a request for a
// case on standard input, does it, and answers with a line of JSON. Between requests it waits. So
// both sides are loaded and warm, take turns on the machine, and each has a peak of memory of its own.

// request asks for one run of a case.
type request struct {
	Case string `json:"case"`
}

// Sample is the answer: what one run took.
type Sample struct {
	Seconds float64 `json:"seconds"`
	Work    float64 `json:"work"`  // in the row's unit: tokens, floating-point operations, bytes
	Check   string  `json:"check"` // digest of the result, when both sides must agree to the bit
	Loss    float64 `json:"loss"`  // when both sides must agree to rounding
	Note    string  `json:"note"`  // about the run, shown in the report
	Error   string  `json:"error"`
}

// greeting is the first line, when everything is loaded.
type greeting struct {
	Versions string `json:"versions"` // of the libraries that are measured
}

// A Runner does one run of a case.
type Runner func(name string) (Sample, error)

// Workers are our sides by name, each made from the arguments that its row gives it.
type Workers map[string]func(args json.RawMessage) (Runner, error)

// WorkerArg is the first argument of a process that is a side of ours.
const WorkerArg = "worker"

// Serve is a side: it answers requests until there are no more.
func (workers Workers) Serve(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 || workers[args[0]] == nil {
		return fmt.Errorf("%s wants the name of a worker and its arguments: it is started by the harness", WorkerArg)
	}
	debug.SetGCPercent(25) // as the command line sets it: memory is part of what is measured
	run, err := workers[args[0]](json.RawMessage(args[1]))
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	if err := enc.Encode(greeting{Versions: ourVersions()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		s, err := run(r.Case)
		if err != nil {
			s.Error = err.Error()
		}
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}
