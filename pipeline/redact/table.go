package redact

import "strings"

// findTableSecrets takes the cells of a Markdown table below a header that stands for a secret, as
// tables of logins have them. The cell has to look like a secret too.
func findTableSecrets(text string, emit func(int, int, float64)) {
	var header []bool // whether the column stands for a secret; nil outside of a table
	previous := span{}
	for at := 0; at < len(text); {
		line := lineAt(text, at)
		switch body := text[line.start:line.end]; {
		case !strings.HasPrefix(body, "|"):
			header = nil
		case isDelimiter(body):
			header = secretColumns(text, previous)
		case header != nil:
			tableRow(text, line, header, emit)
		}
		previous, at = line, line.end+1
	}
}

func lineAt(text string, at int) span {
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		return span{at, at + n}
	}
	return span{at, len(text)}
}

func isDelimiter(line string) bool {
	return strings.Contains(line, "-") && strings.Trim(line, "|-: \t\r") == ""
}

// secretColumns returns nil when no column is one.
func secretColumns(text string, line span) []bool {
	var header []bool
	found := false
	cells(text, line, func(c span) {
		secret := namesSecret(strings.ReplaceAll(text[c.start:c.end], " ", "_"))
		header = append(header, secret)
		found = found || secret
	})
	if !found {
		return nil
	}
	return header
}

func tableRow(text string, line span, header []bool, emit func(int, int, float64)) {
	column := 0
	cells(text, line, func(c span) {
		if n := c.end - c.start; column < len(header) && header[column] && n >= minSecret && n <= maxSecret {
			if value := text[c.start:c.end]; !strings.ContainsAny(value, " \t") && looksSecret(value) {
				emit(c.start, c.end, secretScore)
			}
		}
		column++
	})
}

// cells yields the cells of a table's line, without the space and the code marks around them.
func cells(text string, line span, yield func(span)) {
	start := -1
	for i := line.start; i < line.end; i++ {
		if text[i] == '\\' {
			i++
			continue
		}
		if text[i] != '|' {
			continue
		}
		if start >= 0 {
			yield(trimSpan(text, start, i))
		}
		start = i + 1
	}
}

func trimSpan(text string, start, end int) span {
	const around = " \t`"
	for start < end && strings.IndexByte(around, text[start]) >= 0 {
		start++
	}
	for end > start && strings.IndexByte(around, text[end-1]) >= 0 {
		end--
	}
	return span{start, end}
}
