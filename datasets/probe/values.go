package probe

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sort says what a value is: values of one sort can stand in each other's place.
type Sort string

// The sorts, and those that are looked for first come first.
const (
	SortDate    Sort = "date"    // 2024-03-19, 19 March 2024, March 2024
	SortTime    Sort = "time"    // 14:30
	SortCode    Sort = "code"    // HX-200
	SortDecimal Sort = "decimal" // 20.5, 5,000
	SortInteger Sort = "integer" // 44
	SortWord    Sort = "word"    // eleven
	SortDay     Sort = "day"     // Thursday
	SortName    Sort = "name"    // Ingrid Solvang
	SortRole    Sort = "role"    // duty engineer
)

var sorts = []Sort{SortDate, SortTime, SortCode, SortDecimal, SortInteger, SortWord, SortDay, SortName, SortRole}

const (
	month  = `(?:January|February|March|April|May|June|July|August|September|October|November|December)`
	number = `(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)`
	office = `(?:manager|director|engineer|officer|supervisor|coordinator|administrator|representative|secretary|accountant|technician|inspector|chair|president|lead)`
)

// finder finds values of one sort.
type finder struct {
	sort Sort
	re   *regexp.Regexp
}

// Groups of digits with marks between, and words with capitals, are alike in many languages; months,
// numerals, days and offices are English.
var finders = []finder{
	{SortDate, regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b|\b(?:\d{1,2} )?` + month + ` \d{4}\b|\b\d{1,2} ` + month + `\b`)},
	{SortTime, regexp.MustCompile(`\b\d{1,2}:\d{2}\b`)},
	{SortCode, regexp.MustCompile(`\b\p{Lu}{1,6}-?\d[\p{Lu}\d-]*\b`)},
	{SortDecimal, regexp.MustCompile(`\b\d+(?:[.,]\d+)+\b`)},
	{SortInteger, regexp.MustCompile(`\b\d{1,6}\b`)},
	{SortWord, regexp.MustCompile(`\b` + number + `\b`)},
	{SortDay, regexp.MustCompile(`\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b`)},
	{SortName, regexp.MustCompile(`\b\p{Lu}\p{Ll}+(?: \p{Lu}\p{Ll}+){1,2}\b`)},
	{SortRole, regexp.MustCompile(`\b(?:(?:\p{Ll}{3,12} )?` + office + `|head of \p{Ll}{3,12})\b`)},
}

// found is a value in a sentence: n bytes at a place.
type found struct {
	sort  Sort
	at, n int
}

// value returns the last value of the first sort that a sentence has: what a sentence is about stands at
// its beginning, what it says of it at its end. Capitals at the beginning name nobody.
func value(sentence string) (found, bool) {
	if strings.Contains(sentence, "[") { // something was redacted, or is a link
		return found{}, false
	}
	for _, f := range finders {
		all := f.re.FindAllStringIndex(sentence, -1)
		for i := len(all) - 1; i >= 0; i-- {
			at, end := all[i][0], all[i][1]
			if f.sort == SortRole {
				at = articleEnd(sentence, at, end)
			}
			if at > 0 && !inCompound(sentence, at, end) {
				return found{f.sort, at, end - at}, true
			}
		}
	}
	return found{}, false
}

// articleEnd moves the start of a role behind an article.
func articleEnd(s string, at, end int) int {
	for _, a := range []string{"the ", "our ", "your ", "each ", "every ", "this "} {
		if strings.HasPrefix(s[at:end], a) {
			return at + len(a)
		}
	}
	return at
}

// inCompound reports a value that is a part of a longer word or number.
func inCompound(s string, at, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, size := utf8.DecodeRuneInString(s[end:])
	if strings.ContainsRune("-_/@#.:,", before) || strings.ContainsRune("-_/@", after) || unicode.IsLetter(after) {
		return true
	}
	next, _ := utf8.DecodeRuneInString(s[end+size:])
	return strings.ContainsRune(".,:", after) && unicode.IsDigit(next)
}
