package registry

import "testing"

// TestEarlier: a rollback goes back along the history as along a stack.
func TestEarlier(t *testing.T) {
	for _, tt := range []struct {
		history []int // versions, 0 withdraws
		want    int   // 0 for none
	}{
		{[]int{1}, 0},
		{[]int{1, 1}, 0},
		{[]int{1, 2}, 1},
		{[]int{1, 2, 3}, 2},
		{[]int{1, 2, 3, 2}, 1},       // after one rollback
		{[]int{1, 2, 3, 2, 1}, 0},    // after two
		{[]int{1, 2, 3, 2, 4}, 2},    // rolled back, then on to another
		{[]int{1, 2, 1, 2}, 1},       // rolled back, then promoted again
		{[]int{1, 2, 2, 3, 3, 3}, 2}, // promoted to where it was
		{[]int{1, 2, 0}, 2},          // withdrawn: back to where it was
		{[]int{1, 2, 0, 3}, 2},
		{[]int{3, 1}, 3}, // versions need not rise
		{nil, 0},
	} {
		var entries []AliasEntry
		for _, v := range tt.history {
			entries = append(entries, AliasEntry{Version: v})
		}
		got, ok := earlier(entries)
		if got != tt.want || ok != (tt.want != 0) {
			t.Errorf("%v: rolls back to %d (%t), want %d", tt.history, got, ok, tt.want)
		}
	}
}
