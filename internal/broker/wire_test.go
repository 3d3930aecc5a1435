package broker_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	simwire "reconciler/internal/simulation/wire"
)

// wire dials into an embedded server and breaks one connection at a chosen
// write: the moment in which nobody can know whether a publish was stored.
type wire struct {
	server *broker.Embedded

	mu    sync.Mutex
	match string // break the connection that writes this
	lost  bool   // before the server has it, instead of before its answer

	broken chan struct{} // closed when it happened
	mended chan struct{} // no new connection before it is closed
}

// newWire gives a broker behind a wire, and another one beside it that is not.
func newWire(t *testing.T) (w *wire, behind, beside *broker.Broker) {
	t.Helper()
	e, beside := brokertest.StartServer(t)
	w = &wire{server: e, broken: make(chan struct{}), mended: make(chan struct{})}
	return w, dialed(t, w), beside
}

// dialed gives a broker that reaches its server as the test wants.
func dialed(t *testing.T, way nats.CustomDialer) *broker.Broker {
	t.Helper()
	ctx := brokertest.Context(t)
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: way}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// linked is dialed over a link whose frames the test may judge.
func linked(t *testing.T, server *broker.Embedded) (*broker.Broker, *simwire.NATSLink) {
	t.Helper()
	link := simwire.NewNATS(simwire.NATSOptions{Name: "worker", Server: server})
	t.Cleanup(link.Kill)
	return dialed(t, link), link
}

// loseAnswer lets the server have the next write that holds match, and not us its answer.
func (w *wire) loseAnswer(match string) { w.arm(match, false) }

// loseRequest loses the next write that holds match.
func (w *wire) loseRequest(match string) { w.arm(match, true) }

func (w *wire) arm(match string, lost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.match, w.lost = match, lost
}

// meanwhile runs f after the break, once the server is done with what it had
// read, and before the connection comes back.
func (w *wire) meanwhile(f func()) {
	go func() {
		<-w.broken
		synctest.Wait()
		f()
		close(w.mended)
	}()
}

// Dial fails between the break and the mending. It must not wait: the client
// library dials under a lock, and a goroutine that waits for a lock stops
// virtual time.
func (w *wire) Dial(string, string) (net.Conn, error) {
	if isClosed(w.broken) && !isClosed(w.mended) {
		return nil, syscall.ECONNREFUSED
	}
	conn, err := w.server.InProcessConn()
	return &wireConn{Conn: conn, wire: w, deaf: make(chan struct{})}, err
}

type wireConn struct {
	net.Conn
	wire *wire
	deaf chan struct{} // closed: nothing that arrives is heard
}

func (c *wireConn) Write(p []byte) (int, error) {
	w := c.wire
	w.mu.Lock()
	hit := w.match != "" && bytes.Contains(p, []byte(w.match))
	if hit {
		w.match = ""
	}
	lost := w.lost
	w.mu.Unlock()
	if !hit {
		return c.Conn.Write(p)
	}
	close(c.deaf)
	if !lost {
		// A pipe hands over every byte before Write returns, and the server
		// acts on what it has read although the connection ends.
		if _, err := c.Conn.Write(p); err != nil {
			return 0, err
		}
	}
	err := c.Conn.Close()
	close(w.broken)
	return len(p), err
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if isClosed(c.deaf) {
		return 0, io.EOF
	}
	return n, err
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// count gives how many messages a stream holds under a filter.
func count(ctx context.Context, t *testing.T, b *broker.Broker, stream, filter string) int {
	t.Helper()
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(ctx, withSubjects(filter))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range info.State.Subjects {
		total += int(n)
	}
	return total
}
