package wire_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// seen notes what a policy sees, but pull requests' and protocol's.
type seen struct {
	mu    sync.Mutex
	lines []string
}

func (s *seen) policy(f *wire.Frame) wire.Verdict {
	line := fmt.Sprintf("%s %s", f.Direction, f.Class)
	switch f.Class {
	case wire.Protocol, wire.PullRequest:
		return wire.Verdict{}
	case wire.StatusAppend:
		line += fmt.Sprintf(" %s id %s size %t", f.Subject(), f.Header().Get("ce-id"), f.Size() > len(f.Payload()))
	case wire.Answer:
		line += fmt.Sprintf(" to call %d, a %s on %s", f.Request.Call-f.Call, f.Request.Class, f.Request.Subject)
	case wire.Ack:
		line += " " + f.AckKind()
	}
	if status := f.Status(); status != "" {
		line += " status " + status
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	return wire.Verdict{}
}

func (s *seen) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.lines, lines) {
		t.Errorf("the policy saw %q, want %q", s.lines, lines)
	}
	s.lines = nil
}

func TestFrames_SayWhatTheyAre(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx, s := newRig(t), days(t, 1), &seen{}
		if err := r.beside.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}); err != nil {
			t.Fatal(err)
		}
		c := polls(ctx, t, r.behind)
		r.link.SetPolicy(s.policy)
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Fatal(err)
		}
		subject := broker.StatusSubject("pending", "acc", "m", "p")
		call := fmt.Sprint(r.link.Counter().Calls())
		s.want(t, "up status append "+subject+" id p/1 size true", "down answer to call "+call+", a status append on "+subject)

		if _, err := r.behind.Conn().RequestWithContext(ctx, "nobody.there", nil); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("request: %v", err)
		}
		call = fmt.Sprint(r.link.Counter().Calls())
		s.want(t, "up core message", "down answer to call "+call+", a core message on nobody.there status 503")

		m, err := c.Next(jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []func() error{m.InProgress, func() error { return m.NakWithDelay(time.Second) }} {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		s.want(t, "down delivery", "up ack +WPI", "up ack -NAK")
		if m, err = c.Next(jetstream.FetchContext(ctx)); err != nil {
			t.Fatal(err)
		}
		if err := m.Ack(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(jetstream.FetchMaxWait(time.Second)); err == nil {
			t.Error("another message")
		}
		s.want(t, "down delivery", "up ack +ACK", "down pull status status 408 Request Timeout")
	})
}

// A cut after a delivery leaves the client with the message and without a
// connection; one before it with neither.
func TestCut_AtADelivery(t *testing.T) {
	for _, at := range []wire.Moment{wire.Before, wire.After} {
		t.Run(at.String(), func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r := newRig(t)
				heard, err := r.behind.Conn().SubscribeSync("words")
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				r.link.SetPolicy(first(wire.CoreMessage, wire.Verdict{Cut: at}))
				for _, word := range []string{"one", "two"} { // two is sent to nobody
					if err := r.beside.Conn().Publish("words", []byte(word)); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				m, err := heard.NextMsg(time.Minute)
				if (err == nil) != (at == wire.After) || err == nil && string(m.Data) != "one" {
					t.Errorf("heard %v, %v", m, err)
				}
				time.Sleep(time.Minute)
				if n := r.behind.Conn().Stats().Reconnects; n != 1 {
					t.Errorf("%d connections after the first", n)
				}
			})
		})
	}
}
