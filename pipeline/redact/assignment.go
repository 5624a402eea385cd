package redact

import (
	"math"
	"strings"
)

const (
	maxKeyName  = 64
	minSecret   = 8
	maxSecret   = 512
	minEntropy  = 2.5 // bits a character; eight different ones have 3
	valueStops  = " \t\n\"'`,;<>()[]{}|"
	secretScore = 0.7
)

// findAssignments takes the value where a name that stands for a secret is given one: password=…,
// "api_key": "…", DB_PASSWD: …. The value has to look like a secret too.
func findAssignments(text string, emit func(int, int, float64)) {
	for i := 1; i < len(text); i++ {
		if c := text[i]; c != '=' && c != ':' {
			continue
		}
		if name := nameBefore(text, i); name == "" || !namesSecret(name) {
			continue
		}
		start, end := valueAfter(text, i+1)
		if end-start >= minSecret && end-start <= maxSecret && at(text, end) != '(' && looksSecret(text[start:end]) {
			emit(start, end, secretScore)
			i = end - 1
		}
	}
}

// nameBefore returns the identifier before i, without quotes and spaces between.
func nameBefore(text string, i int) string {
	end := i
	for end > 0 && i-end < 4 && strings.IndexByte(" \"'`:*]", text[end-1]) >= 0 {
		end--
	}
	start := end
	for start > 0 && end-start < maxKeyName && isNameByte(text[start-1]) {
		start--
	}
	return text[start:end]
}

func isNameByte(c byte) bool { return is(c, classBase64URL) || c == '.' }

// valueAfter returns the span of the value that begins after the sign.
func valueAfter(text string, i int) (start, end int) {
	limit := i + 4 // "=> ", ": \"", ` = "`
	for i < len(text) && i < limit && strings.IndexByte(" \t\"'`=>*", text[i]) >= 0 {
		i++
	}
	start, end = i, i
	for end < len(text) && end-start <= maxSecret && strings.IndexByte(valueStops, text[end]) < 0 {
		end++
	}
	return start, start + len(strings.TrimRight(text[start:end], ".*:"))
}

var (
	secretParts = words("password passwd pwd passphrase secret token apikey credential credentials passwort kennwort contraseña")
	keyOwners   = words("api access private secret auth client encryption signing account master shared")
	// notValues are last parts of a name that is about a secret, but does not hold it.
	notValues = words("expiry expires expiration url uri length len type id name count ttl timeout file path policy version hint field min max age date env var endpoint regex")
)

// namesSecret reports whether a part of the name, cut at punctuation and case, stands for a secret.
func namesSecret(name string) bool {
	parts := nameParts(name)
	if len(parts) == 0 || len(parts) > 1 && notValues[parts[len(parts)-1]] {
		return false
	}
	for i, p := range parts {
		if secretParts[p] || p == "key" && i > 0 && keyOwners[parts[i-1]] {
			return true
		}
	}
	return false
}

// nameParts cuts "dbPasswd", "DB_PASSWD" and "db.passwd" into "db", "passwd".
func nameParts(name string) []string {
	var parts []string
	first := 0
	cut := func(end int) {
		if end > first {
			parts = append(parts, strings.ToLower(name[first:end]))
		}
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '-' || c == '.':
			cut(i)
			first = i + 1
		case is(c, classUpper) && i > 0 && is(name[i-1], classLower):
			cut(i)
			first = i
		}
	}
	cut(len(name))
	return parts
}

// looksSecret reports whether a value is likelier a secret than a word, a variable or an example.
func looksSecret(v string) bool {
	if isPlaceholderValue(v) || strings.Contains(v, "://") || entropy(v) < minEntropy {
		return false
	}
	var seen byte
	for i := range len(v) {
		seen |= classes[v[i]]
	}
	digit, letter := seen&classDigit != 0, seen&(classUpper|classLower|classHigh) != 0
	if digit && letter {
		return true
	}
	return seen&classUpper != 0 && seen&classLower != 0 && len(v) >= 16 && entropy(v) >= 3.5
}

// isPlaceholderValue reports whether a value stands for one that is to be filled in.
func isPlaceholderValue(v string) bool {
	if strings.ContainsAny(v, "$%{<[") && (strings.Contains(v, "${") || strings.Contains(v, "{{") ||
		strings.HasPrefix(v, "$") || strings.HasPrefix(v, "<") || strings.HasPrefix(v, "%(") || strings.HasPrefix(v, "[")) {
		return true
	}
	low := strings.ToLower(v)
	for _, mark := range []string{"xxxx", "****", "....", "your_", "your-", "example", "changeme", "placeholder", "redacted", "environ", "getenv"} {
		if strings.Contains(low, mark) {
			return true
		}
	}
	return false
}

// entropy is the Shannon entropy of the bytes of s, in bits a byte.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
