//go:build linux && (amd64 || arm64)

package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cultivar/cultivar/store/storetest/killpoint"
)

// TestFailingDisk has changes to the file system fail, as on a disk that is broken or full. A verb succeeds all the
// same, where nothing depended on it, or says what went wrong in one line; what was good before still is, and the next
// command ends well and leaves nothing behind.
func TestFailingDisk(t *testing.T) {
	start := newWorld(t)
	every := os.Getenv(killsEnv) == "all"
	for n, v := range killable {
		t.Run(v.name, func(t *testing.T) {
			start, typed := v.before(t, start), strings.Fields(v.args)
			clean, r := start.traced(t, typed)
			for i, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
				first, step := max(1, len(r.Points)*(1+i)/3), len(r.Points)
				if every {
					first, step = 1, 1
				} else if i != n%2 { // one of them
					continue
				}
				for at := first; at <= len(r.Points); at += step {
					w := start.copy(t)
					w.fail(t, fmt.Sprintf("%s at change %d, %s", errno, at, r.Points[at-1]), v, at, errno, clean)
					_ = os.RemoveAll(w.dir)
				}
			}
		})
	}
}

// fail runs a verb whose change number at fails.
func (w world) fail(t *testing.T, what string, v killed, at int, errno syscall.Errno, clean world) {
	t.Helper()
	said, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	cmd := w.command(strings.Fields(v.args)...)
	cmd.Stderr = said
	r, err := killpoint.Fail(cmd, at, errno)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	switch told := strings.Count(string(text), "cultivar: error: "); {
	case r.Failed == 0: // other threads came to other changes
	case r.Code == 3 && v.made == damage && strings.Contains(string(text), "cannot be mended"): // the table says why
	case r.Code == 0:
		same(t, what, w.at(v.done), clean.at(v.done))
	case r.Code != 1 || told != 1 || !strings.Contains(string(text), errno.Error()) || crash.Match(text):
		t.Errorf("%s: exit code %d: %s", what, r.Code, text)
	}
	w.good(t, what, v.made)
	w.finished(t, what, v, clean)
}
