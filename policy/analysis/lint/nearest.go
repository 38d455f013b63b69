package lint

import "strings"

// nearest returns the word that is most like the given one, or "" when none is like it.
func nearest(word string, candidates []string) string {
	best, found := "", -1
	for _, c := range candidates {
		if c == word || c == "" || !alike(word, c) {
			continue
		}
		if d := distance(word, c); found < 0 || d < found || d == found && c < best {
			best, found = c, d
		}
	}
	return best
}

// alike reports whether one word may be the other, misspelt: few typing errors for its length.
func alike(a, b string) bool {
	return min(len(a), len(b)) >= 2 && distance(a, b) <= max(1, min(3, max(len(a), len(b))/3))
}

// distance counts the typing errors between two words: a letter too many, too few, wrong, or two that changed places.
func distance(a, b string) int {
	x, y := strings.ToLower(a), strings.ToLower(b)
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next := make([]int, len(y)+1)
		next[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 0
			if x[i-1] != y[j-1] {
				wrong = 1
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
