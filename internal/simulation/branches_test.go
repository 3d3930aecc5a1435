package simulation

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// branches counts how often each block of the code that decides was reached, over
// all processes of a run.
type branches struct {
	// binary counts them; empty: nothing is counted.
	binary string
	dir    string

	mu     sync.Mutex
	counts map[string]int
}

// decisions is the file whose every branch has to be reached.
const decisions = "reconciler/internal/consumer/decide.go:"

// newBranches builds this package's tests once more, with counters in the code of the
// loops. Under the race detector the binary at hand is used, and nothing counted.
func newBranches(t *testing.T) *branches {
	t.Helper()
	b := &branches{dir: t.TempDir(), counts: map[string]int{}}
	if raced {
		binary, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		b.binary = binary
		return b
	}
	b.binary = filepath.Join(b.dir, "counted.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-cover", "-covermode=atomic", "-coverpkg=reconciler/internal/consumer", "-o", b.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tests with counters: %v\n%s", err, out)
	}
	return b
}

// flags are a process's, whose counts go into a file of its own.
func (b *branches) flags(name string) []string {
	if raced {
		return nil
	}
	return []string{"-test.coverprofile", filepath.Join(b.dir, name)}
}

// add takes in what a process counted.
func (b *branches) add(t *testing.T, name string) {
	if raced {
		return
	}
	file, err := os.Open(filepath.Join(b.dir, name))
	if err != nil {
		t.Errorf("what was reached is not known: %v", err)
		return
	}
	defer func() { _ = file.Close() }()
	b.mu.Lock()
	defer b.mu.Unlock()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		block, rest, ok := strings.Cut(lines.Text(), " ")
		_, count, both := strings.Cut(rest, " ")
		if !ok || !both || !strings.HasPrefix(block, decisions) {
			continue
		}
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Errorf("count of %s: %v", block, err)
		}
		b.counts[strings.TrimPrefix(block, decisions)] += n
	}
}

// rare are the branches that worlds need not reach, by the line before the block.
func rare() map[string]string {
	return map[string]string{
		"if absent && p.Absence == providers.AbsenceFinal {": "none of the four providers' documents makes absence final without an expiry",
		"if w.Status.ClosedForGood() {":                      "another worker has to close the payment between a look and its telling: some worlds in a hundred",
	}
}

// missed are the blocks that nobody reached and should have, by line and column.
func (b *branches) missed(t *testing.T) []string {
	t.Helper()
	if raced {
		return nil
	}
	source, err := os.ReadFile("../consumer/decide.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(source), "\n")
	b.mu.Lock()
	defer b.mu.Unlock()
	var missed []string
	for block, n := range b.counts {
		first, _, _ := strings.Cut(block, ".")
		at, err := strconv.Atoi(first)
		if err != nil || at > len(lines) {
			t.Fatalf("no line of decide.go: %q", block)
		}
		line := strings.TrimSpace(lines[at-1])
		if why, ok := rare()[line]; ok && n == 0 {
			t.Logf("decide.go:%s was not reached: %s", block, why)
		} else if n == 0 {
			missed = append(missed, block+" "+line)
		}
	}
	return missed
}
