// Package nearest guesses which of some names a misspelt one was meant to be, for "did you mean". In flow names that people wrote and those that there
// are; out flows the likeliest one, or none. It is pure.
package nearest

import (
	"fmt"
	"strings"
)

// Name returns the candidate that is most like the name, upper and lower case being alike; empty when none is like it. The name itself is no candidate.
func Name(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		if c == name || min(len(name), len(c)) < 2 {
			continue
		}
		typos := distance(strings.ToLower(name), strings.ToLower(c))
		if typos > mostErrors(name, c) || best != "" && (typos > least || typos == least && c >= best) {
			continue
		}
		best, least = c, typos
	}
	return best
}

// DidYouMean returns `; did you mean "NAME"?`, for the end of a message about a name that is not known; empty when no candidate is like it.
func DidYouMean(name string, candidates []string) string {
	if near := Name(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// mostErrors is how many typing errors there may be for one of the names to be the other.
func mostErrors(a, b string) int { return max(1, min(3, max(len(a), len(b))/3)) }

// distance counts typing errors: a letter too many, too few, wrong, or two that changed places (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 0
			if a[i-1] != b[j-1] {
				wrong = 1
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
