package merchant

import (
	"net"
	"sync"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/line"
)

// readPiece is the most that a slow reader takes at a time.
const readPiece = 256

// Gate is the listener that the merchant is to be served on. While it refuses
// connections, each is closed before a byte of it is read, and counted; while it
// reads slowly, what comes is read in small pieces.
func (m *Merchant) Gate(l net.Listener) net.Listener { return &gate{Listener: l, merchant: m} }

type gate struct {
	net.Listener
	merchant *Merchant
}

// Accept gives the next connection that is let in.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.merchant.plan.Connection(time.Now()).Kind != fault.OutageRefused {
			return &reader{Conn: conn, plan: g.merchant.plan, closed: make(chan struct{})}, nil
		}
		g.merchant.refuseConnection()
		line.Drop(conn)
	}
}

// reader is a connection that is read slowly while the merchant is in that trouble.
// A read that began before the trouble is slow, but not small.
type reader struct {
	net.Conn
	plan   *fault.Plan
	once   sync.Once
	closed chan struct{}
}

// Read reads, and then keeps what it has read for a while.
func (r *reader) Read(into []byte) (int, error) {
	if r.plan.Connection(time.Now()).Kind == fault.SlowReading {
		into = into[:min(len(into), readPiece)]
	}
	n, err := r.Conn.Read(into)
	if t := r.plan.Connection(time.Now()); err == nil && t.Kind == fault.SlowReading {
		r.pause(t.Late)
	}
	return n, err
}

// pause waits, at most until the connection is closed.
func (r *reader) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.closed:
	}
}

// Close closes the connection and ends a pause.
func (r *reader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return r.Conn.Close()
}

// NetConn is the connection itself.
func (r *reader) NetConn() net.Conn { return r.Conn }
