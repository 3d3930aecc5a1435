package consumer

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// lossy dials connections on which what asks for messages can be lost, and where the
// answers are to go: asked again, they would not come either.
type lossy struct {
	to *broker.Embedded
	// losing says to lose it, lost counts what was lost.
	losing atomic.Bool
	lost   atomic.Int64
}

func (d *lossy) Dial(string, string) (net.Conn, error) {
	conn, err := d.to.InProcessConn()
	return &lossyConn{Conn: conn, of: d}, err
}

type lossyConn struct {
	net.Conn
	of *lossy
}

func (c *lossyConn) Write(p []byte) (int, error) {
	if c.of.losing.Load() && (bytes.Contains(p, []byte("SUB _INBOX.")) || bytes.Contains(p, []byte(".CONSUMER.MSG.NEXT."))) {
		c.of.lost.Add(1)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// The request for messages never reaches the broker, or it forgets it: no answer
// ever comes, on a connection that otherwise works.
func TestLoop_PullsAnew_WhenItsPullIsNeverAnswered(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		e, _ := brokertest.StartServer(t)
		d := &lossy{to: e}
		conn, err := broker.Connect(t.Context(), broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: d}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		b, err := broker.New(t.Context(), broker.Options{Conn: conn})
		if err != nil {
			t.Fatal(err)
		}
		s := newStage(t, b)
		w := &worked{}
		l := s.loop(finish(w))
		l.wait = 5 * time.Second
		if _, err := l.consumer(s.ctx); err != nil { // the inbox of all other answers is known then
			t.Fatal(err)
		}
		d.losing.Store(true)
		stop, _ := s.play(l)
		time.Sleep(time.Second)
		if d.lost.Load() == 0 {
			t.Fatal("nothing was lost")
		}
		d.losing.Store(false)
		s.publish("waits")
		began := time.Now()
		time.Sleep(20 * time.Second)
		if at := w.times("waits"); len(at) != 1 || at[0].Sub(began) > 10*time.Second {
			t.Errorf("the message was worked on at %v", at)
		}
		stop()
	})
}

// dumbConsumer is one whose pulls bring nothing, no end and no error.
type dumbConsumer struct {
	jetstream.Consumer
	pulls atomic.Int64
}

func (c *dumbConsumer) Messages(...jetstream.PullMessagesOpt) (jetstream.MessagesContext, error) {
	c.pulls.Add(1)
	ended, end := context.WithCancel(context.Background())
	return &dumbMessages{ended: ended, end: end}, nil
}

type dumbMessages struct {
	ended context.Context
	end   context.CancelFunc
}

func (m *dumbMessages) Next(...jetstream.NextOpt) (jetstream.Msg, error) {
	<-m.ended.Done()
	return nil, jetstream.ErrMsgIteratorClosed
}
func (m *dumbMessages) Stop()  { m.end() }
func (m *dumbMessages) Drain() { m.end() }

// Whatever else makes a pull dumb, another is made within two minutes.
func TestLoop_PullsAnew_WhenNothingComesForLong(t *testing.T) {
	inBubble(t, func(s *stage) {
		dumb := &dumbConsumer{}
		l := s.loop(finish(&worked{}))
		l.wait = 5 * time.Second
		l.consumer = func(context.Context) (jetstream.Consumer, error) { return dumb, nil }
		stop, _ := s.play(l)
		time.Sleep(10*time.Minute + time.Second)
		stop()
		if n := dumb.pulls.Load(); n < 5 || n > 20 {
			t.Errorf("%d pulls in ten minutes", n)
		}
	})
}
