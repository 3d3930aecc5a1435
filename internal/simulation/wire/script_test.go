package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// script is the life of one poll: a change is appended, a timer armed, it fires,
// the job is taken and acknowledged. It goes on until each step is certain.
func script(ctx context.Context, b *broker.Broker) error {
	if _, err := b.AppendStatus(ctx, change(1, 0)); err != nil {
		return err
	}
	if err := b.Arm(ctx, timer(time.Now().Add(10*time.Second))); err != nil {
		return err
	}
	return consume(ctx, b)
}

// consume takes jobs until none is left nor will come.
func consume(ctx context.Context, b *broker.Broker) error {
	c, err := b.Consumer(ctx, pollOptions())
	if err != nil {
		return err
	}
	for {
		m, err := c.Next(jetstream.FetchMaxWait(20 * time.Second))
		if err == nil && ackOnce(ctx, m) {
			return nil
		}
		if left, err := waits(ctx, b); err != nil || !left {
			return err
		}
	}
}

func waits(ctx context.Context, b *broker.Broker) (bool, error) {
	due, err := b.HasDue(ctx, broker.PollDue("acc", "m", "p"))
	if err != nil || due {
		return due, err
	}
	return b.HasDue(ctx, broker.PollTimer("acc", "m", "p")) // it asks for any subject of the stream
}

func ackOnce(ctx context.Context, m jetstream.Msg) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return m.DoubleAck(ctx) == nil
}

// outcome is what the broker holds in the end.
func outcome(ctx context.Context, t *testing.T, b *broker.Broker) string {
	t.Helper()
	last, err := b.LastStatus(ctx, broker.PaymentKey("m", "p"))
	return fmt.Sprintf("%d changes, the last %s %v; %d timers and jobs",
		stored(ctx, t, b, broker.StreamStatus), last.Body, err, stored(ctx, t, b, broker.StreamWork))
}

// rounds runs each round against a broker as it was in the beginning, all on the
// same server: starting one costs far more than a round.
type rounds struct {
	rig
	ctx context.Context
}

// round gives a new worker's link; whatever the rounds before left is gone.
func (r rounds) round(t *testing.T) *wire.NATSLink {
	t.Helper()
	time.Sleep(3 * time.Minute) // the broker forgets the ids of the round before
	for _, name := range []string{broker.StreamStatus, broker.StreamWork} {
		s, err := r.beside.JetStream().Stream(r.ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Purge(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	err := r.beside.JetStream().DeleteConsumer(r.ctx, broker.StreamWork, pollOptions().Name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Fatal(err)
	}
	return wire.NewNATS(wire.NATSOptions{Name: "worker", Server: r.server})
}

// undisturbed runs the script and gives the numbers of its first and last call.
func (r rounds) undisturbed(t *testing.T) (first, last int, result, log string) {
	t.Helper()
	link := r.round(t)
	defer link.Kill()
	b := behind(t, link)
	defer b.Conn().Close()
	first = link.Counter().Calls() + 1
	if err := script(r.ctx, b); err != nil {
		t.Error(err)
	}
	return first, link.Counter().Calls(), outcome(r.ctx, t, r.beside), link.Log()
}

func TestCounter_NumbersTheSameCallsTheSame(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := rounds{newRig(t), days(t, 30)}
		first, last, _, log := r.undisturbed(t)
		_, again, _, second := r.undisturbed(t)
		if last != again || first >= last || strings.Count(log, "\n") != strings.Count(second, "\n") {
			t.Errorf("%d calls, then %d:\n%s\n%s", last, again, log, second)
		}
		for _, what := range []string{"#3 worker status append payments.status.pending.acc.m.p\n", "#4 worker timer publish recon.timer.poll.acc.m.p\n", "#7 worker ack $JS.ACK."} {
			if !strings.Contains(log, what) || !strings.Contains(second, what) {
				t.Errorf("the log lacks %q:\n%s", what, log)
			}
		}
	})
}

// A worker whose connection is cut at any call, at any moment of it, comes to
// the same end.
func TestCut_AtEveryCall_ComesToTheSameEnd(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := rounds{newRig(t), days(t, 30)}
		first, last, want, _ := r.undisturbed(t)
		for n := first; n <= last; n++ {
			for _, at := range []wire.Moment{wire.Before, wire.After, wire.Answering} {
				if got := r.cut(t, n, at); got != want {
					t.Errorf("cut %s call %d: it ends with %s, want %s", at, n, got, want)
				}
			}
		}
	})
}

// cut runs the script with a cut and gives what is there in the end.
func (r rounds) cut(t *testing.T, n int, at wire.Moment) string {
	t.Helper()
	link := r.round(t)
	defer link.Kill()
	hit := false
	link.SetPolicy(func(f *wire.Frame) wire.Verdict {
		if f.Call != n {
			return wire.Verdict{}
		}
		hit = true
		return wire.Verdict{Cut: at}
	})
	b := behind(t, link)
	defer b.Conn().Close()
	if err := script(r.ctx, b); err != nil {
		t.Errorf("cut %s call %d: %v", at, n, err)
	}
	if again := b.Conn().Stats().Reconnects; !hit || again != 1 || link.Err() != nil {
		t.Errorf("cut %s call %d: hit %t, %d connections after the first, %v\n%s", at, n, hit, again, link.Err(), link.Log())
	}
	return outcome(r.ctx, t, r.beside)
}

// A worker that is killed at any call leaves what the next one completes.
func TestKill_AtEveryCall_LeavesWhatTheNextWorkerCompletes(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := rounds{newRig(t), days(t, 30)}
		first, last, want, _ := r.undisturbed(t)
		for n := first; n <= last; n++ {
			for _, at := range []wire.Moment{wire.Before, wire.After, wire.Answering} {
				if got := r.kill(t, n, at); got != want {
					t.Errorf("killed %s call %d: it ends with %s, want %s", at, n, got, want)
				}
			}
		}
	})
}

// kill runs the script in a worker that is killed, and the rest of it in another.
func (r rounds) kill(t *testing.T, n int, at wire.Moment) string {
	t.Helper()
	link := r.round(t)
	life, dead := context.WithCancel(r.ctx)
	defer dead()
	link.Counter().At(n, at, func() { link.Kill(); dead() })
	first := behind(t, link)
	err := script(life, first)
	first.Conn().Close()
	if err == nil || life.Err() == nil {
		t.Errorf("killed %s call %d: it comes to its end: %v, %v", at, n, err, life.Err())
	}
	next := wire.NewNATS(wire.NATSOptions{Name: "next", Server: r.server})
	defer next.Kill()
	second := behind(t, next)
	defer second.Conn().Close()
	if err := complete(r.ctx, second); err != nil {
		t.Errorf("after a kill %s call %d: %v", at, n, err)
	}
	return outcome(r.ctx, t, r.beside)
}

// complete does what is left of the script.
func complete(ctx context.Context, b *broker.Broker) error {
	switch _, err := b.AppendStatus(ctx, change(1, 0)); {
	case isConflict(err): // the first worker had appended, and may have done everything
		if left, err := waits(ctx, b); err != nil || left {
			return consume(ctx, b)
		}
		if floor, err := b.AckFloor(ctx, broker.StreamWork, pollOptions().Name); err == nil && floor > 0 {
			return nil
		}
	case err != nil:
		return err
	}
	if err := b.Arm(ctx, timer(time.Now().Add(10*time.Second))); err != nil {
		return err
	}
	return consume(ctx, b)
}
