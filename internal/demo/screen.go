package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

// progress is one picture of a demo under way.
type progress struct {
	boardCounts
	sandbox.Tally
	elapsed  time.Duration
	payments int
	// accounts is what the worker says of its taps; empty where it can't be asked.
	accounts []guard.Snapshot
}

func (r *run) progress() progress {
	r.board.settle(time.Now(), r.truth)
	// The ledgers first: what arrives in between is due by then.
	tally := r.Sandbox.Tally()
	return progress{
		boardCounts: r.board.read(), Tally: tally, elapsed: time.Since(r.began), payments: r.Payments,
		accounts: r.Worker.Snapshot().Accounts,
	}
}

// finished reports whether every life has ended as published and every webhook
// that is due has arrived.
func (p progress) finished() bool { return p.done == p.payments && p.Delivered == p.due }

// lines shows the picture as text.
func (p progress) lines() []string {
	lines := []string{fmt.Sprintf("%5.1f s   payments %d/%d done   events %d   polls %d   webhooks %d/%d delivered",
		p.elapsed.Seconds(), p.done, p.payments, p.events, p.Polls, p.Delivered, p.due)}
	for _, name := range sandbox.Providers() {
		part := p.byProvider[name]
		lines = append(lines, fmt.Sprintf("  %-9s %s %4d/%-4d breaker %s", name, bar(part.done, part.announced), part.done, part.announced, p.tap(name)))
	}
	var byStatus []string
	for _, s := range payment.Statuses() {
		if n := p.byStatus[s]; n > 0 {
			byStatus = append(byStatus, fmt.Sprintf("%s %d", s, n))
		}
	}
	return append(lines, "  "+strings.Join(byStatus, ", "))
}

// tap is the state of an account's breaker.
func (p progress) tap(account string) string {
	for _, a := range p.accounts {
		if a.Name == account {
			return a.State.String()
		}
	}
	return "-"
}

// bar draws how much of a whole is done.
func bar(part, whole int) string {
	const width = 24
	filled := 0
	if whole > 0 {
		filled = width * part / whole
	}
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", width-filled) + "]"
}

// screen shows progress: painted over in a terminal, else a line now and then.
type screen struct {
	out   io.Writer
	live  bool
	drawn int
	next  time.Duration
}

func newScreen(out io.Writer, live bool) *screen { return &screen{out: out, live: live} }

// lineEvery is how often a line is printed where nothing can be painted over.
const lineEvery = 2 * time.Second

func (s *screen) show(p progress) {
	switch {
	case s.out == nil:
	case s.live:
		s.paint(p.lines())
	case p.elapsed >= s.next:
		s.next = p.elapsed + lineEvery
		_, _ = fmt.Fprintln(s.out, p.lines()[0])
	}
}

// paint draws over what was drawn before.
func (s *screen) paint(lines []string) {
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn) // up to the first line
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n") // clears what a longer line left
	}
	s.drawn = len(lines)
	_, _ = io.WriteString(s.out, b.String())
}

// end shows the last picture in any case.
func (s *screen) end(p progress) {
	s.next = 0
	s.show(p)
}
