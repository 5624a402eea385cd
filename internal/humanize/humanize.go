// Package humanize prints sizes, counts, durations and rates for people: short, with about two to
// three significant digits, Comma excepted. Machines get the plain numbers.
package humanize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// prefixes are the SI prefixes for powers of 1000.
var prefixes = []string{"", "k", "M", "G", "T", "P", "E"}

// Bytes prints a size in decimal units: 999 B, 5.4 MB, 12 GB.
func Bytes(n int64) string {
	number, prefix := scale(float64(n))
	return number + " " + prefix + "B"
}

// Count prints a number of things: 999, 1.7 M, 12 k.
func Count(n int64) string {
	number, prefix := scale(float64(n))
	if prefix == "" {
		return number
	}
	return number + " " + prefix
}

// Comma prints a whole number exactly, with commas between thousands: 999, 12,345, -1,000,000.
func Comma(n int64) string {
	digits := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1 // the sign
	}
	for at := len(digits) - 3; at > first; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Excerpt is s, cut off after at most so many bytes: what a stranger wrote may be long.
func Excerpt(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…" // the cut may have gone through a character
}

// Rate prints a number per second with its unit: 1.7 ktok/s, 12 doc/s, 5.4 MB/s.
// A rate that is not finite, as when no time has passed, is a dash.
func Rate(perSecond float64, unit string) string {
	if math.IsNaN(perSecond) || math.IsInf(perSecond, 0) {
		return "– " + unit + "/s"
	}
	number, prefix := scale(perSecond)
	return number + " " + prefix + unit + "/s"
}

// Duration prints a span of time by its two largest units: 340ms, 9.5s, 1m32s, 2h05m, 3d04h.
func Duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -max(d, -math.MaxInt64)
	}
	return sign + duration(d)
}

func duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%dns", d)
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d/time.Microsecond)
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%dms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	seconds := int64(d.Round(time.Second) / time.Second)
	minutes, hours, days := seconds/60, seconds/3600, seconds/86400
	switch {
	case minutes == 0:
		return fmt.Sprintf("%ds", seconds)
	case hours == 0:
		return fmt.Sprintf("%dm%02ds", minutes, seconds%60)
	case days == 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes%60)
	default:
		return fmt.Sprintf("%dd%02dh", days, hours%24)
	}
}

// scale finds the prefix that leaves a number below 1000 and prints one decimal below 10.
func scale(v float64) (number, prefix string) {
	i := 0
	// 999.5 would print as 1000; it belongs to the next prefix.
	for math.Abs(v) >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	// 9.95 would print as 10.0. Whole numbers without a prefix are exact and need no decimal.
	if math.Abs(v) >= 9.95 || i == 0 && v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64), prefixes[i]
	}
	return strconv.FormatFloat(v, 'f', 1, 64), prefixes[i]
}
