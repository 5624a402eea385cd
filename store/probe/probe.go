// Package probe finds out whether a bucket keeps the promises that publishing stands on. Some stores
// take the headers of a conditional put and do not apply them: they fail late and silently, with two
// owners of one version. So the probe tries.
package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cultivar/cultivar/store"
)

const (
	// Writers and Rounds are those of the race test that S3 servers themselves use.
	Writers = 32
	Rounds  = 3
	// dir is where all of the probe's objects live; they are removed in the end.
	dir = "probe/"
	// largeSize needs an upload in parts, on which clients lose the condition.
	largeSize = 17 << 20
)

// Step is one property that was tried.
type Step struct {
	Name   string        `json:"name"`
	Detail string        `json:"detail,omitempty"` // what happened
	OK     bool          `json:"ok"`
	Took   time.Duration `json:"took_ns"`
}

// Report is what a probe saw, in order. A step that fails ends the probe.
type Report struct {
	URL   string `json:"url"`
	Steps []Step `json:"steps"`
}

// prober runs the steps on keys of its own.
type prober struct {
	b    store.Bucket
	base string

	mu   sync.Mutex
	keys []string // to be removed
}

// Probe tries everything, with real races. It fails with store.ErrNoConditions when a condition is
// not applied, and with the bucket's error when an operation fails; the report tells the steps.
func Probe(ctx context.Context, b store.Bucket) (Report, error) {
	p := &prober{b: b, base: dir + strings.ToLower(rand.Text()) + "/"}
	report := Report{URL: b.URL()}
	steps := []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"read after write", p.readAfterWrite},
		{"list after write", p.listAfterWrite},
		{"create only", p.createOnly},
		{"compare and swap", p.compareAndSwap},
		{"create race", p.createRace},
		{"swap race", p.swapRace},
		{"create only, in parts", p.createLarge},
	}
	var failure error
	for _, step := range steps {
		start := time.Now()
		detail, err := step.run(ctx)
		if err != nil {
			detail = err.Error()
		}
		report.Steps = append(report.Steps, Step{Name: step.name, Detail: detail, OK: err == nil, Took: time.Since(start)})
		if err != nil {
			failure = fmt.Errorf("probe %s: %s: %w", b.URL(), step.name, err)
			break
		}
	}
	if err := p.clean(ctx); failure == nil && err != nil {
		failure = fmt.Errorf("probe %s: remove probe objects: %w", b.URL(), err)
	}
	return report, failure
}

func (p *prober) put(ctx context.Context, key, body string, cond store.Condition) (store.Object, error) {
	p.mu.Lock()
	if !slices.Contains(p.keys, key) {
		p.keys = append(p.keys, key)
	}
	p.mu.Unlock()
	return p.b.Put(ctx, key, strings.NewReader(body), int64(len(body)), cond)
}

// clean removes what the probe wrote, also after its context is done.
func (p *prober) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	for _, key := range p.keys {
		errs = append(errs, p.b.Delete(ctx, key))
	}
	return errors.Join(errs...)
}

func (p *prober) wantBody(ctx context.Context, key, want string) error {
	r, _, err := p.b.Get(ctx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(want))+1))
	if err == nil && string(got) != want {
		err = fmt.Errorf("read back other bytes than were written last: %w", store.ErrNoConditions)
	}
	return err
}

func (p *prober) readAfterWrite(ctx context.Context) (string, error) {
	key := p.base + "read"
	for _, body := range []string{"one", "two"} {
		put, err := p.put(ctx, key, body, store.Condition{})
		if err != nil {
			return "", err
		}
		if err := p.wantBody(ctx, key, body); err != nil {
			return "", err
		}
		if stat, err := p.b.Stat(ctx, key); err != nil || stat.ETag != put.ETag {
			return "", errors.Join(err, fmt.Errorf("put says ETag %q and stat %q", put.ETag, stat.ETag))
		}
	}
	return "bytes and ETag read back", nil
}

func (p *prober) listAfterWrite(ctx context.Context) (string, error) {
	want := []string{p.base + "list/a-b", p.base + "list/a/b", p.base + "list/ab"}
	for _, key := range want {
		if _, err := p.put(ctx, key, "x", store.Condition{}); err != nil {
			return "", err
		}
	}
	var got []string
	for obj, err := range p.b.List(ctx, p.base+"list/") {
		if err != nil {
			return "", err
		}
		got = append(got, obj.Key)
	}
	if !slices.Equal(got, want) {
		return "", fmt.Errorf("listed %q after writing %q", got, want)
	}
	return "complete and in order", nil
}

// refused checks that a put was refused in the right way.
func refused(err, want error, what string) error {
	switch {
	case err == nil:
		return fmt.Errorf("%s succeeded: %w", what, store.ErrNoConditions)
	case !errors.Is(err, want):
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (p *prober) createOnly(ctx context.Context) (string, error) {
	return "second create refused", createTwice(ctx, p.put, p.wantBody, p.base+"create")
}

// createTwice is the cheapest probe: two requests and a read.
func createTwice(ctx context.Context, put func(context.Context, string, string, store.Condition) (store.Object, error),
	wantBody func(context.Context, string, string) error, key string) error {
	if _, err := put(ctx, key, "first", store.Condition{IfAbsent: true}); err != nil {
		return err
	}
	_, err := put(ctx, key, "second", store.Condition{IfAbsent: true})
	if err := refused(err, store.ErrExist, "create over an existing object"); err != nil {
		return err
	}
	return wantBody(ctx, key, "first")
}

func (p *prober) compareAndSwap(ctx context.Context) (string, error) {
	key := p.base + "swap"
	_, err := p.put(ctx, key, "none", store.Condition{IfMatch: "0123456789abcdef0123456789abcdef"})
	if err := refused(err, store.ErrPrecondition, "swap of an absent object"); err != nil {
		return "", err
	}
	first, err := p.put(ctx, key, "first", store.Condition{})
	if err != nil {
		return "", err
	}
	if _, err := p.put(ctx, key, "second", store.Condition{IfMatch: first.ETag}); err != nil {
		return "", err
	}
	_, err = p.put(ctx, key, "third", store.Condition{IfMatch: first.ETag})
	if err := refused(err, store.ErrPrecondition, "swap with a stale ETag"); err != nil {
		return "", err
	}
	return "stale and absent ETags refused", p.wantBody(ctx, key, "second")
}

func (p *prober) createRace(ctx context.Context) (string, error) {
	for round := range Rounds {
		key := fmt.Sprintf("%srace/%d", p.base, round)
		if err := p.race(ctx, key, round, store.Condition{IfAbsent: true}, store.ErrExist); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d writers, %d rounds, one winner each", Writers, Rounds), nil
}

func (p *prober) swapRace(ctx context.Context) (string, error) {
	key := p.base + "race/swap"
	if _, err := p.put(ctx, key, "start", store.Condition{}); err != nil {
		return "", err
	}
	for round := range Rounds {
		obj, err := p.b.Stat(ctx, key)
		if err != nil {
			return "", err
		}
		if err := p.race(ctx, key, round, store.Condition{IfMatch: obj.ETag}, store.ErrPrecondition); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d writers, %d rounds, one winner each", Writers, Rounds), nil
}

// race lets all writers go at one key, and wants one winner whose bytes stay.
func (p *prober) race(ctx context.Context, key string, round int, cond store.Condition, lost error) error {
	errs := make([]error, Writers)
	body := func(i int) string { return fmt.Sprintf("round %d writer %d", round, i) }
	var done sync.WaitGroup
	for i := range Writers {
		done.Go(func() { _, errs[i] = p.put(ctx, key, body(i), cond) })
	}
	done.Wait()
	var winners []int
	for i, err := range errs {
		switch {
		case err == nil:
			winners = append(winners, i)
		case !errors.Is(err, lost):
			return err
		}
	}
	if len(winners) != 1 {
		return fmt.Errorf("%d of %d concurrent writers won: %w", len(winners), Writers, store.ErrNoConditions)
	}
	return p.wantBody(ctx, key, body(winners[0]))
}

func (p *prober) createLarge(ctx context.Context) (string, error) {
	key := p.base + "large"
	if _, err := p.put(ctx, key, "small", store.Condition{}); err != nil {
		return "", err
	}
	_, err := p.b.Put(ctx, key, bytes.NewReader(make([]byte, largeSize)), largeSize, store.Condition{IfAbsent: true})
	if err := refused(err, store.ErrExist, "create over an existing object, uploaded in parts"); err != nil {
		return "", err
	}
	return "refused when the upload completes", p.wantBody(ctx, key, "small")
}
