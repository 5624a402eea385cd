package redact

import "strings"

func cardDetector() detector {
	return detector{
		name: "card", entity: Card, find: findCards,
		context: words("card cards credit debit visa mastercard amex american discover diners jcb maestro unionpay cc pan payment karte kreditkarte carte tarjeta carta"),
	}
}

const (
	minCardDigits = 13
	maxCardDigits = 19
)

// findCards tries every group of digits as the beginning of a number, and takes the longest run of
// groups from there that passes.
func findCards(text string, emit func(int, int, float64)) {
	for i := 0; i < len(text); i++ {
		if !is(text[i], classDigit) {
			continue
		}
		end := i
		if startsNumber(text, i) {
			if e, score := cardAt(text, i); e > 0 {
				emit(i, e, score)
				end = e
			}
		}
		for i = max(i, end-1); i+1 < len(text) && is(text[i+1], classDigit); i++ {
		}
	}
}

// startsNumber reports whether a digit at i begins a number: not inside a word, a decimal, or a
// hyphenated code.
func startsNumber(text string, i int) bool {
	if wordBefore(text, i) {
		return false
	}
	prev := at(text, i-1)
	return !(prev == '.' || prev == ',') || !is(at(text, i-2), classDigit)
}

// cardAt returns the end and score of the best number that begins at i.
func cardAt(text string, i int) (end int, score float64) {
	var buf [maxCardDigits]byte
	digits := buf[:0]
	var groups, first int // of the groups so far: how many, and how long the current one
	sep := byte(0)
	plain := true // groups are of four, with one kind of separator, the last may differ
	for j := i; j < len(text); j++ {
		c := text[j]
		if is(c, classDigit) {
			if len(digits) == maxCardDigits {
				break
			}
			digits = append(digits, c)
			first++
			if !wordAfter(text, j+1) {
				if s := cardScore(digits, groups, plain); s > score {
					end, score = j+1, s
				}
			}
			continue
		}
		if (c != ' ' && c != '-') || !is(at(text, j+1), classDigit) {
			break
		}
		plain = plain && first == 4 && (sep == 0 || sep == c)
		sep = c
		groups, first = groups+1, 0
	}
	return end, score
}

// cardScore rates digits in groups+1 groups.
func cardScore(digits []byte, groups int, plain bool) float64 {
	if len(digits) < minCardDigits || !luhn(digits) {
		return 0
	}
	rate := issuer(digits)
	if groups > 0 && !plain && !amexGroups(digits, groups) {
		return min(rate, 0.3)
	}
	return rate
}

// amexGroups allows the usual 4-6-5, and 4-6-4 of Diners.
func amexGroups(digits []byte, groups int) bool {
	return groups == 2 && (len(digits) == 15 || len(digits) == 14)
}

// luhn checks the mod 10 digit of ISO/IEC 7812-1, annex B.
func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 && strings.Trim(string(digits), "0") != ""
}

// issuer rates the issuer's range and length: 0.6 where the two together are telling, 0.3 where they
// need context, 0 where no issuer has such numbers.
func issuer(digits []byte) float64 {
	n, p2 := len(digits), number(digits[:2])
	p3, p4 := number(digits[:3]), number(digits[:4])
	switch {
	case digits[0] == '4' && n == 13:
		return 0.3 // old Visa; today rather an article number
	case digits[0] == '4' && (n == 16 || n == 19):
		return 0.6
	case n == 16 && (p2 >= 51 && p2 <= 55 || p4 >= 2221 && p4 <= 2720): // Mastercard
		return 0.6
	case n == 15 && (p2 == 34 || p2 == 37): // American Express
		return 0.6
	case n == 14 && (p3 >= 300 && p3 <= 305 || p2 == 36 || p2 == 38): // Diners Club
		return 0.6
	case n >= 16 && (p4 == 6011 || p3 >= 644 && p3 <= 649 || p2 == 65): // Discover
		return 0.6
	case n >= 16 && (p4 >= 3528 && p4 <= 3589): // JCB
		return 0.6
	case n >= 16 && (p2 == 62 || p4 >= 2200 && p4 <= 2204): // UnionPay, Mir
		return 0.6
	case p2 == 50 || p2 >= 56 && p2 <= 69: // Maestro
		return 0.3
	}
	return 0
}

func number(digits []byte) (n int) {
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}
