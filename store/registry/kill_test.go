package registry_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cultivar/cultivar/store/file"
	"github.com/cultivar/cultivar/store/registry"
)

const childDir = "CULTIVAR_TEST_REGISTRY_CHILD"

// TestKilledProcesses kills publishing processes with SIGKILL at different times, and wants a whole
// registry and versions without gaps after each.
func TestKilledProcesses(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		publishForEver(t, dir)
	}
	dir := t.TempDir()
	b, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledProcesses$")
		child.Env = append(os.Environ(), childDir+"="+dir)
		var output bytes.Buffer
		child.Stdout = &output
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+7*i) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Errorf("it ended by itself: %v\n%s", err, &output)
		}
		child.Wait() // killed, as it must be
		wantClean(t, b)
	}
	r := registry.New(b, registry.Kind{})
	before, err := r.Versions(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if len(before) > 0 && before[len(before)-1] != len(before) {
		t.Errorf("versions with gaps: %v", before)
	}
	if m := publish(t, r, draft("a", -1)); m.Version != len(before)+1 {
		t.Errorf("after the kills: version %d follows %d", m.Version, len(before))
	}
}

func publishForEver(t *testing.T, dir string) {
	b, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := registry.New(b, registry.Kind{})
	for {
		// The time makes content that no earlier process published.
		m := publish(t, r, draft("a", int(time.Now().UnixNano())))
		if _, err := r.SetAlias(t.Context(), "a", "prod", m.Version, "child", "test"); err != nil {
			t.Fatal(err)
		}
	}
}
