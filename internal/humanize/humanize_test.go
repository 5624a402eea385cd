package humanize

import (
	"math"
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 5_400_000: "5.4 MB", 9_949_999: "9.9 MB", 9_950_000: "10 MB",
		999_499: "999 kB", 999_500: "1.0 MB", 12_300_000_000: "12 GB", -2048: "-2.0 kB", math.MaxInt64: "9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1_000: "1.0 k", 1_700_000: "1.7 M", 123_456: "123 k", -15: "-15"} {
		if got := Count(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestComma(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1_000: "1,000", 12_345: "12,345", 100_020: "100,020", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1_000: "-1,000", -123_456: "-123,456",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Comma(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		s    string
		most int
		want string
	}{{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aéb", 2, "a…"}, {"aéb", 3, "aé…"}, {"é", 1, "…"}} {
		if got := Excerpt(tt.s, tt.most); got != tt.want {
			t.Errorf("%q of %d bytes: got %q, want %q", tt.s, tt.most, got, tt.want)
		}
	}
}

func TestRate(t *testing.T) {
	tests := []struct {
		v    float64
		unit string
		want string
	}{
		{1714, "tok", "1.7 ktok/s"}, {12, "doc", "12 doc/s"}, {0.25, "step", "0.2 step/s"}, {5.4e6, "B", "5.4 MB/s"},
		{0, "tok", "0 tok/s"}, {math.Inf(1), "tok", "– tok/s"}, {math.NaN(), "tok", "– tok/s"},
	}
	for _, tt := range tests {
		if got := Rate(tt.v, tt.unit); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.v, got, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{
		"0s": "0ns", "999ns": "999ns", "1500ns": "1µs", "340ms": "340ms", "999.4ms": "999ms", "999.6ms": "1.0s",
		"9.54s": "9.5s", "9.95s": "10s", "59.4s": "59s", "59.6s": "1m00s", "92s": "1m32s", "59m59.7s": "1h00m",
		"2h5m59s": "2h05m", "23h59m59.9s": "1d00h", "76h10m": "3d04h", "-92s": "-1m32s",
	} {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Duration(d); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if got := Duration(math.MinInt64); got != "-106751d23h" {
		t.Errorf("shortest duration: %q", got)
	}
}
