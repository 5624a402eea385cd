package nearest

import (
	"strings"
	"testing"
)

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"same", "same", 0},
		{"train", "trian", 1}, {"train", "tran", 1}, {"train", "traain", 1}, {"train", "trein", 1},
		{"ca", "abc", 3}, // a swapped pair is not edited again
		{strings.Repeat("a", 65), strings.Repeat("a", 65), 64},
	} {
		if got := Edits(c.a, c.b); got != c.want {
			t.Errorf("%q to %q takes %d edits, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	names := []string{"completion", "complete", "id"}
	for _, c := range []struct {
		word  string
		limit int
		want  string
	}{
		{"completoin", 2, "completion"}, {"complet", 2, "complete"}, {"xy", 2, ""}, {"other", 1, ""}, {"id", 0, "id"},
	} {
		if got := Of(c.word, names, c.limit); got != c.want {
			t.Errorf("%q is taken for %q, want %q", c.word, got, c.want)
		}
	}
}
