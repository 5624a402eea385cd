package clean

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a\n\tb", "a\n\tb"},
		{"line ends", "a\r\nb\rc\u2028d\u0085e\vf\fg", "a\nb\nc\nd\ne\nf\ng"},
		{"control", "a\x00b\x07c\x7fd\u0090e", "abcde"},
		{"zero width", "pass\u00adword \ufeffa\u200bb\u2060c", "password abc"},
		{"joiners stay", "می\u200cخواهم 👩\u200d🔬", "می\u200cخواهم 👩\u200d🔬"},
		{"bidi and tags", "a\u202eb\u2066c\U000e0041d", "abcd"},
		{"nfc", "e\u0301 e\u200b\u0301", "é é"},
		{"trailing space", "a  \nb\t\u00a0\n  c", "a\nb\n  c"},
		{"blank lines", "\n \na\n\n\n\n\nb\n\nc\n\n", "a\n\n\nb\n\nc"},
		{"terminal colours", "\x1b[1;31mred\x1b[0m \x1bx \x1b[", "red x ["},
		{"broken utf-8", "a\xffb", "a\ufffdb"},
		{"mojibake is left alone", "cafÃ©", "cafÃ©"},
		{"empty", " \n\t\n", ""},
	} {
		if got := DefaultConfig().Text(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	if got := DefaultConfig().Line(" a\n\u00a0 b\u200b\tc "); got != "a b c" {
		t.Errorf("got %q", got)
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "max_blank_lines") {
		t.Errorf("got %v", err)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\r\n\x1b[0m e\u0301\n\n\n\u00a0")
	f.Fuzz(func(t *testing.T, s string) {
		once := DefaultConfig().Text(s)
		if !utf8.ValidString(once) || !norm.NFC.IsNormalString(once) {
			t.Fatalf("not valid NFC: %q", once)
		}
		if strings.ContainsAny(once, "\r\x00\u200b\u00ad") {
			t.Fatalf("invisible left: %q", once)
		}
		if twice := DefaultConfig().Text(once); twice != once {
			t.Fatalf("not idempotent: %q then %q", once, twice)
		}
	})
}

func BenchmarkText(b *testing.B) {
	text := strings.Repeat("The quick brown fox, übermütig, jumps over the lazy dog.  \r\n", 2000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		DefaultConfig().Text(text)
	}
}
