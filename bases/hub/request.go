package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxTries     = 5                // attempts in a row without a single byte
	maxRedirects = 10               // as net/http
	firstWait    = time.Second      // doubled with every attempt
	maxWait      = 30 * time.Second // between two attempts
	maxAsked     = 5 * time.Minute  // longer than this nobody waits because a server says so
)

// temporary is an error that another attempt may not meet.
type temporary struct {
	error
	after time.Duration // how long the server asks to wait
}

func (t *temporary) Unwrap() error { return t.error }

// errRedirect is a redirection that is not followed.
var errRedirect = errors.New("redirection refused")

// redirect follows as browsers do, but takes the token along to the same host only: files lie on
// other hosts, behind URLs that are signed. It never leaves encryption.
func redirect(next *http.Request, via []*http.Request) error {
	first, last := via[0].URL, via[len(via)-1].URL
	switch {
	case len(via) >= maxRedirects:
		return fmt.Errorf("%w: more than %d", errRedirect, maxRedirects)
	case next.URL.Scheme != last.Scheme && next.URL.Scheme != "https":
		return fmt.Errorf("%w: it leaves https", errRedirect)
	}
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		next.Header.Del("Authorization")
	}
	return nil
}

// get asks once. What is not 2xx is an error, classified; the caller closes the body.
func (h *Hub) get(ctx context.Context, method, address string, header http.Header, about subject) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, errors.New("ask the hub: bad address")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", h.cfg.Agent)
	if !h.cfg.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+h.cfg.Token.Reveal())
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, h.network(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, h.refusal(resp, about)
}

// network classifies an error below HTTP. The address is left out: signed URLs are secrets.
func (h *Hub) network(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	out := &Error{Msg: fmt.Sprintf("ask %s: %v", h.host(), err), Err: ErrUnreachable,
		Way: "check the network, HTTPS_PROXY and HF_ENDPOINT; what was downloaded is kept, run the same command again"}
	var cert *tls.CertificateVerificationError
	var name *net.DNSError
	if errors.As(err, &cert) || errors.As(err, &name) && name.IsNotFound || errors.Is(err, errRedirect) {
		return out
	}
	return &temporary{error: out}
}

func (h *Hub) host() string {
	if u, err := url.Parse(h.cfg.Endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return "the hub"
}

// subject is what a request is about, for its errors.
type subject struct {
	ref  Ref
	path string // of a file, "" for the repository itself
}

// refusal makes an error of an answer. The hub says what is wrong in X-Error-Code; it answers 401 to
// strangers for what is private, gated or missing alike.
func (h *Hub) refusal(resp *http.Response, about subject) error {
	code, said := resp.Header.Get("X-Error-Code"), printable(resp.Header.Get("X-Error-Message"))
	page := h.cfg.Endpoint + "/" + about.ref.Repo
	known := !h.cfg.Token.IsZero()
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return h.busy(resp)
	case status == http.StatusRequestedRangeNotSatisfiable:
		return &temporary{error: &Error{Msg: fmt.Sprintf("%s has less of %s than it lists", h.host(), about.path), Err: errRange,
			Way: "what was downloaded is kept: run the same command again later"}}
	case code == "GatedRepo":
		e := &Error{Msg: fmt.Sprintf("%s is gated: its owner wants you to accept a licence first", about.ref.Repo), Err: ErrGated,
			Way: fmt.Sprintf("accept it at %s and put a token of that account into HF_TOKEN", page)}
		if known {
			e.Way = fmt.Sprintf("accept it at %s with the account that your token belongs to", page)
		}
		return e
	case code == "RevisionNotFound":
		return &Error{Msg: fmt.Sprintf("%s has no revision %s", about.ref.Repo, about.ref.Revision), Err: ErrNotFound,
			Way: fmt.Sprintf("%s/tree/main lists its branches and tags", page)}
	case code == "EntryNotFound":
		return &Error{Msg: fmt.Sprintf("%s has no file %s", about.ref, about.path), Err: ErrNotFound}
	case status == http.StatusUnauthorized && strings.Contains(said, "Invalid credentials"):
		return &Error{Msg: "the hub does not accept the token", Err: ErrDenied, Way: "put a valid one into HF_TOKEN, or remove it"}
	case status == http.StatusUnauthorized, status == http.StatusNotFound, status == http.StatusForbidden && code == "RepoNotFound":
		e := &Error{Msg: fmt.Sprintf("%s is not on %s, or it is private", about.ref.Repo, h.host()), Err: ErrNotFound,
			Way: "check the name; a private model needs a token that may read it, in HF_TOKEN"}
		if known {
			e.Way = "check the name, and whether your token may read it"
		}
		return e
	case status == http.StatusForbidden:
		return &Error{Msg: fmt.Sprintf("the hub does not let you read %s%s", about.ref.Repo, after(said)), Err: ErrDenied,
			Way: "check what your token may read"}
	default:
		return &Error{Msg: fmt.Sprintf("ask %s about %s: status %d%s", h.host(), about.ref, status, after(said)), Err: ErrUnreachable}
	}
}

// busy is an answer that another attempt may not get.
func (h *Hub) busy(resp *http.Response) error {
	e := &Error{Msg: fmt.Sprintf("%s answers %s", h.host(), strings.TrimSpace(printable(resp.Status))), Err: ErrUnreachable,
		Way: "what was downloaded is kept: run the same command again later"}
	asked := retryAfter(resp.Header, time.Now())
	if asked > maxAsked {
		e.Msg += fmt.Sprintf(" and asks to wait %s", asked.Round(time.Second))
		return e
	}
	return &temporary{e, asked}
}

// retryAfter reads how long a server asks to wait: Retry-After in seconds or as a date, or the
// seconds t to the next window of a RateLimit header that has nothing remaining
// (draft-ietf-httpapi-ratelimit-headers-09).
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	var remaining, seconds uint64 = 1, 0
	for part := range strings.SplitSeq(header.Get("RateLimit"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseUint(value, 10, 31)
		switch {
		case err != nil:
		case name == "r":
			remaining = n
		case name == "t":
			seconds = n
		}
	}
	if remaining > 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// after appends what a server said.
func after(said string) string {
	if said == "" {
		return ""
	}
	return ": " + said
}

// errRange means that a file ends before the part that was asked for.
var errRange = fmt.Errorf("%w: a file is short", ErrCorrupt)

// printable makes one short line of what a server sends.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F || c == '\uFFFD' {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 200)]
}

// retry repeats what fails temporarily, after waiting. do reports whether it moved on at all: then
// the count of attempts begins anew.
func (h *Hub) retry(ctx context.Context, tries int, do func() (moved bool, err error)) error {
	for failed := 0; ; {
		moved, err := do()
		var t *temporary
		if err == nil || ctx.Err() != nil || !errors.As(err, &t) {
			return err
		}
		if moved {
			failed = 0
		}
		if failed++; failed >= tries {
			return t.error
		}
		if err := h.cfg.wait(ctx, max(t.after, min(firstWait<<(failed-1), maxWait))); err != nil {
			return err
		}
	}
}
