package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/store/open"
	"github.com/cultivar/cultivar/store/registry"
	"github.com/cultivar/cultivar/store/storetest/s3server"
)

// These tests run the test binary again as another process, which ends badly.
const roleVariable = "CULTIVAR_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "killed":
		dieInTheMiddle(os.Getenv("CULTIVAR_TEST_HOME"))
	case "commits":
		commitForEver(os.Getenv("CULTIVAR_TEST_HOME"))
	case "full":
		os.Exit(fillTheDisk(os.Getenv("CULTIVAR_TEST_HOME")))
	}
	os.Exit(m.Run())
}

func runAs(role, home string) ([]byte, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "CULTIVAR_TEST_HOME="+home)
	return cmd.CombinedOutput()
}

func createIn(home string) (*Builder, error) {
	c, err := homed(home)
	if err != nil {
		return nil, err
	}
	return c.Create(context.Background(), "a")
}

func dieInTheMiddle(home string) {
	b, err := createIn(home)
	if err != nil {
		panic(err)
	}
	_ = b.AddDocument(datasets.Document{DocID: "1", Text: "x"})
	if _, err := b.manifest(Info{}); err != nil { // all but the rename
		panic(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func TestKilledBuilderLeavesNothingVisible(t *testing.T) {
	home := t.TempDir()
	c := in(t, home)
	living := begin(t, c, "b") // must survive the sweep
	if out, err := runAs("killed", home); err == nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if names, err := c.List(t.Context()); len(names) != 0 || err != nil {
		t.Errorf("list: %v, %v", names, err)
	}
	if left := scratch(c); len(left) != 4 {
		t.Errorf("before the sweep: %v", left)
	}
	next := begin(t, c, "a")
	if left := scratch(c); len(left) != 4 { // two that live, with their locks
		t.Errorf("after the sweep: %v", left)
	}
	for _, b := range []*Builder{living, next} {
		add(t, b, 1)
		if d, created, err := b.Commit(t.Context(), Info{}); err != nil || !created || d.Manifest.Version != 1 {
			t.Errorf("commit: %v, %v", d, err)
		}
	}
	if left := scratch(c); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// fillTheDisk has files end at 64 KiB: like a full disk, writes come back short with an error.
func fillTheDisk(home string) int {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println("setrlimit:", err)
		return 2
	}
	b, err := createIn(home)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	state := uint64(1)
	for i := range 400 {
		text := make([]byte, 1024)
		for j := range text { // does not compress
			state = state*6364136223846793005 + 1442695040888963407
			text[j] = ' ' + byte(state>>33)%90
		}
		if err := b.AddDocument(datasets.Document{DocID: fmt.Sprint(i), Text: string(text)}); err != nil {
			break // Commit must report it again
		}
	}
	_, _, err = b.Commit(context.Background(), Info{})
	fmt.Println(err)
	if !errors.Is(err, syscall.EFBIG) {
		return 2
	}
	return 0
}

func TestFullDisk(t *testing.T) {
	home := t.TempDir()
	out, err := runAs("full", home)
	if err != nil || !strings.Contains(string(out), "documents-00000.parquet") {
		t.Fatalf("%v: %s", err, out)
	}
	c := in(t, home)
	if names, _ := c.List(t.Context()); len(names)+len(scratch(c)) != 0 {
		t.Errorf("left %v, %v", names, scratch(c))
	}
	if entries, _ := os.ReadDir(filepath.Join(home, "datasets", "a")); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

// placed is the catalog at a location: a home directory, or an S3 URL with scratch beside it.
func placed(location, scratch string) (*Catalog, error) {
	if !strings.HasPrefix(location, "s3://") {
		return homed(location)
	}
	b, err := open.Open(context.Background(), location)
	return New(Place{Bucket: b, Scratch: scratch, Cache: filepath.Join(scratch, "cache")}), err
}

func commitForEver(at string) {
	location, scratch, _ := strings.Cut(at, " ")
	c, err := placed(location, scratch)
	for n := time.Now().UnixNano(); err == nil; n++ { // content that no earlier process had
		var b *Builder
		if b, err = c.Create(context.Background(), "a"); err != nil {
			break
		}
		if err = b.AddDocument(datasets.Document{DocID: fmt.Sprint(n), Text: "x"}); err == nil {
			_, _, err = b.Commit(context.Background(), Info{})
		}
	}
	panic(err)
}

// TestKilledCommits kills committing processes with SIGKILL at different times, and wants whole versions
// without gaps, and what is shown of them, after each.
func TestKilledCommits(t *testing.T) {
	t.Run("directory", func(t *testing.T) { killCommits(t, filepath.Join(t.TempDir(), "home")) })
	t.Run("s3", func(t *testing.T) { killCommits(t, s3server.Start(t).NewBucket(t)) })
}

func killCommits(t *testing.T, location string) {
	scratch := t.TempDir()
	c, err := placed(location, scratch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), roleVariable+"=commits", "CULTIVAR_TEST_HOME="+location+" "+scratch)
		var output strings.Builder
		child.Stderr = &output
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+37*i) * time.Millisecond)
		_ = child.Process.Kill()
		if _ = child.Wait(); output.Len() > 0 {
			t.Fatalf("it ended by itself: %s", &output)
		}
		wantWhole(t, c)
	}
	if err := c.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	versions := wantWhole(t, c)
	t.Logf("%d versions", versions)
	d, created := commit(t, c, "a", 1, Info{})
	if !created || d.Manifest.Version != versions+1 || len(scratchLeft(c)) != 0 {
		t.Errorf("after %d versions comes %s, left %v", versions, d.Ref(), scratchLeft(c))
	}
	if c.place.Dir == "" {
		return
	}
	if shown, err := c.viewNumbers("a"); err != nil || len(shown) != versions+1 {
		t.Errorf("%d of %d versions are shown, %v", len(shown), versions+1, err)
	}
}

// scratchLeft is scratch without the cache.
func scratchLeft(c *Catalog) []string {
	return slices.DeleteFunc(scratch(c), func(name string) bool { return name == "cache" })
}

// wantWhole checks all versions and returns how many there are.
func wantWhole(t *testing.T, c *Catalog) int {
	t.Helper()
	report, err := registry.Check(t.Context(), c.place.Bucket, true, Kind)
	if err != nil || !report.OK() {
		t.Errorf("check: %v, problems %+v", err, report.Problems)
	}
	views, err := c.CheckViews(t.Context())
	if err != nil || len(views) > 0 {
		t.Errorf("directories: %v, problems %+v", err, views)
	}
	versions, err := c.reg.Versions(t.Context(), "a")
	if err != nil || len(versions) > 0 && versions[len(versions)-1] != len(versions) {
		t.Errorf("versions with gaps: %d, %v", versions, err)
	}
	return len(versions)
}
