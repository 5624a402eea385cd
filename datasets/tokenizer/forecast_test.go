package tokenizer

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cultivar/cultivar/internal/testkit"
)

// TestMemory: a word without end is forecast to take much, prose of the same length little more than its tokens.
func TestMemory(t *testing.T) {
	const n = 5 << 20
	word, prose := strings.Repeat("a", n), strings.Repeat("the boiler is checked ", n/22)
	for _, family := range []string{"qwen3", "llama"} {
		tok, err := Open(filepath.Join(testkit.Shared(t, "goldens"), family, "base"))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Memory(word); got < symbolBytes*n {
			t.Errorf("%s: %d bytes for a word of %d", family, got, n)
		}
		if got := tok.Memory(prose); got > 24*n {
			t.Errorf("%s: %d bytes for %d of prose", family, got, n)
		}
	}
}
