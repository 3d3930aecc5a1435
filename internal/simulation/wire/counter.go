package wire

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Counter numbers the calls of one client over all links it is given to, keeps
// the last of them for reports, and does what is planned for one of them.
type Counter struct {
	mu      sync.Mutex
	calls   int
	effects int
	steps   map[step][]func()
	last    [logSize]entry
	wrote   int
}

// logSize is how many lines a report has.
const logSize = 200

type step struct {
	call   int
	effect bool // counted among effects only
	at     Moment
}

type entry struct {
	at         time.Time
	call       int // 0: no call, something that happened to the link
	link, what string
	on         string
	verdict    Verdict
}

// NewCounter makes a counter that has counted nothing.
func NewCounter() *Counter { return &Counter{steps: map[step][]func(){}} }

// Calls is how many were counted.
func (c *Counter) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Effects is how many of the calls changed something outside, or may have: not
// those that only asked the broker.
func (c *Counter) Effects() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.effects
}

// At plans do for a moment of call n, counted from 1: do may Kill links, and must
// not wait. It is for calls to come.
func (c *Counter) At(n int, at Moment, do func()) { c.at(step{call: n, at: at}, do) }

// AtEffect is At for the n-th effect.
func (c *Counter) AtEffect(n int, at Moment, do func()) {
	c.at(step{call: n, effect: true, at: at}, do)
}

func (c *Counter) at(s step, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps[s] = append(c.steps[s], do)
}

// plan is what is to be done at the moments of one call.
type plan struct{ before, after, answering []func() }

func (p plan) empty() bool { return p.before == nil && p.after == nil && p.answering == nil }

func do(steps []func()) {
	for _, f := range steps {
		f()
	}
}

// next numbers a call.
func (c *Counter) next(effect bool) (int, plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if effect {
		c.effects++
	}
	if len(c.steps) == 0 {
		return c.calls, plan{}
	}
	take := func(at Moment) []func() {
		steps := c.take(step{call: c.calls, at: at})
		if effect {
			steps = append(steps, c.take(step{call: c.effects, effect: true, at: at})...)
		}
		return steps
	}
	return c.calls, plan{take(Before), take(After), take(Answering)}
}

func (c *Counter) take(s step) []func() {
	steps := c.steps[s]
	delete(c.steps, s)
	return steps
}

// note writes down something that happened to a link.
func (c *Counter) note(link, what string) { c.write(entry{link: link, what: what}) }

func (c *Counter) write(e entry) {
	e.at = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[c.wrote%logSize] = e
	c.wrote++
}

// Log is the last 200 calls, and what happened to the links between them, one a
// line, oldest first:
//
//	15:04:05.000 #12 worker status append payments.status.pending.acc.m.p: answer lost
func (c *Counter) Log() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for i := max(0, c.wrote-logSize); i < c.wrote; i++ {
		e := c.last[i%logSize]
		b.WriteString(e.at.UTC().Format("2006-01-02 15:04:05.000 "))
		if e.call > 0 {
			fmt.Fprintf(&b, "#%d ", e.call)
		}
		fmt.Fprintf(&b, "%s %s", e.link, e.what)
		if e.on != "" {
			b.WriteString(" " + e.on)
		}
		if v := e.verdict.String(); v != "" {
			b.WriteString(": " + v)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
