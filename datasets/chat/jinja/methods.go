package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

type stringMethod = func(*renderer, string, *callArgs) (any, error)

// stringMethods are Python's str methods.
var stringMethods map[string]stringMethod

func init() {
	stringMethods = map[string]stringMethod{
		"strip":        strip(true, true),
		"lstrip":       strip(true, false),
		"rstrip":       strip(false, true),
		"split":        split(strings.Index, false),
		"rsplit":       split(strings.LastIndex, true),
		"splitlines":   splitLinesMethod,
		"startswith":   affix(strings.HasPrefix),
		"endswith":     affix(strings.HasSuffix),
		"removeprefix": cut(strings.TrimPrefix),
		"removesuffix": cut(strings.TrimSuffix),
		"upper":        mapped(upper),
		"lower":        mapped(lower),
		"casefold":     mapped(func(s string) string { return cases.Fold().String(s) }),
		"title":        mapped(titleCase),
		"capitalize":   mapped(capitalize),
		"swapcase":     swapCaseMethod,
		"replace":      replaceMethod,
		"find":         find(strings.Index, false),
		"rfind":        find(strings.LastIndex, false),
		"index":        find(strings.Index, true),
		"rindex":       find(strings.LastIndex, true),
		"count":        countMethod,
		"join":         joinMethod,
		"format":       formatMethod,
		"partition":    partition(strings.Index, false),
		"rpartition":   partition(strings.LastIndex, true),
		"ljust":        justify(func(n int) (int, int) { return 0, n }),
		"rjust":        justify(func(n int) (int, int) { return n, 0 }),
		"center":       justifyCenter,
		"zfill":        zfill,
		"isdigit":      every(func(c rune) bool { return unicode.IsDigit(c) || unicode.Is(unicode.No, c) && superscript(c) }),
		"isdecimal":    every(unicode.IsDigit),
		"isnumeric":    every(func(c rune) bool { return unicode.Is(unicode.N, c) }),
		"isalpha":      every(unicode.IsLetter),
		"isalnum":      every(func(c rune) bool { return unicode.IsLetter(c) || unicode.Is(unicode.N, c) }),
		"isspace":      every(isSpace),
		"isascii":      asked(isASCII),
		"isprintable":  asked(func(s string) bool { return strings.IndexFunc(s, notPrintable) < 0 }),
		"istitle":      asked(isTitle),
		"expandtabs":   expandTabs,
		"isupper":      cased(unicode.IsUpper, unicode.IsLower),
		"islower":      cased(unicode.IsLower, unicode.IsUpper),
	}
}

func notPrintable(c rune) bool { return !printable(c) }

// isTitle is str.istitle: upper case begins each run of letters, and there is one.
func isTitle(s string) bool {
	inWord, some := false, false
	for _, c := range s {
		switch begins := unicode.IsUpper(c) || unicode.IsTitle(c); {
		case begins && inWord, unicode.IsLower(c) && !inWord:
			return false
		case begins:
			inWord, some = true, true
		case !unicode.IsLower(c):
			inWord = false
		}
	}
	return some
}

func expandTabs(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("expandtabs", "tabsize")
	if err != nil {
		return nil, err
	}
	size := int64(8)
	if n, ok := v["tabsize"]; ok {
		if size, ok = asNumber(n).(int64); !ok || size > maxWidth {
			return nil, r.fail("expandtabs needs a number of columns")
		}
	}
	if err := r.charge(len(s) + strings.Count(s, "\t")*int(max(size, 0))); err != nil {
		return nil, err
	}
	var b strings.Builder
	column := int64(0)
	for _, c := range s {
		switch c {
		case '\t':
			if size > 0 {
				n := size - column%size
				b.WriteString(strings.Repeat(" ", int(n)))
				column += n
			}
			continue
		case '\n', '\r':
			column = -1
		}
		b.WriteRune(c)
		column++
	}
	return b.String(), nil
}

// superscript are the digits that are No: superscripts and subscripts.
func superscript(c rune) bool {
	return c == '²' || c == '³' || c == '¹' || 0x2070 <= c && c <= 0x2089
}

// upper and lower are Python's: full mappings, one character to several where Unicode says so, and
// the final sigma. A Caser keeps state, so each call has its own, which takes as long as some hundred letters of
// ASCII: those need none.
func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

// caserBytes is what a Caser is charged for.
const caserBytes = 128

// capitalize is str.capitalize: the first character in title case, the rest in lower case.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return cases.Title(language.Und).String(s[:n]) + lower(s[n:])
}

// titleCase is str.title: the first letter of each run of letters.
func titleCase(s string) string {
	inWord := false
	return strings.Map(func(c rune) rune {
		letter := unicode.IsLetter(c)
		switch {
		case letter && !inWord:
			c = unicode.ToTitle(c)
		case letter:
			c = unicode.ToLower(c)
		}
		inWord = letter
		return c
	}, s)
}

func swapCase(s string) string {
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == 'Σ': // its lower case depends on what is around it
			next, _ := utf8.DecodeRuneInString(s[i+len("Σ"):])
			folded := lower(s[:i+len("Σ")])
			if unicode.IsLetter(next) {
				folded = "σ"
			}
			b.WriteString(folded[len(folded)-len("σ"):])
		case unicode.IsUpper(c):
			b.WriteString(lower(string(c)))
		default:
			b.WriteString(upper(string(c)))
		}
	}
	return b.String()
}

// swapCaseMethod charges for a Caser a character, and for all that swapCase looks at again for each sigma.
func swapCaseMethod(r *renderer, s string, a *callArgs) (any, error) {
	each := 1 + strings.Count(s, "Σ")
	if !isASCII(s) {
		each += caserBytes / 2
	}
	if err := r.charge(len(s) * each); err != nil {
		return nil, err
	}
	return mapped(swapCase)(r, s, a)
}

func mapped(f func(string) string) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		if _, err := a.bind("method"); err != nil {
			return nil, err
		}
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
		return f(s), nil
	}
}

// asked makes a method of a question about a whole string.
func asked(f func(string) bool) stringMethod {
	return func(r *renderer, s string, _ *callArgs) (any, error) {
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
		return f(s), nil
	}
}

func every(is func(rune) bool) stringMethod {
	return asked(func(s string) bool { return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !is(c) }) })
}

func cased(want, not func(rune) bool) stringMethod {
	return asked(func(s string) bool { return strings.ContainsFunc(s, want) && !strings.ContainsFunc(s, not) })
}

// pad returns s between left and right copies of a character.
func (r *renderer) pad(s, fill string, left, right int) (any, error) {
	if left > r.opt.Limits.Memory/8 || right > r.opt.Limits.Memory/8 {
		return nil, r.charge(r.opt.Limits.Memory)
	}
	if err := r.charge(len(s) + (left+right)*len(fill)); err != nil {
		return nil, err
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, right), nil
}

func justify(sides func(missing int) (left, right int)) stringMethod {
	return func(r *renderer, s string, a *callArgs) (any, error) {
		v, err := a.bind("ljust", "width", "fillchar")
		if err != nil {
			return nil, err
		}
		width, ok := v["width"].(int64)
		fill := " "
		if f, given := v["fillchar"].(string); given {
			fill = f
		}
		if !ok || runeLen(fill) != 1 {
			return nil, r.fail("needs a width and one character to fill with")
		}
		if err := r.charge(len(s) / 4); err != nil {
			return nil, err
		}
		missing := width - int64(runeLen(s))
		if missing <= 0 {
			return s, nil
		}
		left, right := sides(int(missing))
		return r.pad(s, fill, left, right)
	}
}

// justifyCenter is str.center, which puts the odd character left or right by CPython's rule.
func justifyCenter(r *renderer, s string, a *callArgs) (any, error) {
	width := int64(0)
	if len(a.positional) > 0 {
		width, _ = a.positional[0].(int64)
	}
	return justify(func(n int) (int, int) {
		left := n/2 + n&int(width)&1
		return left, n - left
	})(r, s, a)
}

func zfill(r *renderer, s string, a *callArgs) (any, error) {
	v, err := a.bind("zfill", "width")
	if err != nil {
		return nil, err
	}
	width, ok := v["width"].(int64)
	if !ok {
		return nil, r.fail("zfill needs a width")
	}
	if err := r.charge(len(s) / 4); err != nil {
		return nil, err
	}
	missing := width - int64(runeLen(s))
	if missing <= 0 {
		return s, nil
	}
	sign := ""
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, s = s[:1], s[1:]
	}
	v2, err := r.pad(s, "0", int(missing), 0)
	if err != nil {
		return nil, err
	}
	return sign + v2.(string), nil
}
