package redact

func ibanDetector() detector { return detector{name: "iban", entity: IBAN, find: findIBANs} }

// ibanLengths is the length by country of the SWIFT IBAN registry, release 99.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
	"BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
	"EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
	"GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
	"IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
	"LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
	"NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
	"RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
	"SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

const maxIBAN = 34

// findIBANs looks for two letters and two digits at the beginning of a word, takes as many characters
// as the country has, with single spaces or hyphens between, and checks the sum.
func findIBANs(text string, emit func(int, int, float64)) {
	for i := 2; i+1 < len(text); i++ {
		if !is(text[i], classDigit) || !is(text[i+1], classDigit) || !isLatin(text[i-1]) || !isLatin(text[i-2]) {
			continue
		}
		if wordBefore(text, i-2) {
			continue
		}
		want := ibanLengths[string([]byte{upper(text[i-2]), upper(text[i-1])})]
		if end := ibanEnd(text, i-2, want); end > 0 {
			emit(i-2, end, 1)
			i = end
		}
	}
}

func isLatin(c byte) bool { return is(c, classUpper|classLower) }

func upper(c byte) byte {
	if is(c, classLower) {
		return c - 'a' + 'A'
	}
	return c
}

// ibanEnd returns the end of a valid number of want characters that begins at start, or 0.
func ibanEnd(text string, start, want int) int {
	var buf [maxIBAN]byte
	code := buf[:0]
	i := start
	for ; i < len(text) && len(code) < want; i++ {
		c := text[i]
		switch {
		case isLatin(c) || is(c, classDigit):
			code = append(code, upper(c))
		case (c == ' ' || c == '-') && i > start && alnum(at(text, i-1)):
		default:
			return 0
		}
	}
	if want == 0 || len(code) < want || wordAfter(text, i) || !mod97(code) {
		return 0
	}
	return i
}

// mod97 is ISO 7064 MOD 97-10 as in ISO 13616: the first four characters go to the end, letters are
// 10 to 35, and the whole leaves 1.
func mod97(code []byte) bool {
	sum := 0
	for k := range code {
		c := code[(k+4)%len(code)]
		if is(c, classDigit) {
			sum = (sum*10 + int(c-'0')) % 97
		} else {
			sum = (sum*100 + int(c-'A') + 10) % 97
		}
	}
	return sum == 1
}
