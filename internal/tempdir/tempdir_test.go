package tempdir

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSweep: what the dead have left goes, what the living have stays.
func TestSweep(t *testing.T) {
	scratch := filepath.Join(t.TempDir(), "scratch")
	if err := Prepare(scratch, true); err != nil {
		t.Fatal(err)
	}
	living, err := New(scratch)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := New(scratch)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.Path, "half"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil { // as when its process ends
		t.Fatal(err)
	}
	if err := Prepare(scratch, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead.Path); !os.IsNotExist(err) {
		t.Errorf("the dead one is there: %v", err)
	}
	if info, err := os.Stat(living.Path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the living one is %v, %v", info, err)
	}
	if err := living.Remove(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(scratch); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestNotOurs: a link where the directory should be leads to somebody else's.
func TestNotOurs(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(link, true); err == nil {
		t.Error("a link was taken")
	}
}

// TestRemoveFails: what cannot be removed stays one of the dead's, which the next sweep finds.
func TestRemoveFails(t *testing.T) {
	scratch := filepath.Join(t.TempDir(), "scratch")
	if err := Prepare(scratch, false); err != nil {
		t.Fatal(err)
	}
	d, err := New(scratch)
	if err != nil {
		t.Fatal(err)
	}
	path := d.Path
	d.Path = path + "/." // which no system removes
	if err := d.Remove(); err == nil {
		t.Fatal("it is removed")
	}
	if err := Prepare(scratch, false); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
