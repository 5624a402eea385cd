package humanize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseBytes reads a size such as 800MiB, 1.2 GB or 4096. Units are powers of 1000, or with an i of
// 1024; upper and lower case are the same.
func ParseBytes(s string) (int64, error) {
	number := strings.TrimRight(s, "KMGTPEIBkmgtpeib ")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%.40q is no size", s)
	}
	unit := strings.ToUpper(strings.TrimSpace(s[len(number):]))
	unit = strings.TrimSuffix(unit, "B")
	base := 1000.0
	if strings.HasSuffix(unit, "I") {
		base, unit = 1024, strings.TrimSuffix(unit, "I")
	}
	power := 0
	if unit != "" {
		power = strings.Index("KMGTPE", unit) + 1
	}
	if len(unit) > 1 || unit != "" && power == 0 || unit == "" && base == 1024 {
		return 0, fmt.Errorf("%.40q is no size", s)
	}
	value *= math.Pow(base, float64(power))
	if value >= 1<<62 || math.IsNaN(value) {
		return 0, fmt.Errorf("%.40q is no size", s)
	}
	return int64(value), nil
}
