package redact

import "strings"

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
	for start > 0 && sign-start < maxLocal && isLocal(text[start-1]) {
		start--
	}
	start = ceil(text, start)
	for start < sign && !is(text[start], classAlnum) && text[start] != '_' {
		start++
	}
	if start < sign && text[sign-1] == '.' {
		return sign
	}
	return start
}

func isLocal(c byte) bool {
	return is(c, classAlnum) || strings.IndexByte(".!#$%&'*+-/=?^_{|}~", c) >= 0
}

// ceil is the smallest rune boundary that is not below at.
func ceil(text string, at int) int {
	for at < len(text) && text[at]&0xc0 == 0x80 {
		at++
	}
	return at
}

// domainEnd returns the end of the domain that starts at i, or 0 when there is none.
func domainEnd(text string, i int) int {
	end, labels := 0, 0
	for j := i; j-i <= maxDomain; {
		first := j
		for j < len(text) && (is(text[j], classAlnum) || text[j] == '-') {
			j++
		}
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

func isTLD(label string) bool {
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	if len(label) < 2 || len(label) > 24 || notTLD[strings.ToLower(label)] {
		return false
	}
	for i := range len(label) {
		if !is(label[i], classAlpha) {
			return false
		}
	}
	return true
}

// isRemote reports whether the match is a Git remote over SSH ("git@host.org:team/repo"), an address
// of a machine's account.
func isRemote(text string, start, sign, end int) bool {
	return text[start:sign] == "git" && (at(text, end) == ':' || at(text, end) == '/')
}
