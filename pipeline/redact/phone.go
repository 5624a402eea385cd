package redact

import "strings"

// Telephone numbers have no check digit, so a score says how telling the form is. Numbers with a
// country code or in North American grouping stand alone; others need context, and bare digits need
// context that is about nothing but telephones. A numbering-plan library would know every area code;
// it costs 7 MB and 8 ms at each start, and private documents hold extensions, typos and old plans
// that it refuses.
const (
	scoreCountryCode = 0.75 // +49 30 …
	scoreDialled     = 0.6  // 0049 30 …, 001-420-…
	scoreNANP        = 0.6  // (206) 555-0100
	scoreTrunk       = 0.4  // 030 123 456, (07) 5331 0577
	scoreGrouped     = 0.2  // 69 987 88 37
	scoreBare        = 0.15 // 5550100
)

const (
	strongPhone = "phone phones telephone tel mobile mobil cell cellphone cellular fax telefax whatsapp sms hotline landline voicemail ph mob " +
		"telefon telefonnummer handy handynummer rufnummer durchwahl téléphone portable teléfono telefono móvil cellulare telefone celular telefoon"
	weakPhone = " call calls called calling dial ring contact reach office desk home work direct number text anrufen rufen appeler llamar"
)

func phoneDetectors() []detector {
	strong, weak := words(strongPhone), words(strongPhone+weakPhone)
	return []detector{
		{name: "phone", entity: Phone, context: weak, find: func(text string, emit func(int, int, float64)) {
			findPhones(text, func(p phone) {
				if len(p.groups) > 1 || p.plus {
					emit(p.start, p.end, p.score())
				}
			})
		}},
		{name: "phone_digits", entity: Phone, context: strong, find: func(text string, emit func(int, int, float64)) {
			findPhones(text, func(p phone) {
				if len(p.groups) == 1 && !p.plus && p.digits >= 7 && p.digits <= 12 {
					emit(p.start, p.end, scoreBare)
				}
			})
		}},
	}
}

// phone is a run of groups of digits, as one writes numbers to dial.
type phone struct {
	start, end int
	groups     []string // of digits
	seps       []string // between them
	digits     int
	plus       bool // it begins with "+"
	paren      bool // it begins with "(", before or after the country code
}

const maxPhoneDigits = 15 // ITU-T E.164

// findPhones yields every run that may be a number, in order.
func findPhones(text string, yield func(phone)) {
	for i := 0; i < len(text); {
		c := text[i]
		if !is(c, classDigit) && c != '+' && c != '(' {
			i++
			continue
		}
		if p, ok := phoneAt(text, i); ok {
			yield(p)
			i = p.end
			continue
		}
		// Not here: go on behind this group, so that no number begins within it.
		for i++; i < len(text) && is(c, classDigit) && is(text[i], classDigit); i++ {
		}
	}
}

// phoneAt reads the run that begins at i.
func phoneAt(text string, i int) (p phone, ok bool) {
	p.start, p.plus, p.paren = i, text[i] == '+', text[i] == '('
	if !p.mayStart(text, i) {
		return p, false
	}
	if p.plus || p.paren {
		i++
	}
	if p.plus && at(text, i) == '(' {
		i++
	}
	for is(at(text, i), classDigit) {
		first := i
		for is(at(text, i), classDigit) {
			i++
		}
		if p.digits+i-first > maxPhoneDigits {
			break
		}
		p.groups = append(p.groups, text[first:i])
		p.digits += i - first
		p.end = i
		sep := separator(text[i:])
		if sep == "" || !is(at(text, i+len(sep)), classDigit) {
			break
		}
		p.seps = append(p.seps, sep)
		i += len(sep)
	}
	if len(p.groups) == 0 || wordAfter(text, p.end) && extension(text[p.end:]) == 0 {
		return p, false
	}
	p.seps = p.seps[:len(p.groups)-1]
	p.end += extension(text[p.end:])
	return p, !p.isOther(text)
}

// mayStart reports whether a number can begin at i: not within a word, a code, a path or an amount.
func (p *phone) mayStart(text string, i int) bool {
	prev := at(text, i-1)
	if p.plus {
		return !wordBefore(text, i) && prev != '+'
	}
	return !wordBefore(text, i) && (i == 0 || strings.IndexByte("-+./,=#$&?%@*^~", prev) < 0)
}

// separator returns what may stand between two groups: a space, a hyphen, a dot, a slash, brackets
// around an area code or a trunk zero.
func separator(s string) string {
	n := 0
	for n < len(s) && n < 4 {
		switch {
		case strings.IndexByte(" -./()", s[n]) >= 0:
			n++
		case strings.HasPrefix(s[n:], "\u00a0"):
			n += 2
		case strings.HasPrefix(s[n:], "\u2011"), strings.HasPrefix(s[n:], "\u2013"): // hyphen, dash
			n += 3
		default:
			return usable(s[:n])
		}
	}
	return usable(s[:n])
}

// usable allows one mark, or two of which one is a space or a bracket, or " (0) ".
func usable(sep string) string {
	marks := 0
	for _, r := range sep {
		if r != ' ' && r != '\u00a0' && r != '(' && r != ')' {
			marks++
		}
	}
	if marks > 1 || strings.Contains(sep, "  ") || strings.Count(sep, " ") > 2 || marks == 1 && strings.Count(sep, " ") == 2 {
		return ""
	}
	return sep
}

// extension is the length of an extension like "x123" or " ext. 12" that s starts with.
func extension(s string) int {
	t := strings.TrimPrefix(s, " ")
	rest := t
	for _, mark := range []string{"extension", "ext", "x", "X"} {
		if r, ok := strings.CutPrefix(t, mark); ok {
			rest = strings.TrimPrefix(strings.TrimPrefix(r, "."), " ")
			break
		}
	}
	if len(rest) == len(t) {
		return 0
	}
	n := 0
	for is(at(rest, n), classDigit) {
		n++
	}
	if n == 0 || n > 6 || wordAfter(rest, n) {
		return 0
	}
	return len(s) - len(rest) + n
}

// score rates the form.
func (p *phone) score() float64 {
	all := strings.Join(p.groups, "")
	switch {
	case p.plus:
		if p.digits >= 8 && countryCode(all) {
			return scoreCountryCode
		}
		return 0
	case strings.HasPrefix(all, "00") && p.digits >= 10 && countryCode(all[2:]):
		return scoreDialled
	case isNANP(p.groups):
		return scoreNANP
	case p.digits < 7 || p.digits > 12 || p.hasShortGroup():
		return 0
	case all[0] == '0' && p.digits >= 9:
		return scoreTrunk
	}
	return scoreGrouped
}

// isNANP reports whether groups are a North American number, [1] 3-3-4, whose area and exchange
// begin with 2 to 9.
func isNANP(groups []string) bool {
	if len(groups) == 4 && (groups[0] == "1" || groups[0] == "001") {
		groups = groups[1:]
	}
	return len(groups) == 3 && len(groups[0]) == 3 && len(groups[1]) == 3 && len(groups[2]) == 4 &&
		groups[0][0] >= '2' && groups[1][0] >= '2'
}

func (p *phone) hasShortGroup() bool {
	for i, g := range p.groups {
		if len(g) < 2 && i > 0 {
			return true
		}
	}
	return false
}

// isOther reports whether the run is rather a date, an address, an amount or a code.
func (p *phone) isOther(text string) bool {
	if p.plus {
		return false
	}
	if next := at(text, p.end); next == '%' || next == ':' && is(at(text, p.end+1), classDigit) ||
		(next == '-' || next == '/' || next == '.' || next == ',') && alnum(at(text, p.end+1)) {
		return true
	}
	g := p.groups
	switch {
	case p.allSeps(".") && (len(g) == 2 || len(g) == 4 && isQuad(g)): // 1234.5678, 10.0.0.1
		return true
	case len(g) >= 3 && isDate(g):
		return true
	case len(g) == 2 && isYear(g[0]) && isYear(g[1]):
		return true
	case p.allSeps("-") && len(g) == 3 && len(g[0]) == 3 && len(g[1]) == 2 && len(g[2]) == 4: // US SSN
		return true
	}
	return len(g) > 1 && !p.paren && isThousands(g) && (p.allSeps(" ") || p.allSeps(".") || p.allSeps("\u00a0"))
}

func (p *phone) allSeps(sep string) bool {
	for _, s := range p.seps {
		if s != sep {
			return false
		}
	}
	return len(p.seps) > 0
}

// isQuad reports whether four groups are an IPv4 address.
func isQuad(groups []string) bool {
	for _, g := range groups {
		if len(g) > 3 || number([]byte(g)) > 255 {
			return false
		}
	}
	return true
}

// isDate reports whether the first three groups are a date: year-month-day, or day and month in
// either order, then the year.
func isDate(g []string) bool {
	if isYear(g[0]) && isUpTo(g[1], 12) && isUpTo(g[2], 31) {
		return true
	}
	return isUpTo(g[0], 31) && isUpTo(g[1], 31) && isYear(g[2])
}

func isYear(g string) bool { return len(g) == 4 && (g[:2] == "19" || g[:2] == "20") }

func isUpTo(g string, limit int) bool {
	n := number([]byte(g))
	return len(g) <= 2 && n >= 1 && n <= limit
}

// isThousands reports whether groups are one amount: all of three digits but for the first, which is
// no longer and does not begin with a zero.
func isThousands(g []string) bool {
	for _, part := range g[1:] {
		if len(part) != 3 {
			return false
		}
	}
	return len(g[0]) <= 3 && g[0][0] != '0'
}

// callingCodes holds the country codes of ITU-T E.164 (list of 2016 with amendments), longest last.
var callingCodes = func() map[string]bool {
	set := words("1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 " +
		"81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 " +
		"960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998")
	for _, block := range []string{"22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "69"} {
		for d := byte('0'); d <= '9'; d++ {
			set[block+string(d)] = true
		}
	}
	return set
}()

// countryCode reports whether digits begin with a country code.
func countryCode(digits string) bool {
	for n := 1; n <= 3 && n <= len(digits); n++ {
		if callingCodes[digits[:n]] {
			return true
		}
	}
	return false
}
