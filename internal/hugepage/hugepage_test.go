package hugepage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cultivar/cultivar/internal/hugepage"
	"github.com/cultivar/cultivar/internal/mapped"
)

// large is the least number of bytes that ask for huge pages.
const large = 4 << 20

func TestFloats(t *testing.T) {
	for _, n := range []int{0, 1, large/4 - 1, large / 4, large/4 + 1, 3*large/4 + 5} {
		x := hugepage.Floats(n)
		if len(x) != n || slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			t.Errorf("Floats(%d) is not %d zeros", n, n)
		}
		for i := range x {
			x[i] = 1
		}
	}
}

// Large memory and large mappings are marked as to be of huge pages, "hg" in proc_pid_smaps(5). Whether they
// are depends on the file system and on what else the machine has done with its memory.
func TestAsksForHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("a kernel without transparent huge pages: ", err)
	}
	floats := hugepage.Floats(2 * large / 4)
	if flags := flagsOf(t, unsafe.Pointer(&floats[large/4])); !slices.Contains(flags, "hg") {
		t.Errorf("large memory has the flags %q, without hg", flags)
	}

	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 2*large), 0o666); err != nil {
		t.Fatal(err)
	}
	data, unmap, err := mapped.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if flags := flagsOf(t, unsafe.Pointer(&data[large])); !slices.Contains(flags, "hg") {
		t.Errorf("a mapping of a large file has the flags %q, without hg", flags)
	}
	if err := unmap(); err != nil {
		t.Error(err)
	}
}

// flagsOf are those of the mapping in which p lies.
func flagsOf(t *testing.T, p unsafe.Pointer) []string {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("no account of this process's memory: ", err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= uintptr(p) && uintptr(p) < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Fatal("memory that is in no mapping")
	return nil
}
