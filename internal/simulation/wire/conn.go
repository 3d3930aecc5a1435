package wire

import (
	"net"
	"sync/atomic"
	"time"
)

// linger is how long what was written before a cut has to go out.
const linger = time.Minute

// codec knows what goes over a connection. Each method is called by one
// goroutine at a time.
type codec interface {
	clientSent(p []byte)
	serverSent(p []byte)
	// refuses tells whether the connection can't live with this fault.
	refuses(f Fault) bool
}

// conn is one connection over a link: the client's end is conn itself, the other
// end is server.
type conn struct {
	line   *Line
	server net.Conn
	codec  codec
	limit  int // of bytes the client has not read yet; 0: none

	up, down         *lane
	lostUp, lostDown atomic.Bool
	heldUp, heldDown bool // by the line's fault; protected by the line's mutex
	frozen           atomic.Bool
	closed           atomic.Bool // by the client
}

func newConn(line *Line, server net.Conn) *conn {
	return &conn{line: line, server: server, up: newLane(), down: newLane()}
}

// start begins to carry bytes; the codec must be set.
func (c *conn) start() {
	go c.carryUp()
	go c.carryDown()
}

func (c *conn) carryUp() {
	var all []byte
	for {
		var ok bool
		if all, ok = c.up.takeAll(all); !ok {
			break
		}
		if _, err := c.server.Write(all); err != nil {
			break
		}
	}
	c.up.stop()
	_ = c.server.Close() // what it still says is of no use to anybody
	c.line.forget(c)
}

func (c *conn) carryDown() {
	buffer := make([]byte, 32<<10)
	for {
		if c.limit > 0 {
			c.down.await(c.limit)
		}
		n, err := c.server.Read(buffer)
		if n > 0 {
			c.codec.serverSent(buffer[:n])
		}
		if err != nil {
			break
		}
	}
	c.down.end()
	c.up.leave()
}

// cut ends both ways. The client hears nothing more; what it has written goes
// out, unless it is held and dropHeld is set.
func (c *conn) cut(dropHeld bool) {
	c.down.stop()
	c.finish(dropHeld)
}

// finish lets the server have what was written, and then the end.
func (c *conn) finish(dropHeld bool) {
	if dropHeld {
		c.up.abandon()
	} else {
		c.up.end()
	}
	if !c.up.holding() {
		_ = c.server.SetWriteDeadline(time.Now().Add(linger)) // a server that never reads must not keep us
	}
}

// Read gives what the server sent, io.EOF once the connection ended.
func (c *conn) Read(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	return c.down.read(p)
}

// Write takes everything at once and waits for nobody.
func (c *conn) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if c.up.closed() {
		return 0, errCut
	}
	c.codec.clientSent(p)
	return len(p), nil
}

// Close ends the connection as a process does: what was written still goes out.
func (c *conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.cut(false)
	}
	return nil
}

// LocalAddr is the link's name.
func (c *conn) LocalAddr() net.Addr { return address(c.line.name) }

// RemoteAddr is the server's own.
func (c *conn) RemoteAddr() net.Addr { return c.server.RemoteAddr() }

// SetDeadline bounds reading; writing never waits.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline bounds reading.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.down.setDeadline(t)
	return nil
}

// SetWriteDeadline does nothing: writing never waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type address string

// Network names the kind of network, as net.Addr wants it.
func (address) Network() string { return "wire" }

// String is the link's name.
func (a address) String() string { return string(a) }
