package training

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/datasets"
	"github.com/cultivar/cultivar/datasets/pack"
)

// TestLedger: rows are refused before they take what they are allowed, by their number.
func TestLedger(t *testing.T) {
	l := ledger{room: 10 * rowBytes}
	row := datasets.Example{Text: strings.Repeat("a", rowBytes)}
	for n := 1; ; n++ {
		err := l.add(row)
		if (err != nil) != (n > 5) {
			t.Fatalf("row %d: %v", n, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "row 5 is the last") {
				t.Error(err)
			}
			return
		}
	}
}

// TestFits: what there is no memory for is refused in words, what there is memory for is not.
func TestFits(t *testing.T) {
	if err := packable([]pack.Row{{IDs: make([]int32, 1<<16)}}, pack.Options{MaxLen: 16}); err != nil {
		t.Error(err)
	}
	if err := fits(1<<60, "all of %d rows", 3); err == nil || !strings.HasPrefix(err.Error(), "all of 3 rows takes about 1.2 EB of memory") {
		t.Error(err)
	}
}
