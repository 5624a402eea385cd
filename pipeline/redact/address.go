package redact

import (
	"net/netip"
	"strings"
)

func ipDetector() detector { return detector{name: "ip", entity: IP, find: findIPs} }

// findIPs takes every run of hexadecimal digits, dots and colons that parses as an address.
func findIPs(text string, emit func(int, int, float64)) {
	for i := 0; i < len(text); i++ {
		if !isAddress(text[i]) || wordBefore(text, i) {
			continue
		}
		end := i
		for end < len(text) && isAddress(text[end]) {
			end++
		}
		run := strings.TrimRight(text[i:end], ".")
		if strings.HasSuffix(run, ":") && !strings.HasSuffix(run, "::") {
			run = run[:len(run)-1]
		}
		if a := addressPart(run); a > 0 && !wordAfter(text, i+a) {
			emit(i, i+a, 0.6)
		}
		i = end
	}
}

func isAddress(c byte) bool {
	return is(c, classDigit) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '.' || c == ':'
}

// addressPart is the length of the address that run is, or that it has before its port.
func addressPart(run string) int {
	if !strings.ContainsAny(run, ":.") {
		return 0
	}
	if _, err := netip.ParseAddr(run); err == nil && len(run) > 2 { // "::" is rather punctuation
		return len(run)
	}
	host, _, found := strings.Cut(run, ":")
	if a, err := netip.ParseAddr(host); found && err == nil && a.Is4() {
		return len(host)
	}
	return 0
}

func ssnDetector() detector {
	return detector{
		name: "us_ssn", entity: SSN, find: findSSNs,
		context: words("ssn ssns social security itin taxpayer"),
	}
}

// findSSNs looks for 3-2-4 digits with hyphens, in ranges that the US Social Security Administration
// assigns (no 000, 666 or 9xx area, no 00 group, no 0000 serial). Part numbers look the same, so it
// takes context.
func findSSNs(text string, emit func(int, int, float64)) {
	for from := 3; ; {
		i := strings.IndexByte(text[min(from, len(text)):], '-')
		if i < 0 {
			return
		}
		dash := from + i
		from = dash + 1
		start, end := dash-3, dash+8
		if end > len(text) || text[dash+3] != '-' || !startsNumber(text, start) || wordAfter(text, end) ||
			at(text, start-1) == '-' || at(text, end) == '-' {
			continue
		}
		var buf [9]byte
		digits := digitsOf(buf[:0], text[start:end])
		if len(digits) != 9 || !assigned(digits) {
			continue
		}
		emit(start, end, 0.3)
	}
}

func assigned(d []byte) bool {
	area := number(d[:3])
	return area != 0 && area != 666 && area < 900 && number(d[3:5]) != 0 && number(d[5:]) != 0
}
