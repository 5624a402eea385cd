package jinja

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// strftime is C's strftime in the C locale, with glibc's "-" for no padding. An unknown directive
// is an error.
func strftime(format string, t time.Time) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		plain := format[i] == '-' && i+1 < len(format)
		if plain {
			i++
		}
		s, ok := directive(format[i], t)
		if !ok {
			return "", errors.New("strftime: a directive of the format is not supported")
		}
		if plain {
			if s = strings.TrimLeft(s, "0 "); s == "" {
				s = "0"
			}
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func directive(c byte, t time.Time) (string, bool) {
	if layout, ok := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'm': "01",
		'y': "06", 'Y': "2006", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'z': "", 'j': "002",
		'D': "01/02/06", 'x': "01/02/06", 'F': "2006-01-02", 'T': "15:04:05", 'X': "15:04:05", 'R': "15:04",
		'r': "03:04:05 PM", 'c': "Mon Jan _2 15:04:05 2006", 'Z': "", // Python's datetime.now() has no zone
	}[c]; ok {
		return t.Format(layout), true
	}
	day, weekday := t.YearDay()-1, int(t.Weekday())
	switch c {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), true
	case 's':
		return fmt.Sprint(t.Unix()), true
	case 'w':
		return fmt.Sprint(weekday), true
	case 'u':
		return fmt.Sprint((weekday+6)%7 + 1), true
	case 'U':
		return fmt.Sprintf("%02d", (day+7-weekday)/7), true
	case 'W':
		return fmt.Sprintf("%02d", (day+7-(weekday+6)%7)/7), true
	case 'G':
		year, _ := t.ISOWeek()
		return fmt.Sprint(year), true
	case 'V':
		_, week := t.ISOWeek()
		return fmt.Sprintf("%02d", week), true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1), true
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100), true
	}
	return "", false
}
