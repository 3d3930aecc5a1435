package simulation

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// journal keeps the last lines that a process logged, with the virtual time, and
// looks for what may stand in no log.
type journal struct {
	world  *world
	n      int
	sealed []string

	mu    sync.Mutex
	lines []string
	leaks []string
}

// kept is how many lines of a process a report shows.
const kept = 400

// log makes a process's log.
func (w *world) log(n int) zerolog.Logger {
	j := &journal{world: w, n: n, sealed: w.sealed()}
	w.journals = append(w.journals, j)
	return zerolog.New(j).Level(zerolog.InfoLevel)
}

// Write takes one line.
func (j *journal) Write(line []byte) (int, error) {
	for _, sealed := range j.sealed {
		if bytes.Contains(line, []byte(sealed)) {
			j.mu.Lock()
			j.leaks = append(j.leaks, fmt.Sprintf("process %d logged a secret or personal datum", j.n))
			j.mu.Unlock()
		}
	}
	if bytes.Contains(line, []byte(`panicked`)) {
		j.mu.Lock()
		j.leaks = append(j.leaks, fmt.Sprintf("process %d: %s", j.n, line))
		j.mu.Unlock()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf("%s  [%d] %s", j.world.at(time.Now()), j.n, bytes.TrimSpace(line)))
	if len(j.lines) > 2*kept {
		j.lines = append([]string(nil), j.lines[kept:]...)
	}
	return len(line), nil
}

// about gives the lines that name a payment, else the last ones.
func (j *journal) about(payment string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []string
	for _, line := range j.lines {
		if payment == "" || strings.Contains(line, payment) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}
