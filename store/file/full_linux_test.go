package file_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
	"golang.org/x/sys/unix"
)

// TestFullDisk fills a small tmpfs: the error stays ENOSPC and nothing of the object stays.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs a mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	b := open(t, dir)
	const size = 1 << 20
	_, err := b.Put(t.Context(), "k", strings.NewReader(strings.Repeat("x", size)), size, store.Condition{})
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("Put on a full disk: %v, want ENOSPC", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	if _, err := b.Put(t.Context(), "small", strings.NewReader("x"), 1, store.Condition{IfAbsent: true}); err != nil {
		t.Errorf("Put after the failure: %v", err)
	}
}

// TestReadOnlyMount remounts the bucket read-only.
func TestReadOnlyMount(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs a mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	b := open(t, dir)
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("needs a remount: %v", err)
	}
	wantReadOnly(t, b)
}

// TestReadOnlyDirectory gives up root's rights on this thread where the test runs as root.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := b.Put(t.Context(), "k", strings.NewReader("x"), 1, store.Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, dir + "/.tmp"} {
		if err := os.Chmod(path, 0o555); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/.lock", 0o444); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		// The file-system identity is the thread's alone; take it back before others use the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		unix.SetfsuidRetUid(65534)
		defer unix.SetfsuidRetUid(0)
	}
	wantReadOnly(t, b)
}

func wantReadOnly(t *testing.T, b store.Bucket) {
	t.Helper()
	for _, cond := range []store.Condition{{}, {IfAbsent: true}} {
		if _, err := b.Put(t.Context(), "new", strings.NewReader("x"), 1, cond); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("Put %+v: %v, want ErrReadOnly", cond, err)
		}
	}
	if err := b.Delete(t.Context(), "k"); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Delete: %v, want ErrReadOnly", err)
	}
	if _, err := b.Stat(t.Context(), "k"); err != nil {
		t.Errorf("Stat: %v", err)
	}
}
