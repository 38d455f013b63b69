package lab

import (
	"testing"
	"time"
)

// Eventually waits until the condition holds and fails the test when it does not within ten seconds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !Holds(10*time.Second, condition) {
		t.Fatalf("gave up waiting: %s", what)
	}
}

// Holds waits until the condition holds, at most for d, and reports whether it did.
func Holds(d time.Duration, condition func() bool) bool {
	for end := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
