package humanize

import "testing"

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "4096": 4096, "12B": 12, "1k": 1000, "1KiB": 1024, "1.2GB": 1_200_000_000, "1.5 gib": 3 << 29, "2t": 2e12,
	} {
		if got, err := ParseBytes(in); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "GB", "1XB", "-1", "1KK", "1iB", "NaN", "1e30", "8EiB", "1 2"} {
		if got, err := ParseBytes(in); err == nil {
			t.Errorf("%q is %d", in, got)
		}
	}
}
