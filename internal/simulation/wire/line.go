package wire

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Line is what all links have in common: the connections over it, and the faults
// that lie on them for a time. Make a NATSLink or a HTTPLink.
type Line struct {
	name    string
	counter *Counter

	mu         sync.Mutex // protects all following fields; never held while waiting
	conns      map[*conn]struct{}
	fault      Fault
	generation int // of fault
	killed     bool
	err        error
}

func newLine(name string, counter *Counter) *Line {
	if counter == nil {
		counter = NewCounter()
	}
	return &Line{name: name, counter: counter, conns: map[*conn]struct{}{}}
}

// Log is the counter's.
func (l *Line) Log() string { return l.counter.Log() }

// Counter is the one that numbers the link's calls.
func (l *Line) Counter() *Counter { return l.counter }

// Lay puts the link under a fault, in place of the one before, until Heal or the
// next Lay.
func (l *Line) Lay(f Fault) {
	l.lay(f)
}

// LayFor lays a fault and heals it after d, unless another one was laid meanwhile.
func (l *Line) LayFor(f Fault, d time.Duration) {
	generation := l.lay(f)
	time.AfterFunc(d, func() {
		l.mu.Lock()
		same := l.generation == generation
		l.mu.Unlock()
		if same {
			l.lay(Fault{})
		}
	})
}

// Heal ends the fault; what was held goes out.
func (l *Line) Heal() { l.lay(Fault{}) }

func (l *Line) lay(f Fault) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation++
	l.fault = f
	for c := range l.conns {
		if c.codec.refuses(f) {
			c.cut(true)
			continue
		}
		c.suffer(f)
	}
	l.counter.note(l.name, f.String())
	return l.generation
}

// suffer puts a connection under the fault; the line's mutex is held.
func (c *conn) suffer(f Fault) {
	c.lostUp.Store(f.Up == Lost)
	c.lostDown.Store(f.Down == Lost)
	c.frozen.Store(f.Up == Held && f.Down == Held)
	turn(c.up, &c.heldUp, f.Up != Open)
	turn(c.down, &c.heldDown, f.Down != Open)
}

func turn(l *lane, held *bool, want bool) {
	switch {
	case want && !*held:
		l.hold()
	case !want && *held:
		l.release()
	}
	*held = want
}

// Cut ends all connections, both ways; new ones may be made at once.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.cut(false)
	}
	l.counter.note(l.name, "cut")
}

// Kill ends all connections, both ways, and lets no new one through, for good:
// what the other side sees when the client's process is killed. It may be called
// again.
func (l *Line) Kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.killed {
		return
	}
	l.killed = true
	for c := range l.conns {
		c.cut(true)
	}
	l.counter.note(l.name, "killed")
}

// Err is the first thing on the link that could not be understood.
func (l *Line) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// confused notes what could not be understood and ends the connection.
func (l *Line) confused(c *conn, err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = fmt.Errorf("%s: %w", l.name, err)
	}
	l.mu.Unlock()
	c.cut(false)
}

// refuses tells whether a new connection is let through now; the mutex is held.
func (l *Line) closedTo(codec codec) bool {
	return l.killed || l.fault.Refused || codec.refuses(l.fault)
}

// open admits a connection that was made, unless something came between.
func (l *Line) open(c *conn) (net.Conn, error) {
	l.mu.Lock()
	if l.closedTo(c.codec) {
		l.mu.Unlock()
		_ = c.server.Close() // nobody knows of it
		return nil, syscall.ECONNREFUSED
	}
	l.conns[c] = struct{}{}
	c.suffer(l.fault)
	l.mu.Unlock()
	c.start()
	return c, nil
}

func (l *Line) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
