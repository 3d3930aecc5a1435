package wire

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// lane carries bytes one way. Whoever puts never waits; whoever takes does. What
// is put while the lane is held is kept until the last hold is released.
type lane struct {
	wake chan struct{} // tells the taker that something changed
	room chan struct{} // tells whoever waits for room

	mu       sync.Mutex // protects all following fields; never held while waiting
	ready    []byte
	taken    int // of ready
	kept     []byte
	holds    int
	dropped  bool // what is held is dropped, now and later
	ended    bool // nothing more comes; what is there goes out
	left     bool // the other side is gone: nothing more goes out once nothing is held
	broken   bool // nothing more comes or goes
	deadline time.Time
}

func newLane() *lane {
	return &lane{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// put adds whole frames; false if nobody will ever take them.
func (l *lane) put(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	l.mu.Lock()
	if l.closedToPut() {
		l.mu.Unlock()
		return false
	}
	if l.held() {
		l.kept = append(l.kept, p...)
		l.mu.Unlock()
		return true
	}
	waiting := l.append(p)
	l.mu.Unlock()
	if waiting {
		ring(l.wake)
	}
	return true
}

// slip adds a frame past what is held, be it the end.
func (l *lane) slip(p []byte) {
	l.mu.Lock()
	if !l.broken {
		l.append(p)
	}
	l.mu.Unlock()
	ring(l.wake)
}

// append reports whether the taker may be waiting.
func (l *lane) append(p []byte) bool {
	waiting := l.taken == len(l.ready)
	if waiting {
		l.ready, l.taken = l.ready[:0], 0
	}
	l.ready = append(l.ready, p...)
	return waiting
}

func (l *lane) held() bool { return l.holds > 0 && !l.dropped }

func (l *lane) closedToPut() bool { return l.broken || l.ended || l.left && !l.held() }

func (l *lane) closed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closedToPut()
}

func (l *lane) holding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held()
}

// change applies f to the lane's state and lets everybody look at it again.
func (l *lane) change(f func(l *lane)) {
	l.mu.Lock()
	f(l)
	l.mu.Unlock()
	ring(l.wake)
	ring(l.room)
}

func (l *lane) hold() { l.change(func(l *lane) { l.holds++ }) }

func (l *lane) release() {
	l.change(func(l *lane) {
		l.holds--
		if l.holds > 0 {
			return
		}
		if len(l.kept) > 0 {
			l.append(l.kept)
		}
		l.kept = nil
	})
}

func (l *lane) end()   { l.change(func(l *lane) { l.ended = true }) }
func (l *lane) leave() { l.change(func(l *lane) { l.left = true }) }

// abandon ends the lane and drops what is held.
func (l *lane) abandon() {
	l.change(func(l *lane) { l.ended, l.dropped, l.kept = true, true, nil })
}

func (l *lane) stop() {
	l.change(func(l *lane) { l.broken, l.ready, l.kept, l.taken = true, nil, nil, 0 })
}

func (l *lane) setDeadline(t time.Time) {
	l.change(func(l *lane) { l.deadline = t })
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), func() { ring(l.wake) })
	}
}

// largest is how much room of a buffer is kept for the next bytes.
const largest = 1 << 20

// takeAll waits for bytes and gives all there are; false at the end. The caller
// gives spare in exchange, which it no longer uses.
func (l *lane) takeAll(spare []byte) ([]byte, bool) {
	if cap(spare) > largest {
		spare = nil
	}
	for {
		l.mu.Lock()
		if len(l.ready) > 0 && !l.broken {
			all := l.ready
			l.ready = spare[:0]
			l.mu.Unlock()
			return all, true
		}
		over := l.broken || !l.held() && (l.ended || l.left)
		l.mu.Unlock()
		if over {
			return nil, false
		}
		<-l.wake
	}
}

// read is a net.Conn's Read. A lane that was stopped gives io.EOF at once.
func (l *lane) read(p []byte) (int, error) {
	for {
		n, err := l.tryRead(p)
		if n > 0 {
			ring(l.room)
		}
		if n > 0 || err != nil {
			return n, err
		}
		<-l.wake
	}
}

func (l *lane) tryRead(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return 0, io.EOF
	}
	if n := copy(p, l.ready[l.taken:]); n > 0 {
		l.taken += n
		if l.taken == len(l.ready) && cap(l.ready) > largest {
			l.ready, l.taken = nil, 0
		}
		return n, nil
	}
	if l.ended && !l.held() {
		return 0, io.EOF
	}
	if !l.deadline.IsZero() && !time.Now().Before(l.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	return 0, nil
}

// await waits until fewer than limit bytes are on the lane, or nobody takes them.
func (l *lane) await(limit int) {
	for {
		l.mu.Lock()
		enough := l.broken || l.ended || len(l.ready)-l.taken+len(l.kept) < limit
		l.mu.Unlock()
		if enough {
			return
		}
		<-l.room
	}
}

// errCut is what a write meets after its connection ended, as on a socket.
const errCut = syscall.EPIPE
