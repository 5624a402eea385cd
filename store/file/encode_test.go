package file

import (
	"strings"
	"testing"

	"github.com/cultivar/cultivar/store"
)

// FuzzEncode checks that names survive, fit in a directory entry, are told apart by a file system
// that ignores case, and that decoding accepts nothing but its own encoding.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"a", "A", "a.d", ".tmp", "..x", "%41", "!a", "é", strings.Repeat(".", 255), strings.Repeat("É", 127)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, segment string) {
		if plain, err := decodeSegment(segment); err == nil && encodeSegment(plain) != segment {
			t.Errorf("decodeSegment(%q) = %q, whose encoding is %q", segment, plain, encodeSegment(plain))
		}
		if strings.Contains(segment, "/") || store.CheckKey(segment) != nil {
			return
		}
		name := encodeSegment(segment)
		back, err := decodeSegment(name)
		if err != nil || back != segment {
			t.Errorf("%q encoded as %q comes back as %q, %v", segment, name, back, err)
		}
		if strings.ToLower(name) != name || strings.HasPrefix(name, ".") || strings.HasSuffix(name, dirMark) || strings.HasSuffix(name, moreMark) {
			t.Errorf("%q encoded as %q", segment, name)
		}
		for part := range strings.SplitSeq(encode(segment+"/"+segment), "/") {
			if len(part) > pieceLen+len(dirMark) || strings.HasPrefix(part, ".") {
				t.Errorf("%q has path element %q", segment, part)
			}
		}
	})
}
