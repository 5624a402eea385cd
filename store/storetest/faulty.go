package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/cultivar/cultivar/store"
)

// ErrInjected is what a broken operation returns.
var ErrInjected = errors.New("injected fault")

// Fault is what happens to one operation.
type Fault int

// The faults. The last two end the bucket's service: every later operation fails, too, as for a
// process that was killed at that point.
const (
	None        Fault = iota
	Fail              // the operation is not done, and fails
	Lose              // the operation is done, but its answer is lost: it fails
	Repeat            // a put arrives twice, as from a client that retries; the second answer counts
	CrashBefore       // killed before the operation
	CrashAfter        // killed after the operation, before its answer
)

// Op is an operation about to happen.
type Op struct {
	N    int    // counted from 0 over the bucket's life
	Verb string // get, stat, put, list, delete
	Key  string // or the prefix of a list
}

// Faulty is a bucket that breaks where its plan says so.
type Faulty struct {
	store.Bucket
	plan func(Op) Fault

	mu      sync.Mutex
	n       int
	crashed bool
}

// Break decorates a bucket; plan is called for every operation, one at a time, and may be nil.
func Break(b store.Bucket, plan func(Op) Fault) *Faulty {
	if plan == nil {
		plan = func(Op) Fault { return None }
	}
	return &Faulty{Bucket: b, plan: plan}
}

// At plans one fault at the n-th operation.
func At(n int, fault Fault) func(Op) Fault {
	return func(op Op) Fault {
		if op.N == n {
			return fault
		}
		return None
	}
}

// Ops returns how many operations there have been.
func (f *Faulty) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Crashed says whether a crash has happened.
func (f *Faulty) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

func (f *Faulty) next(verb, key string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return CrashBefore
	}
	fault := f.plan(Op{f.n, verb, key})
	f.n++
	f.crashed = fault == CrashBefore || fault == CrashAfter
	return fault
}

// do runs an operation under its fault.
func (f *Faulty) do(verb, key string, run func() error) error {
	fault := f.next(verb, key)
	if fault == Fail || fault == CrashBefore {
		return fmt.Errorf("%s %s: %w", verb, key, ErrInjected)
	}
	err := run()
	if fault == Repeat && verb == "put" {
		err = run()
	}
	if fault == Lose || fault == CrashAfter {
		return fmt.Errorf("%s %s: answer lost: %w", verb, key, ErrInjected)
	}
	return err
}

// Get is store.Bucket's.
func (f *Faulty) Get(ctx context.Context, key string) (r io.ReadCloser, obj store.Object, err error) {
	err = f.do("get", key, func() (err error) {
		r, obj, err = f.Bucket.Get(ctx, key)
		return err
	})
	if err != nil && r != nil {
		r.Close()
		r = nil
	}
	return r, obj, err
}

// Stat is store.Bucket's.
func (f *Faulty) Stat(ctx context.Context, key string) (obj store.Object, err error) {
	err = f.do("stat", key, func() (err error) {
		obj, err = f.Bucket.Stat(ctx, key)
		return err
	})
	return obj, err
}

// Put is store.Bucket's. The body is kept in memory, to arrive twice.
func (f *Faulty) Put(ctx context.Context, key string, r io.Reader, size int64, cond store.Condition) (obj store.Object, err error) {
	body := &replay{r: r}
	err = f.do("put", key, func() (err error) {
		obj, err = f.Bucket.Put(ctx, key, body.again(), size, cond)
		return err
	})
	return obj, err
}

// replay remembers what was read, to read it again.
type replay struct {
	r    io.Reader
	seen bytes.Buffer
}

func (p *replay) again() io.Reader {
	before := bytes.Clone(p.seen.Bytes())
	return io.MultiReader(bytes.NewReader(before), io.TeeReader(p.r, &p.seen))
}

// Delete is store.Bucket's.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.do("delete", key, func() error { return f.Bucket.Delete(ctx, key) })
}

// List is store.Bucket's; it is one operation, which breaks at its start.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		if err := f.do("list", prefix, func() error { return nil }); err != nil {
			yield(store.Object{}, err)
			return
		}
		f.Bucket.List(ctx, prefix)(yield)
	}
}
