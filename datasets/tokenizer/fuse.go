package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The first pre-tokenizers of families that use several.
const (
	digit       = `\p{N}`
	threeDigits = `\p{N}{1,3}`
)

// fused are the chains of isolating patterns that one scanner does the work of.
var fused = []struct {
	sources []string
	scan    scanner
}{
	{[]string{threeDigits, patternCJK, patternDeepSeek}, scanDeepSeek},
	{[]string{digit, patternGPT2}, scanDigitsGPT2},
}

// fuse takes from the end of pre what a scanner can do. words is the scanner of the ByteLevel after
// pre, nil when that does not cut.
func fuse(pre []splitter, words scanner) (scanner, []splitter) {
	if words != nil {
		// ByteLevel's own pattern is GPT-2's.
		pre = append(slices.Clip(pre), splitPattern{pattern: words, behavior: isolated, source: patternGPT2})
	}
	sources := make([]string, len(pre))
	for i, s := range pre {
		switch s := s.(type) {
		case splitPattern:
			if s.behavior == isolated {
				sources[i] = s.source
			}
		case splitRunes:
			sources[i] = s.source
		}
	}
	for _, f := range fused {
		if n := len(pre) - len(f.sources); n >= 0 && slices.Equal(sources[n:], f.sources) {
			return f.scan, pre[:n]
		}
	}
	if n := len(pre) - 1; n >= 0 {
		if s, ok := pre[n].(splitPattern); ok && s.behavior == isolated {
			if scan, ok := s.pattern.(scanner); ok {
				return scan, pre[:n]
			}
		}
	}
	return nil, pre
}

// scanDigitsGPT2 isolates digits and cuts what lies between them as GPT-2 does: there a digit is
// the end of the text.
func scanDigitsGPT2(s string, i int) int {
	t := classes()
	c, n := classAt(t, s, i)
	if c&number != 0 {
		return i + n
	}
	if c&space == 0 {
		return scanGPT2(s, i)
	}
	if next, _ := classAt(t, s, i+n); s[i] == ' ' && next&number == 0 {
		if next&space == 0 {
			return scanGPT2(s, i)
		}
	}
	return scanSpaceTo(t, s, i, number)
}

// scanSpaceTo is scanSpace where a character of the class ends the text.
func scanSpaceTo(t *[1 << 16]byte, s string, i int, end byte) int {
	j := run(t, s, i, space)
	if c, _ := classAt(t, s, j); c&end != 0 {
		return j
	}
	return scanSpace(t, s, i)
}

// scanO200K is o200k_base, with single digits and without contractions Mistral's Tekken.
func scanO200K(s string, i, digits int, contractions bool) int {
	t := classes()
	c, n := classAt(t, s, i)
	if c&number != 0 {
		return runDigits(t, s, i+n, digits-1)
	}
	from := i
	if c&letter == 0 && s[i] != '\r' && s[i] != '\n' {
		from = i + n // [^\r\n\p{L}\p{N}]?
	}
	end := lowerWord(t, s, from)
	if end < 0 && from > i {
		end = lowerWord(t, s, i)
	}
	if end < 0 {
		end = upperWord(t, s, from, i)
	}
	if end > 0 {
		if contractions && end < len(s) && s[end] == '\'' {
			if k := contraction(s[end+1:], true); k > 0 {
				return end + 1 + k
			}
		}
		return end
	}
	if c, n := classAt(t, s, i); c&text == 0 {
		return runSlashes(s, runOther(t, s, i+n))
	}
	if s[i] == ' ' {
		if c, n := classAt(t, s, i+1); n > 0 && c&text == 0 {
			return runSlashes(s, runOther(t, s, i+1+n))
		}
	}
	return scanNewlines(t, s, i)
}

// lowerWord matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ at i, -1 when it does
// not match. The first part is greedy and gives back only as far as the second needs.
func lowerWord(t *[1 << 16]byte, s string, i int) int {
	j, last, end := i, -1, -1 // last: where the last character that is both begins, and ends
	for {
		c, n := classAt(t, s, j)
		if c&upper == 0 {
			if c&lower != 0 {
				return run(t, s, j+n, lower)
			}
			break
		}
		if c&lower != 0 {
			last, end = j, j+n
		}
		j += n
	}
	if last < 0 {
		return -1
	}
	return end
}

// upperWord matches what is left of the second alternative when the first does not match: capitals
// alone, after the character between i and from or without it.
func upperWord(t *[1 << 16]byte, s string, from, i int) int {
	if end := run(t, s, from, upper); end > from {
		return end
	}
	if end := run(t, s, i, upper); end > i {
		return end
	}
	return -1
}

// runSlashes is runNewlines that also takes slashes.
func runSlashes(s string, i int) int {
	for i < len(s) && (s[i] == '\r' || s[i] == '\n' || s[i] == '/') {
		i++
	}
	return i
}

// isCJK is patternCJK's set.
func isCJK(r rune) bool { return 0x4E00 <= r && r <= 0x9FA5 || 0x3040 <= r && r <= 0x30FF }

// piecewise is classAt for DeepSeek: what its first two patterns take is the end of the text.
func piecewise(t *[1 << 16]byte, s string, i int) (class byte, n int) {
	class, n = classAt(t, s, i)
	if class&number != 0 {
		return 0, 0
	}
	if n == 3 {
		if r, _ := utf8.DecodeRuneInString(s[i:]); isCJK(r) {
			return 0, 0
		}
	}
	return class, n
}

// scanDeepSeek is DeepSeek V3: digits in threes, then Chinese and Japanese, then the rest.
func scanDeepSeek(s string, i int) int {
	t := classes()
	c, n := classAt(t, s, i)
	if c&number != 0 {
		return runDigits(t, s, i+n, 2)
	}
	if c, n = piecewise(t, s, i); n == 0 {
		return runCJK(s, i)
	}
	if b := s[i]; c&symbol != 0 && b < utf8.RuneSelf && i+1 < len(s) && isASCIILetter(s[i+1]) {
		for i++; i < len(s) && isASCIILetter(s[i]); i++ {
		}
		return i
	}
	if c&(letter|mark) != 0 {
		return runPiece(t, s, i+n, letter|mark)
	}
	next, m := piecewise(t, s, i+n)
	if c&symbol == 0 && s[i] != '\r' && s[i] != '\n' && next&(letter|mark) != 0 {
		return runPiece(t, s, i+n+m, letter|mark)
	}
	if c&symbol != 0 {
		return runNewlines(s, runPiece(t, s, i+n, symbol))
	}
	if s[i] == ' ' && next&symbol != 0 {
		return runNewlines(s, runPiece(t, s, i+n+m, symbol))
	}
	if c&space != 0 {
		return scanPieceSpace(t, s, i)
	}
	return runUnmatched(t, s, i+n)
}

func isASCIILetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func runCJK(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isCJK(r) {
			break
		}
		i += n
	}
	return i
}

// runPiece is run on what DeepSeek's third pattern sees.
func runPiece(t *[1 << 16]byte, s string, i int, class byte) int {
	for {
		c, n := piecewise(t, s, i)
		if c&class == 0 {
			return i
		}
		i += n
	}
}

// scanPieceSpace is scanNewlines on what DeepSeek's third pattern sees.
func scanPieceSpace(t *[1 << 16]byte, s string, i int) int {
	end := runPiece(t, s, i, space)
	if strings.ContainsAny(s[i:end], "\r\n") {
		return scanNewlines(t, s[:end], i)
	}
	if _, n := piecewise(t, s, end); n == 0 {
		return end
	}
	return scanSpace(t, s, i)
}

// runUnmatched returns the end of the characters that no pattern takes, control characters for
// example: the last one before a word belongs to that.
func runUnmatched(t *[1 << 16]byte, s string, i int) int {
	last := i
	for {
		c, n := piecewise(t, s, i)
		switch {
		case n > 0 && c == 0:
			last, i = i, i+n
		case c&(letter|mark) != 0:
			return last
		default:
			return i
		}
	}
}
