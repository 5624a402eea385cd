package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets/catalog"
	"github.com/cultivar/cultivar/store/registry"
)

func TestOf(t *testing.T) {
	live, gone := context.Background(), cancelled()
	wrap := func(err error) error { return fmt.Errorf("do: %w", err) }
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		code Code
		exit int
		http int
		hint bool
	}{
		"anything":         {live, errors.New("x"), Failed, 1, 500, false},
		"sentinel":         {live, wrap(registry.ErrBadName), Usage, 2, 400, false},
		"conflict":         {live, wrap(registry.ErrVersionExists), Conflict, 3, 409, false},
		"corrupt":          {live, wrap(catalog.ErrCorrupt), Corrupt, 3, 500, false},
		"exists":           {live, wrap(fs.ErrExist), Exists, 1, 409, false},
		"missing":          {live, wrap(fs.ErrNotExist), NotFound, 1, 404, false},
		"cancelled":        {gone, wrap(context.Canceled), Interrupted, 130, 499, true},
		"cancelled inside": {live, wrap(context.Canceled), Failed, 1, 500, false},
		"marked":           {live, wrap(Mark(Usage, fs.ErrExist)), Usage, 2, 400, false},
		"hinted":           {live, wrap(Hint(fs.ErrExist, "do so")), Exists, 1, 409, true},
		"both":             {live, Hint(wrap(Mark(Refused, errors.New("x"))), "do so"), Refused, 3, 422, true},
		"both reversed":    {live, Mark(Refused, wrap(Hint(errors.New("x"), "do so"))), Refused, 3, 422, true},
	} {
		f := Of(c.ctx, c.err)
		if f.Code != c.code || f.Code.Exit() != c.exit || f.Code.HTTP() != c.http || (f.Hint != "") != c.hint {
			t.Errorf("%s: %+v, exit %d, status %d", name, f, f.Code.Exit(), f.Code.HTTP())
		}
	}
	if Mark(Usage, nil) != nil || Hint(nil, "x") != nil {
		t.Error("no error has become one")
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestCodes: every code means something to every door, and no sentinel is shadowed by an earlier one.
func TestCodes(t *testing.T) {
	for i, c := range codes {
		if c.code.Exit() == 0 || c.code.HTTP() < 400 {
			t.Errorf("%s has exit code %d and status %d", c.code, c.code.Exit(), c.code.HTTP())
		}
		for _, earlier := range codes[:i] {
			if errors.Is(c.err, earlier.err) && earlier.code != c.code {
				t.Errorf("%v is taken for %v before its own row", c.err, earlier.err)
			}
		}
	}
}

// TestBrief: of what strangers wrote, an error says as much as people read.
func TestBrief(t *testing.T) {
	var list []error
	for range 30 {
		list = append(list, errors.New(strings.Repeat("é", 4000)))
	}
	f := Of(t.Context(), errors.Join(list...))
	lines := strings.Split(f.Text, "\n")
	if len(lines) != maxLines+1 || lines[maxLines] != "and 10 more" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	if got := lines[0]; len(got) > maxLine+len("…") || !utf8.ValidString(got) {
		t.Errorf("a line of %d bytes", len(got))
	}
}
