package tokenizer

import (
	"errors"
	"math"
)

// tokenizerFloat reads a JSON number as the reference does: Hugging Face tokenizers parse with
// serde_json, which without its feature float_roundtrip may miss the nearest float64 by a digit
// (https://github.com/serde-rs/json, de.rs). Two ways to cut a word that are equally likely are told
// apart by that digit.
func tokenizerFloat(s string) (float64, error) {
	rest, negative := s, false
	if rest != "" && rest[0] == '-' {
		rest, negative = rest[1:], true
	}
	var digits uint64
	exponent, full, fraction, any := 0, false, false, false
	i := 0
	for ; i < len(rest); i++ {
		c := rest[i]
		if c == '.' && !fraction {
			fraction = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		any = true
		d := uint64(c - '0')
		full = full || digits > math.MaxUint64/10 || digits*10 > math.MaxUint64-d
		switch {
		case full && !fraction:
			exponent++ // digits beyond what an integer holds are not looked at
		case full:
		default:
			digits = digits*10 + d
			if fraction {
				exponent--
			}
		}
	}
	scale, ok := jsonExponent(rest[i:])
	if !any || !ok {
		return 0, errors.New("bad number")
	}
	f, err := scaled(float64(digits), exponent+scale)
	if negative {
		f = -f
	}
	return f, err
}

// jsonExponent reads e, a sign and digits, or nothing.
func jsonExponent(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	sign := 1
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), 1<<20)
	}
	return sign * n, s != ""
}

// scaled is f times ten to the exponent, by one multiplication or division where that goes.
func scaled(f float64, exponent int) (float64, error) {
	for exponent < -308 && f != 0 {
		f /= 1e308
		exponent += 308
	}
	if f == 0 {
		return 0, nil
	}
	if exponent < 0 {
		return f / math.Pow10(-exponent), nil
	}
	if exponent > 308 || math.IsInf(f*math.Pow10(exponent), 0) {
		return 0, errors.New("number is out of range")
	}
	return f * math.Pow10(exponent), nil
}
