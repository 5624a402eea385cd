package hugepage

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestFloats(t *testing.T) {
	for _, n := range []int{0, 1, least - 1, least, least + 1, 3*least + 5} {
		x := Floats(n)
		if len(x) != n || slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			t.Errorf("Floats(%d) is not %d zeros", n, n)
		}
		for i := range x {
			x[i] = 1
		}
	}
}

// Large memory is marked as to be of huge pages, "hg" in proc_pid_smaps(5). Whether it is depends on what
// else the machine has done with its memory.
func TestLargeMemoryAsksForHugePages(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("a kernel without transparent huge pages: ", err)
	}
	large := Floats(2 * least)
	if flags := flagsOf(t, &large[least]); !slices.Contains(flags, "hg") {
		t.Errorf("large memory has the flags %q, without hg", flags)
	}
}

// flagsOf are those of the mapping in which p lies.
func flagsOf(t *testing.T, p *float32) []string {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("no account of this process's memory: ", err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= uintptr(unsafe.Pointer(p)) && uintptr(unsafe.Pointer(p)) < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Fatal("memory that is in no mapping")
	return nil
}
