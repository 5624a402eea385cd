package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder rewrites a list of tokens on its way to text.
type decoder interface {
	decode(tokens []string) []string
	grow(g *growth)
}

// byteLevelDecoder reads tokens in GPT-2's alphabet.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var b []byte
	for _, t := range tokens {
		raw, ok := appendRaw(b, t)
		if !ok {
			// A token outside of the alphabet, an added one, stands for itself.
			raw = append(b, t...)
		}
		b = raw
	}
	return []string{lossy(string(b))}
}

// replaceDecoder replaces the matches of a pattern in each token.
type replaceDecoder struct {
	pattern pattern
	new     string
}

func (d replaceDecoder) decode(tokens []string) []string {
	for i, t := range tokens {
		if l, ok := d.pattern.(literal); ok {
			tokens[i] = strings.ReplaceAll(t, string(l), d.new)
			continue
		}
		tokens[i] = replacePattern{pattern: d.pattern, new: d.new}.normalize(piece{s: t}).s
	}
	return tokens
}

// byteFallbackDecoder turns runs of tokens such as <0x0A> into the text they encode, or one U+FFFD
// for each when the run is not UTF-8.
type byteFallbackDecoder struct{}

func (byteFallbackDecoder) decode(tokens []string) []string {
	out := make([]string, 0, len(tokens))
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
			return
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if b, ok := byteToken(t); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

// byteToken returns the byte that a token such as <0x0A> stands for.
func byteToken(t string) (byte, bool) {
	if len(t) != 6 || !strings.HasPrefix(t, "<0x") || t[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(t[3:5], 16, 8)
	return byte(b), err == nil
}

type fuseDecoder struct{}

func (fuseDecoder) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// stripDecoder takes up to so many of a character from the ends of each token.
type stripDecoder struct {
	content     string
	start, stop int
}

func (d stripDecoder) decode(tokens []string) []string {
	for i, t := range tokens {
		for n := 0; n < d.start && strings.HasPrefix(t, d.content); n++ {
			t = t[len(d.content):]
		}
		for n := 0; n < d.stop && strings.HasSuffix(t, d.content); n++ {
			t = t[:len(t)-len(d.content)]
		}
		tokens[i] = t
	}
	return tokens
}

// metaspaceDecoder makes spaces of the visible character again, and drops the one that was put
// before the text.
type metaspaceDecoder struct {
	replacement string
	scheme      prependScheme
}

func (d metaspaceDecoder) decode(tokens []string) []string {
	for i, t := range tokens {
		space := " "
		if i == 0 && d.scheme != prependNever {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(t, d.replacement, space)
	}
	return tokens
}

// wordPieceDecoder joins pieces that begin with the prefix and puts spaces between the others.
type wordPieceDecoder struct {
	prefix  string
	cleanup bool
}

var wordPieceCleanup = [...][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
	{" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	for i, t := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(t, d.prefix); ok {
				t = rest
			} else {
				t = " " + t
			}
		}
		if d.cleanup {
			for _, c := range wordPieceCleanup {
				t = strings.ReplaceAll(t, c[0], c[1])
			}
		}
		tokens[i] = t
	}
	return tokens
}

// bpeDecoder makes a space of the suffix that ends a word, except the last.
type bpeDecoder struct{ suffix string }

func (d bpeDecoder) decode(tokens []string) []string {
	for i, t := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(t, d.suffix, space)
	}
	return tokens
}
