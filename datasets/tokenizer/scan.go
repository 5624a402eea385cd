package tokenizer

import "unicode/utf8"

// The patterns that nearly every byte-level model uses. Each has a scanner of its own, which a
// test holds against the pattern run by the general engine in pattern.go.
const (
	patternGPT2  = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	patternGPT4  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// patternQwen35 counts marks to the letters they stand on.
	patternQwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// patternO200K is GPT-4o's and patternTekken Mistral's: words are also cut where a capital follows.
	patternO200K  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// patternCJK and patternDeepSeek are the second and third of DeepSeek V3's three.
	patternCJK      = "[一-龥\u3040-ゟ゠-ヿ]+"
	patternDeepSeek = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
	patternExaone   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`
)

// scanner returns the end of the match that begins at s[i], i < len(s). These patterns match at
// every position, so that matches follow one another without gaps.
type scanner func(s string, i int) int

func (f scanner) matches(s string, yield func(i, j int)) {
	for i := 0; i < len(s); {
		j := f(s, i)
		yield(i, j)
		i = j
	}
}

var scanners = map[string]scanner{
	patternGPT2:  scanGPT2,
	patternGPT4:  func(s string, i int) int { return scanGPT4(s, i, 3) },
	patternQwen2: func(s string, i int) int { return scanGPT4(s, i, 1) },

	patternO200K:  func(s string, i int) int { return scanO200K(s, i, 3, true) },
	patternTekken: func(s string, i int) int { return scanO200K(s, i, 1, false) },
}

// classAt returns the classes and the length of the character at s[i], 0 and 0 at the end.
func classAt(t *[1 << 16]byte, s string, i int) (class byte, n int) {
	if i >= len(s) {
		return 0, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return t[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if r < 1<<16 {
		return t[r], n
	}
	return classOf(r), n
}

// run returns the end of the run of characters from i on that are in the class, which is one of
// letter, number and space.
func run(t *[1 << 16]byte, s string, i int, class byte) int {
	for {
		c, n := classAt(t, s, i)
		if c&class == 0 {
			return i
		}
		i += n
	}
}

// runOther returns the end of the run of characters that are in no class: [^\s\p{L}\p{N}]+.
func runOther(t *[1 << 16]byte, s string, i int) int {
	for {
		c, n := classAt(t, s, i)
		if n == 0 || c&text != 0 {
			return i
		}
		i += n
	}
}

func scanGPT2(s string, i int) int {
	t := classes()
	if s[i] == '\'' {
		if n := contraction(s[i+1:], false); n > 0 {
			return i + 1 + n
		}
	}
	start := i
	if s[i] == ' ' {
		i++
	}
	c, n := classAt(t, s, i)
	switch {
	case n == 0:
	case c&letter != 0:
		return run(t, s, i+n, letter)
	case c&number != 0:
		return run(t, s, i+n, number)
	case c&text == 0:
		return runOther(t, s, i+n)
	}
	return scanSpace(t, s, start)
}

// scanGPT4 is cl100k_base, Llama 3 and, with single digits, Qwen 2.
func scanGPT4(s string, i, digits int) int {
	t := classes()
	if s[i] == '\'' {
		if n := contraction(s[i+1:], true); n > 0 {
			return i + 1 + n
		}
	}
	c, n := classAt(t, s, i)
	switch {
	case c&letter != 0:
		return run(t, s, i+n, letter)
	case c&number != 0:
		return runDigits(t, s, i+n, digits-1)
	}
	if s[i] != '\r' && s[i] != '\n' {
		if c, m := classAt(t, s, i+n); c&letter != 0 {
			return run(t, s, i+n+m, letter)
		}
	}
	start := i
	if s[i] == ' ' {
		i, n = i+1, 0
		if c, n = classAt(t, s, i); n == 0 {
			c = space
		}
	}
	if c&text == 0 {
		return runNewlines(s, runOther(t, s, i+n))
	}
	return scanNewlines(t, s, start)
}

// runDigits takes at most most more digits.
func runDigits(t *[1 << 16]byte, s string, i, most int) int {
	for ; most > 0; most-- {
		c, n := classAt(t, s, i)
		if c&number == 0 {
			break
		}
		i += n
	}
	return i
}

func runNewlines(s string, i int) int {
	for i < len(s) && (s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// scanNewlines matches \s*[\r\n]+|\s+(?!\S)|\s+ at white space.
func scanNewlines(t *[1 << 16]byte, s string, i int) int {
	newline := -1
	for j := i; ; {
		c, n := classAt(t, s, j)
		if c&space == 0 {
			break
		}
		if s[j] == '\r' || s[j] == '\n' {
			newline = j
		}
		j += n
	}
	// \s* is greedy: it gives back only the last newline of the run.
	if newline >= 0 {
		return newline + 1
	}
	return scanSpace(t, s, i)
}

// scanSpace matches \s+(?!\S)|\s+ at white space: a run leaves its last character to the word
// that follows, unless it has no other.
func scanSpace(t *[1 << 16]byte, s string, i int) int {
	last, j := i, i
	for {
		c, n := classAt(t, s, j)
		if c&space == 0 {
			break
		}
		last, j = j, j+n
	}
	if j == len(s) || last == i {
		return j
	}
	return last
}

// contraction returns the length of what follows the apostrophe in 's 't 're 've 'm 'll 'd. With
// fold case is ignored, and then the long s folds to s, as Unicode has it.
func contraction(s string, fold bool) int {
	if s == "" {
		return 0
	}
	low := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		if c := s[i]; fold && 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return s[i]
	}
	switch c, d := low(0), low(1); {
	case c == 's' || c == 't' || c == 'm' || c == 'd':
		return 1
	case (c == 'r' || c == 'v') && d == 'e', c == 'l' && d == 'l':
		return 2
	case fold && c == 0xC5 && d == 0xBF: // ſ
		return 2
	}
	return 0
}
