// Package nearest finds the word that a misspelt one is nearest to.
package nearest

import "slices"

// Word returns the one of known that takes the fewest edits to make of word, the first of
// several; known must not be empty.
func Word(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return Distance(word, a) - Distance(word, b) })
}

// Distance counts the bytes that must be inserted, deleted or replaced to make one word of
// the other (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
