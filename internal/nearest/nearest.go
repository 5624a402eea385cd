// Package nearest finds the name that somebody meant who wrote another: for "did you mean …?".
package nearest

// longest is the length from which on words are not compared: no name is so long.
const longest = 64

// Of returns the name with the fewest wrong letters, limit at most; of those alike the first. It is ""
// when none is near, and never a name of which no letter would be right.
func Of(word string, names []string, limit int) string {
	best := ""
	for _, name := range names {
		if d := Edits(word, name); d <= limit && d < len(name) {
			best, limit = name, d-1
		}
	}
	return best
}

// Edits counts the letters to insert, leave out, replace or swap with their neighbour to make b of a
// (optimal string alignment). Words of more than 64 bytes are so far from any other.
func Edits(a, b string) int {
	if max(len(a), len(b)) > longest {
		return longest
	}
	var before, last, row [longest + 1]int
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last = last, row
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
