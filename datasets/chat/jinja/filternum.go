package jinja

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

func intFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("int", "default", "base")
	if err != nil {
		return nil, err
	}
	fallback := any(int64(0))
	if d, ok := b["default"]; ok {
		fallback = d
	}
	base := int64(10)
	if n, ok := b["base"].(int64); ok {
		base = n
	}
	switch v := asNumber(v).(type) {
	case int64:
		return v, nil
	case float64:
		if math.Abs(v) < 1<<63 {
			return int64(v), nil
		}
	case string:
		return parseInt(v, base, fallback), r.charge(len(v))
	}
	return fallback, nil
}

func parseInt(s string, base int64, fallback any) any {
	s = strings.ReplaceAll(strings.TrimFunc(s, isSpace), "_", "")
	if base != 10 && len(s) > 2 && s[0] == '0' {
		s = strings.ToLower(s)
		for prefix, b := range map[string]int64{"0x": 16, "0o": 8, "0b": 2} {
			if b == base {
				s = strings.TrimPrefix(s, prefix)
			}
		}
	}
	if base >= 2 && base <= 36 {
		if n, err := strconv.ParseInt(s, int(base), 64); err == nil {
			return n
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return fallback
}

func floatFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("float", "default")
	if err != nil {
		return nil, err
	}
	switch v := asNumber(v).(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if err := r.charge(len(v)); err != nil {
			return nil, err
		}
		if f, err := strconv.ParseFloat(strings.TrimFunc(v, isSpace), 64); err == nil {
			return f, nil
		}
	}
	if d, ok := b["default"]; ok {
		return d, nil
	}
	return 0.0, nil
}

// roundFilter rounds half to even, as Python's round does on the decimal value, or up or down.
func roundFilter(r *renderer, v any, a *callArgs) (any, error) {
	b, err := a.bind("round", "precision", "method")
	if err != nil {
		return nil, err
	}
	digits, _ := b["precision"].(int64)
	method, ok := b["method"].(string)
	if !ok {
		method = "common"
	}
	var f float64
	switch n := asNumber(v).(type) {
	case int64:
		if method == "common" && digits >= 0 {
			return n, nil // round of an int is an int
		}
		if method == "common" && digits > -18 {
			scale := math.Pow(10, float64(-digits))
			return int64(math.RoundToEven(float64(n)/scale) * scale), nil
		}
		f = float64(n)
	case float64:
		f = n
	default:
		return nil, r.badOperand("round()", v)
	}
	if digits > 300 || digits < -300 {
		return nil, errors.New("precision is out of range")
	}
	scale := math.Pow(10, float64(digits))
	switch method {
	case "common":
		if digits < 0 {
			return math.RoundToEven(f*scale) / scale, nil
		}
		out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
		return out, nil
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	}
	return nil, r.fail("method must be common, ceil or floor")
}
