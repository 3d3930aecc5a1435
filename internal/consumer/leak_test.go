package consumer

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// TestMain looks, after all tests, for goroutines of ours that nobody ended.
// Bubbles find theirs by themselves: they end only when all within has.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left after all tests:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaked gives the stacks of goroutines that run our code, but this one. One
// that has just been told to end is given some turns to do so.
func leaked() string {
	var found []byte
	for range 1000 {
		found = nil
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for i, stack := range bytes.Split(stacks, []byte("\n\n")) {
			if i > 0 && bytes.Contains(stack, []byte("reconciler/internal/")) {
				found = append(append(found, stack...), "\n\n"...)
			}
		}
		if found == nil {
			break
		}
		runtime.Gosched()
	}
	return string(found)
}
