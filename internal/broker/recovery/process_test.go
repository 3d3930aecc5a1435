package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// process is this binary in a role.
type process struct {
	b       *testing.B
	cmd     *exec.Cmd
	input   io.WriteCloser
	reports *json.Decoder
	began   time.Time
}

// timed is a report and when it came, from the start of the process.
type timed struct {
	report
	after time.Duration
}

// run starts a process; it ends with the benchmark at the latest.
func run(b *testing.B, role, data, suffix string) *process {
	b.Helper()
	args := []string{"-role", role, "-data", data}
	for _, name := range []string{"timers", "polls"} {
		n, err := setting[int](name)
		if err != nil {
			b.Fatal(err)
		}
		args = append(args, fmt.Sprintf("-%s=%d", name, n))
	}
	settle, err := setting[time.Duration]("settle")
	if err != nil {
		b.Fatal(err)
	}
	profile, err := setting[string]("profile")
	if err != nil {
		b.Fatal(err)
	}
	if args = append(args, "-settle", settle.String()); profile != "" {
		args = append(args, "-profile", profile+suffix)
	}
	binary, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &process{b: b, cmd: exec.CommandContext(b.Context(), binary, args...)}
	p.start()
	return p
}

func (p *process) start() {
	p.b.Helper()
	var err error
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		p.b.Fatal(err)
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		p.b.Fatal(err)
	}
	p.reports, p.cmd.Stderr = json.NewDecoder(output), &lines{log: p.b.Logf}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
}

// until waits for a stage.
func (p *process) until(stage string) timed {
	p.b.Helper()
	for {
		var r report
		if err := p.reports.Decode(&r); err != nil {
			p.b.Fatalf("before the process was %s: %v, %v", stage, err, p.cmd.Wait())
		}
		if r.Stage == stage {
			return timed{report: r, after: time.Since(p.began)}
		}
	}
}

// kill ends the process with SIGKILL.
func (p *process) kill() {
	p.b.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.b.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) {
		p.b.Fatalf("the process ended before it was killed: %v", err)
	}
}

// stop ends it in order.
func (p *process) stop() {
	p.b.Helper()
	if err := p.input.Close(); err != nil {
		p.b.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.b.Fatal(err)
	}
}

// lines prints what the process complains of.
type lines struct{ log func(string, ...any) }

func (l *lines) Write(text []byte) (int, error) {
	l.log("%s", strings.TrimSpace(string(text)))
	return len(text), nil
}
