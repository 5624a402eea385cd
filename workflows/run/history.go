package run

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cultivar/cultivar/internal/version"
	"github.com/cultivar/cultivar/store"
	"github.com/cultivar/cultivar/store/cas"
	"github.com/cultivar/cultivar/workflows"
	"github.com/cultivar/cultivar/workflows/fault"
)

// State says how far a run is.
type State string

// The states. A run that is no longer sure to be alive is interrupted, whatever it last wrote.
const (
	Running     State = "running"
	Done        State = "done"
	Failed      State = "failed"
	Interrupted State = "interrupted"
)

// States lists all states.
var States = []State{Running, Done, Failed, Interrupted}

// ErrNoRun means that history has no run of that name.
var ErrNoRun = errors.New("no such run")

// Run is one execution of something that makes an artefact, started by a person or by a workflow.
type Run struct {
	ID           string               `json:"id"`
	Kind         string               `json:"kind"` // train, ingest, …; the name of a workflow for one
	State        State                `json:"state"`
	Who          string               `json:"who,omitempty"`
	Program      string               `json:"program"`       // version
	ConfigDigest string               `json:"config_digest"` // of the resolved configuration
	Inputs       []workflows.Artefact `json:"inputs"`
	Outputs      []workflows.Artefact `json:"outputs"`
	Started      time.Time            `json:"started"`
	Seen         time.Time            `json:"seen"` // last sign of life
	Finished     time.Time            `json:"finished,omitzero"`
	Fault        *fault.Fault         `json:"fault,omitempty"`
	Process      Process              `json:"process"`
	Workflow     *workflows.Workflow  `json:"workflow,omitempty"` // what another process continues it from
	Stages       []workflows.Record   `json:"stages,omitempty"`   // that are finished
	Reused       []string             `json:"reused,omitempty"`   // names of stages that were not run
}

// Took is the time from the start to the end or, without an end, to the last sign of life.
func (r Run) Took() time.Duration {
	if r.Finished.IsZero() {
		return r.Seen.Sub(r.Started)
	}
	return r.Finished.Sub(r.Started)
}

// Artefacts lists all that a run worked on and made, its stages too.
func (r Run) Artefacts() []workflows.Artefact {
	list := slices.Concat(r.Inputs, r.Outputs)
	for _, s := range r.Stages {
		list = slices.AppendSeq(list, maps.Values(s.Result.Outputs))
	}
	return list
}

// pulse is how often a run says that it is alive, and silence how long it may say nothing before
// others, who cannot look at its process, take it for dead.
const (
	pulse   = time.Minute
	silence = 5 * time.Minute
)

// History is the runs of a home, an object each in its bucket.
type History struct {
	bucket store.Bucket
	clock  func() time.Time
	who    string
	// warn is told when something could not be written. Work is never lost for its history: a run
	// whose record fails goes on.
	warn func(error)
}

// NewHistory returns the history that is kept in a bucket. Who acts goes into the runs.
func NewHistory(b store.Bucket, clock func() time.Time, who string, warn func(error)) *History {
	return &History{bucket: b, clock: clock, who: who, warn: warn}
}

// Log is the run that is being recorded.
type Log struct {
	history *History
	over    chan struct{} // closed when the run is finished
	mu      sync.Mutex
	run     Run
	warned  bool
}

// Input says what the run works on, Output what it has made.
func (l *Log) Input(a workflows.Artefact) { l.change(func(r *Run) { r.Inputs = append(r.Inputs, a) }) }

// Output says what the run has made.
func (l *Log) Output(a workflows.Artefact) {
	l.change(func(r *Run) { r.Outputs = append(r.Outputs, a) })
}

// snapshot is the run as it is now.
func (l *Log) snapshot() Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run
}

func (l *Log) change(f func(*Run)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.run)
}

// Record does something and keeps what became of it: a run that is there from the start on, and tells
// of itself until it is finished. The error is that of do.
func (h *History) Record(ctx context.Context, kind string, config any, do func(context.Context, *Log) error) error {
	text, err := workflows.Encode(config)
	if err != nil {
		return err
	}
	l := h.start(ctx, kind, text, nil)
	return l.finish(ctx, do(ctx, l))
}

// start writes the run for the first time and keeps it fresh until finish.
func (h *History) start(ctx context.Context, kind string, config []byte, w *workflows.Workflow) *Log {
	now := h.clock().UTC()
	l := &Log{history: h, over: make(chan struct{}), run: Run{
		ID: newID(now), Kind: kind, State: Running, Who: h.who, Program: version.Version, ConfigDigest: string(cas.Sum(config)),
		Inputs: []workflows.Artefact{}, Outputs: []workflows.Artefact{}, Started: now, Seen: now, Process: thisProcess(), Workflow: w,
	}}
	l.save(ctx)
	go l.beat()
	return l
}

// beat signs the run until it is finished or the process ends.
func (l *Log) beat() {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-tick.C:
			l.save(context.Background())
		}
	}
}

// save writes the run as it is now.
func (l *Log) save(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run.State == Running {
		l.run.Seen = l.history.clock().UTC()
	}
	err := putJSON(ctx, l.history.bucket, Key(l.run.ID), l.run)
	if err != nil && !l.warned {
		l.warned = true
		l.history.warn(fmt.Errorf("record run %s: %w", l.run.ID, err))
	}
}

// finish writes how the run ended, also when it was stopped by its context.
func (l *Log) finish(ctx context.Context, err error) error {
	close(l.over)
	l.change(func(r *Run) {
		r.State, r.Finished = Done, l.history.clock().UTC()
		r.Seen = r.Finished
		if err == nil {
			return
		}
		f := fault.Of(ctx, err)
		r.State, r.Fault = Failed, &f
		if f.Code == fault.Interrupted {
			r.State = Interrupted
		}
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	l.save(last)
	return err
}

// List returns the runs, newest first. What is no run is told to warn and passed over.
func (h *History) List(ctx context.Context) ([]Run, error) {
	list := []Run{}
	for obj, err := range h.bucket.List(ctx, Prefix) {
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		r, err := h.Read(ctx, obj.Key)
		if err != nil {
			h.warn(err)
			continue
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b Run) int { return b.Started.Compare(a.Started) })
	return list, nil
}

// IDs lists the ids of all runs, newest first, without reading them.
func (h *History) IDs(ctx context.Context) ([]string, error) {
	var ids []string
	for obj, err := range h.bucket.List(ctx, Prefix) {
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		ids = append(ids, strings.TrimSuffix(strings.TrimPrefix(obj.Key, Prefix), runSuffix))
	}
	slices.Reverse(ids)
	return ids, nil
}

// Get returns the run of an id, or of a part of one that only it starts or ends with.
func (h *History) Get(ctx context.Context, id string) (Run, error) {
	ids, err := h.IDs(ctx)
	if err != nil {
		return Run{}, err
	}
	var found []string
	for _, name := range ids {
		if name == id {
			return h.Read(ctx, Prefix+name+runSuffix)
		}
		if strings.HasPrefix(name, id) || strings.HasSuffix(name, id) {
			found = append(found, Prefix+name+runSuffix)
		}
	}
	switch {
	case len(found) == 0 || id == "":
		return Run{}, fmt.Errorf("run %q: %w", id, ErrNoRun)
	case len(found) > 1:
		return Run{}, fmt.Errorf("run %q: %d runs are called so: %w", id, len(found), ErrNoRun)
	}
	return h.Read(ctx, found[0])
}

// Read reads a run by its key in the bucket and finds out whether it is still alive.
func (h *History) Read(ctx context.Context, key string) (Run, error) {
	var r Run
	if err := getJSON(ctx, h.bucket, key, &r); err != nil {
		return r, fmt.Errorf("read run: %w", err)
	}
	if r.State == Running && !r.Process.alive(h.clock().Sub(r.Seen)) {
		r.State = Interrupted
	}
	return r, nil
}

const (
	// Prefix is where runs lie in the bucket of their home.
	Prefix    = "runs/"
	runSuffix = ".json"
)

// Key is where a run lies in the bucket of its home.
func Key(id string) string { return Prefix + id + runSuffix }

// newID is short enough to be read out, and sorts by time.
func newID(now time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.Format("20060102-150405") + "-" + hex.EncodeToString(b[:])
}

// maxRecord bounds what is read of a record; a workflow of hundreds of stages takes a tenth.
const maxRecord = 16 << 20

func putJSON(ctx context.Context, b store.Bucket, key string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, key, bytes.NewReader(text), int64(len(text)), store.Condition{})
	return err
}

func getJSON(ctx context.Context, b store.Bucket, key string, v any) error {
	r, _, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxRecord))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
