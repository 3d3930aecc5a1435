package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally counts what worlds were made of: faults by kind, and what they met.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func newTally() *tally { return &tally{counts: map[string]int{}} }

func (t *tally) add(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[what] += n
}

func (t *tally) merge(other map[string]int) {
	for what, n := range other {
		t.add(what, n)
	}
}

func (t *tally) get(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[what]
}

func (t *tally) all() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// String is one line for each count.
func (t *tally) String() string {
	var lines strings.Builder
	counts := t.all()
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&lines, "%9d  %s\n", counts[what], what)
	}
	return lines.String()
}

// encode and decodeTally carry a tally from one process to another.
func (t *tally) encode() string {
	text, _ := json.Marshal(t.all()) // strings and numbers always encode
	return string(text)
}

func decodeTally(text string) (map[string]int, error) {
	var counts map[string]int
	err := json.Unmarshal([]byte(text), &counts)
	return counts, err
}
