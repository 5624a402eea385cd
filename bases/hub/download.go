package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cultivar/cultivar/internal/bounded"
	"github.com/cultivar/cultivar/internal/hugepage"
)

// parallelFiles is how many files are downloaded at a time: one connection seldom fills a line, and
// many make nobody faster.
const parallelFiles = 4

// download fetches what is missing of a commit and links it into the snapshot: first the small
// files, of which one may say what the weights are.
func (h *Hub) download(ctx context.Context, r *repo, ref Ref, commit string, list []entry) error {
	files, index, err := choose(ref, list)
	if err != nil {
		return err
	}
	root, err := r.root()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.MkdirAll("blobs", 0o777); err != nil {
		return err
	}
	d := &transfer{h: h, r: r, root: root, ref: ref, commit: commit}
	if !index {
		return d.all(ctx, files)
	}
	if err := d.all(ctx, files); err != nil {
		return err
	}
	text, err := bounded.ReadFile(r.snapshot(commit, indexName), maxIndex)
	if err != nil {
		return err
	}
	if files, err = shards(ref, text, list); err != nil {
		return err
	}
	return d.all(ctx, files)
}

// transfer is the download of several files of one commit.
type transfer struct {
	h      *Hub
	r      *repo
	root   *os.Root
	ref    Ref
	commit string

	mu   sync.Mutex
	done int64 // bytes of all files that are there
}

// all brings the files into the snapshot. The first error stops the others; what they have is kept.
func (d *transfer) all(ctx context.Context, files []entry) error {
	d.start(files)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFiles)
	for _, e := range files {
		g.Go(func() error {
			err := d.one(ctx, e)
			if err == nil || errors.Is(err, ErrGated) || errors.Is(err, ErrDenied) {
				return err // about all files alike
			}
			return fmt.Errorf("download %s of %s: %w", e.Path, d.ref.Repo, err)
		})
	}
	return g.Wait()
}

// start tells how much there is to do.
func (d *transfer) start(files []entry) {
	n, total := 0, int64(0)
	d.done = 0
	for _, e := range files {
		if d.r.stored(e) {
			continue
		}
		n, total = n+1, total+e.Size
		if info, err := d.root.Lstat(incomplete(e)); err == nil {
			d.done += min(info.Size(), e.Size)
		}
	}
	if n > 0 && d.h.cfg.OnStart != nil {
		d.h.cfg.OnStart(n, total, d.done)
	}
}

func (d *transfer) add(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += n
	if d.h.cfg.OnBytes != nil {
		d.h.cfg.OnBytes(d.done)
	}
}

// one brings a file into the snapshot.
func (d *transfer) one(ctx context.Context, e entry) error {
	if !d.r.stored(e) {
		if err := d.store(ctx, e); err != nil {
			return err
		}
	}
	return d.r.link(d.root, d.commit, e)
}

// incomplete is where a content lies until it is whole. Nobody but the holder of the lock writes it.
func incomplete(e entry) string { return "blobs/" + e.etag() + ".incomplete" }

// store fetches a content under its lock. What an earlier attempt left may be damaged, by a crash of
// the machine say: then one more attempt begins anew.
func (d *transfer) store(ctx context.Context, e entry) error {
	unlock, err := d.r.lock(ctx, e.etag())
	if err != nil {
		return err
	}
	defer unlock()
	if d.r.stored(e) {
		return nil // another process was faster
	}
	err = d.fill(ctx, e)
	if errors.Is(err, errDigest) {
		err = d.fill(ctx, e)
	}
	if errors.Is(err, errDigest) {
		return d.h.corrupt(d.ref, fmt.Errorf("%s does not have the digest that the hub lists", e.Path))
	}
	return err
}

// errDigest means that a content is not what it should be; it is gone then.
var errDigest = errors.New("other digest")

// fill completes the incomplete file, checks it and gives it its name.
func (d *transfer) fill(ctx context.Context, e entry) error {
	name := incomplete(e)
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	p := &partial{transfer: d, e: e, f: f}
	if err := p.resume(); err != nil {
		return err
	}
	err = d.h.retry(ctx, maxTries, func() (bool, error) {
		err := p.fetch(ctx)
		moved := p.size > p.top // further than ever: a server that always stops there is given up
		p.top = max(p.top, p.size)
		return moved, err
	})
	if err != nil {
		return err
	}
	if hex.EncodeToString(p.sum.Sum(nil)) != e.etag() {
		d.add(-p.size)
		return errors.Join(errDigest, f.Truncate(0), d.root.Remove(name))
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return d.root.Rename(name, path.Join("blobs", e.etag()))
}

// partial is a file on its way: size bytes of it are in sum, and written when no copy runs.
type partial struct {
	*transfer
	e    entry
	f    *os.File
	size int64
	top  int64 // what size has been at most
	sum  hash.Hash
}

// newSum is what the hub names contents by: SHA-256 in large file storage, else git's name of a
// blob, the SHA-1 of a header and the content.
func newSum(e entry) hash.Hash {
	if e.SHA256 != "" {
		return sha256.New()
	}
	h := sha1.New()
	_, _ = fmt.Fprintf(h, "blob %d\x00", e.Size)
	return h
}

// begin forgets what there is.
func (p *partial) begin() error {
	if p.size > 0 {
		p.add(-p.size)
	}
	p.size, p.sum = 0, newSum(p.e)
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	_, err := p.f.Seek(0, io.SeekStart)
	return err
}

// resume takes in what an earlier attempt left.
func (p *partial) resume() error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	if had := info.Size(); had == 0 || had > p.e.Size {
		p.add(-min(had, p.e.Size)) // start had counted it
		return p.begin()
	}
	p.sum = newSum(p.e)
	p.size, err = io.Copy(p.sum, p.f)
	return err
}

// fetch asks for the rest of the file, once, and writes what comes.
func (p *partial) fetch(ctx context.Context) error {
	if p.size == p.e.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept-Encoding": {"identity"}}
	if p.size > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(p.size, 10)+"-")
	}
	resp, err := p.h.get(ctx, http.MethodGet, p.h.file(p.ref.Repo, p.commit, p.e.Path), header, subject{p.ref, p.e.Path})
	if errors.Is(err, errRange) { // there is no more, so what we have is something else
		err = errors.Join(p.begin(), err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if tag := etagOf(origin(resp).Header); (isHex(tag, 40) || isHex(tag, 64)) && tag != p.e.etag() {
		return p.h.corrupt(p.ref, fmt.Errorf("%s has another ETag than the hub lists", p.e.Path))
	}
	switch {
	case resp.StatusCode == http.StatusPartialContent && p.size > 0 && rangeStart(resp) == p.size:
	case resp.StatusCode == http.StatusOK:
		if err := p.begin(); err != nil { // the server does not know ranges
			return err
		}
	default:
		if err := p.begin(); err != nil {
			return err
		}
		return &temporary{error: fmt.Errorf("%s answers with another part of the file", p.h.host())}
	}
	return p.copy(ctx, cancel, resp.Body)
}

// rangeStart reads where a partial answer begins, −1 when it does not say.
func rangeStart(resp *http.Response) int64 {
	text, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	first, _, _ := strings.Cut(text, "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if !ok || err != nil {
		return -1
	}
	return n
}

// copy writes what comes of the body. Errors of the network are temporary, those of the disk are not.
func (p *partial) copy(ctx context.Context, cancel context.CancelCauseFunc, body io.Reader) error {
	out := hugepage.NewWriter(p.f, p.size) // weights are mapped when they are read
	err := p.receive(ctx, cancel, body, out)
	if disk := out.Flush(); disk != nil {
		return disk
	}
	return err
}

// receive takes in the body, and gives up when nothing comes for a while.
func (p *partial) receive(ctx context.Context, cancel context.CancelCauseFunc, body io.Reader, out *hugepage.Writer) error {
	stalled := &temporary{error: &Error{Msg: fmt.Sprintf("%s sends nothing any more", p.h.host()), Err: ErrUnreachable,
		Way: "what was downloaded is kept: run the same command again"}}
	watch := time.AfterFunc(p.h.cfg.stall, func() { cancel(stalled) })
	defer watch.Stop()
	buf := make([]byte, 1<<18)
	for {
		n, err := body.Read(buf)
		watch.Reset(p.h.cfg.stall)
		if p.size+int64(n) > p.e.Size {
			return errors.Join(p.h.corrupt(p.ref, fmt.Errorf("%s is longer than the hub lists", p.e.Path)), out.Flush(), p.begin())
		}
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
			_, _ = p.sum.Write(buf[:n])
			p.size += int64(n)
			p.add(int64(n))
		}
		switch {
		case err == io.EOF && p.size < p.e.Size, err == io.ErrUnexpectedEOF:
			return &temporary{error: &Error{Msg: fmt.Sprintf("%s ends the connection early", p.h.host()), Err: ErrUnreachable,
				Way: "what was downloaded is kept: run the same command again"}}
		case err == io.EOF:
			return nil
		case err != nil:
			return p.h.network(ctx, err)
		}
	}
}
