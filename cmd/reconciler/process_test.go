package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build builds a main package of this module, or of one it depends on.
func build(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(strings.TrimSuffix(pkg, "/v2")))
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// process is a child process. It ends with the test.
type process struct {
	*exec.Cmd
	output
	ended chan struct{} // closed when it is gone
	err   error         // how it ended; read after ended
}

// start starts a child process and collects what it prints.
func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.news = make(chan struct{})
	p.Stdout, p.Stderr = &p.output, &p.output
	if p.err = p.Cmd.Start(); p.err != nil { // not Fatal: tests start processes in goroutines, too
		t.Errorf("start %s: %v", path, p.err)
		close(p.ended)
		return p
	}
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of what %s %q printed:\n%s", filepath.Base(path), args, p.tail(30))
		}
	})
	return p
}

// kill ends the process with SIGKILL and waits until it is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// signal does nothing to a process that is gone, or never was there.
func (p *process) signal(s syscall.Signal) {
	if p.Process != nil {
		_ = p.Process.Signal(s)
	}
}

// stop asks the process to stop and waits; one that does not is killed when ctx
// ends, which is an error.
func (p *process) stop(ctx context.Context) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return p.err
	case <-ctx.Done():
		p.kill()
		return context.Cause(ctx)
	}
}

// output is what a process printed, line by line.
type output struct {
	mu    sync.Mutex
	lines []string
	begun []byte        // a line without its end
	news  chan struct{} // closed when there are more lines
}

// Write takes what the process prints.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = append(o.begun, b...)
	for {
		line, rest, whole := bytes.Cut(o.begun, []byte("\n"))
		if !whole {
			break
		}
		o.lines, o.begun = append(o.lines, string(line)), bytes.Clone(rest)
	}
	close(o.news)
	o.news = make(chan struct{})
	return len(b), nil
}

func (o *output) tail(most int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines[max(0, len(o.lines)-most):], "\n")
}

// since gives the lines from a place on, and the channel that tells of more.
func (o *output) since(place int) ([]string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines[place:], o.news
}

// await waits for a line that holds all the words, and gives it.
func (p *process) await(t *testing.T, words ...string) string {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for place := 0; ; {
		lines, news := p.since(place)
		for _, line := range lines {
			if holds(line, words) {
				return line
			}
		}
		place += len(lines)
		select {
		case <-news:
		case <-p.ended:
			t.Fatalf("%s ended (%v) before it printed %q", filepath.Base(p.Path), p.err, words)
		case <-limit.C:
			t.Fatalf("%s did not print %q", filepath.Base(p.Path), words)
		}
	}
}

func holds(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}
