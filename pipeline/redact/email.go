package redact

import (
	"strings"
	"unicode/utf8"
)

func emailDetector() detector {
	return detector{name: "email", entity: Email, find: findEmails}
}

const (
	maxLocal  = 64  // RFC 5321, 4.5.3.1
	maxDomain = 253 // RFC 1035, 2.3.4 without the root
)

// notTLD are endings after a dot that name files, as in "logo@2x.png".
var notTLD = words("png jpg jpeg gif svg webp avif ico css scss js ts jsx tsx map json xml html pdf zip gz")

// findEmails looks around each "@" for a dot-atom and a domain with a top level of letters.
func findEmails(text string, emit func(int, int, float64)) {
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '@')
		if i < 0 {
			return
		}
		sign := from + i
		from = sign + 1
		if sign == 0 {
			continue
		}
		start := localStart(text, sign)
		end := domainEnd(text, sign+1)
		if start < sign && end > 0 && !isRemote(text, start, sign, end) {
			emit(start, end, 0.95)
		}
	}
}

// localStart goes back from "@" over the local part. Leading punctuation is the sentence's.
func localStart(text string, sign int) int {
	start := sign
	for start > 0 {
		size := localLen(text[:start])
		if size == 0 || sign-start+size > maxLocal {
			break
		}
		start -= size
	}
	for start < sign && !wordAfter(text, start) {
		start++
	}
	if text[sign-1:sign] == "." {
		return sign
	}
	return start
}

// localLen is the length of the last rune of s where it may be of a local part, else 0. RFC 5321
// allows more, "/" and "=" among it; in practice those are of the text around.
func localLen(s string) int {
	c := s[len(s)-1]
	if c < utf8.RuneSelf {
		if alnum(c) || strings.IndexByte("._%+-'", c) >= 0 {
			return 1
		}
		return 0
	}
	if r, size := utf8.DecodeLastRuneInString(s); isLetter(r) {
		return size
	}
	return 0
}

// domainEnd returns the end of the domain that starts at i, or 0 when there is none.
func domainEnd(text string, i int) int {
	end, labels := 0, 0
	for j := i; j-i <= maxDomain; {
		first := j
		j += labelLen(text[j:])
		label := strings.TrimRight(text[first:j], "-")
		if label == "" || label[0] == '-' {
			break
		}
		labels++
		if labels > 1 && isTLD(label) {
			end = first + len(label)
		}
		if first+len(label) < j || at(text, j) != '.' {
			break
		}
		j++
	}
	return end
}

// labelLen is the length of the letters, digits and hyphens that s starts with.
func labelLen(s string) int {
	for i, r := range s {
		if r < utf8.RuneSelf && (alnum(byte(r)) || r == '-') || r >= utf8.RuneSelf && isLetter(r) {
			continue
		}
		return i
	}
	return len(s)
}

func isTLD(label string) bool {
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	if len(label) < 2 || len(label) > 24 || notTLD[strings.ToLower(label)] {
		return false
	}
	return strings.IndexFunc(label, func(r rune) bool { return !isLetter(r) }) < 0
}

// isRemote reports whether the match is a Git remote over SSH ("git@host.org:team/repo"), an address
// of a machine's account.
func isRemote(text string, start, sign, end int) bool {
	return text[start:sign] == "git" && (at(text, end) == ':' || at(text, end) == '/')
}
