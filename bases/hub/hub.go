// Package hub brings models from the Hugging Face Hub, or from a mirror that speaks its API, into the
// cache that Hugging Face's own tools use, so that a model lies on a machine once
// (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
//
// Only what a base needs is downloaded, and never a pickle file. Every file is checked against the
// digest that the hub lists, goes on where it stopped, and appears whole or not at all; a revision
// is recorded last. What is complete is read without the network. Nothing is ever uploaded.
package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cultivar/cultivar/internal/secret"
)

// What can be wrong. An error of this package that a person can do something about is an [*Error].
var (
	ErrGated       = errors.New("access has to be granted")
	ErrDenied      = errors.New("access is denied")
	ErrNotFound    = errors.New("not found on the hub")
	ErrOffline     = errors.New("the network is switched off")
	ErrUnreachable = errors.New("the hub cannot be reached")
	ErrCorrupt     = errors.New("what the hub sends is not what it lists")
	ErrUnusable    = errors.New("not usable as a base")
)

// Error is one line about a repository, and the way out.
type Error struct {
	Msg string
	Way string // what to do about it, "" when there is nothing
	Err error  // one of the above
}

func (e *Error) Error() string { return e.Msg }
func (e *Error) Unwrap() error { return e.Err }

// Config says where the hub is, where its files go, and who asks. [FromEnv] fills it.
type Config struct {
	Endpoint string        // https://huggingface.co, or a mirror
	Cache    string        // the directory that holds models--org--name
	Token    secret.String // sent to Endpoint's host and to nobody else
	Offline  bool          // use what is there, ask nobody
	Agent    string        // the User-Agent header

	// OnStart is told what is about to be downloaded: the bytes of all files, and those that an
	// earlier attempt left.
	OnStart func(files int, total, had int64)
	// OnBytes is told how much there is by now. It is called from several goroutines, one at a time.
	OnBytes func(done int64)
	// OnNotice is told what people should know although it is no error.
	OnNotice func(text string)

	transport http.RoundTripper                          // of tests; nil: the network
	wait      func(context.Context, time.Duration) error // of tests; nil: time
	stall     time.Duration                              // a download without bytes for so long is begun anew
}

// Hub is a client of one hub. It is safe for concurrent use, by several processes as well.
type Hub struct {
	cfg    Config
	client *http.Client
}

// New returns a client. It does not connect.
func New(cfg Config) *Hub {
	cfg.Endpoint = strings.TrimRight(cfg.Endpoint, "/")
	if cfg.transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 30 * time.Second
		cfg.transport = t
	}
	if cfg.wait == nil {
		cfg.wait = sleep
	}
	if cfg.stall == 0 {
		cfg.stall = time.Minute
	}
	return &Hub{cfg, &http.Client{Transport: cfg.transport, CheckRedirect: redirect}}
}

// Snapshot returns the directory of a model's files at a revision, or the path of the one file that
// the reference names. What is missing in the cache is downloaded first.
func (h *Hub) Snapshot(ctx context.Context, ref Ref) (string, error) {
	r := openRepo(h.cfg.Cache, ref.Repo)
	commit, err := h.commit(ctx, r, ref)
	if err != nil {
		return "", err
	}
	list, known := r.listing(commit)
	if known && r.has(commit, ref, list) || h.cfg.Offline && r.seemsWhole(commit, ref) {
		return r.snapshot(commit, ref.Path), h.remember(r, ref, commit)
	}
	if h.cfg.Offline {
		return "", h.offline(ref)
	}
	if !known {
		if list, err = h.list(ctx, r, ref, commit); err != nil {
			return "", err
		}
	}
	if err := h.download(ctx, r, ref, commit, list); err != nil {
		return "", err
	}
	return r.snapshot(commit, ref.Path), h.remember(r, ref, commit)
}

// commit finds out what a revision is at present. When the hub does not answer, what it was when it
// last did is used, as long as that is complete.
func (h *Hub) commit(ctx context.Context, r *repo, ref Ref) (string, error) {
	if isCommit(ref.Revision) {
		return ref.Revision, nil
	}
	had := r.ref(ref.Revision)
	if h.cfg.Offline {
		if had == "" {
			return "", h.offline(ref)
		}
		return had, nil
	}
	list, known := r.listing(had)
	fallback := known && r.has(had, ref, list)
	tries := maxTries
	if fallback {
		tries = 2
	}
	commit, err := h.resolve(ctx, ref, tries)
	if fallback && errors.Is(err, ErrUnreachable) && ctx.Err() == nil {
		h.notice("%v; using %s as it was last seen, %.8s", err, ref, had)
		return had, nil
	}
	return commit, err
}

// remember records what a revision is. It comes last, so that a revision never points at less than
// a whole snapshot of ours. A cache that is read-only is none the worse for it.
func (h *Hub) remember(r *repo, ref Ref, commit string) error {
	if h.cfg.Offline || ref.Revision == commit || r.ref(ref.Revision) == commit {
		return nil
	}
	if err := r.setRef(ref.Revision, commit); err != nil && !readOnly(err) {
		return err
	}
	return nil
}

func (h *Hub) offline(ref Ref) error {
	return &Error{
		Msg: fmt.Sprintf("%s is not in the cache, %s, and HF_HUB_OFFLINE is set", ref, h.cfg.Cache),
		Way: "unset HF_HUB_OFFLINE to download it",
		Err: ErrOffline,
	}
}

func (h *Hub) notice(format string, args ...any) {
	if h.cfg.OnNotice != nil {
		h.cfg.OnNotice(fmt.Sprintf(format, args...))
	}
}

// sleep waits unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
