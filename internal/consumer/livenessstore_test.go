package consumer

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
)

// folder finds a folder of the server's store.
func folder(t *testing.T, dir, suffix string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(filepath.ToSlash(path), suffix) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("the store has no folder %s (%v)", suffix, err)
	}
	return found
}

// stall writes into the store of a server that is down that a consumer was given
// everything up to delivered, has nothing in work, and has acknowledged no more than
// floor: what the server makes of a lost state (nats-server store.go,
// encodeConsumerState).
func stall(t *testing.T, dir, stream, consumer string, delivered, floor uint64) {
	t.Helper()
	state := []byte{22, 2} // magic and version
	for _, n := range []uint64{floor, floor, delivered, delivered, 0, 0} {
		state = binary.AppendUvarint(state, n)
	}
	path := filepath.Join(folder(t, dir, "streams/"+stream+"/obs/"+consumer), "o.dat")
	if err := os.WriteFile(path, state, 0o600); err != nil {
		t.Fatal(err)
	}
}

// beforeAndAfter plays before on a server, does something to its store while it is
// down, and plays after on a server with that store, with a stage of its own.
func beforeAndAfter(t *testing.T, before func(*stage), down func(dir string), after func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		e, b := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		before(newStage(t, b))
		b.Conn().Close()
		brokertest.Shutdown(t, e)
		down(dir)
		after(newStage(t, brokertest.Start(t, brokertest.WithDataDir(dir))))
	})
}

// checkStalled makes sure that a test begins with what it is about.
func (s *stage) checkStalled(stream, name string) {
	s.Helper()
	is := s.info(stream, name)
	if is.NumPending != 0 || is.NumAckPending != 0 {
		s.Fatalf("the consumer is not stalled: %+v", is)
	}
}

// The queue holds polls that the consumer does not know of.
func TestLiveness_RebuildsAStalledConsumer_OfAWorkQueue(t *testing.T) {
	var last uint64
	beforeAndAfter(t, func(s *stage) {
		s.provider.tells(t, payment.Pending)
		stop := s.run()
		s.announce(created("p"))
		time.Sleep(time.Minute)
		stop()
		time.Sleep(time.Minute) // its timer fires, and nobody is there
		held := s.messages(broker.StreamWork)
		last = held[len(held)-1].Sequence
	}, func(dir string) {
		stall(t, dir, broker.StreamWork, pollerPrefix+acme, last, 0)
	}, func(s *stage) {
		s.provider.tells(t, payment.Pending)
		_, log, stop := s.alive()
		time.Sleep(3 * time.Second)
		s.checkStalled(broker.StreamWork, pollerPrefix+acme)
		time.Sleep(mended)
		stop()
		if len(s.provider.times("p")) == 0 {
			t.Errorf("the payment is not polled; consumer %+v", s.info(broker.StreamWork, pollerPrefix+acme))
		}
		if len(log.with(`"alarm":true`, string(broker.ProblemStalled))) != 1 || len(log.with("consumer.rebuilt")) != 1 {
			t.Errorf("log: %v", log.with("liveness"))
		}
	})
}

// The consumer was given six events, acknowledged three and has forgotten the rest.
func TestLiveness_RebuildsAStalledConsumer_WhereItStood(t *testing.T) {
	beforeAndAfter(t, func(s *stage) {
		s.endpoint("shop")
		_, _, stop := s.alive()
		for _, id := range []string{"a", "b", "c"} {
			s.begun(id)
			time.Sleep(time.Second)
		}
		time.Sleep(mended)
		stop()
		for _, id := range []string{"d", "e", "f"} {
			s.begun(id)
			time.Sleep(time.Second)
		}
	}, func(dir string) {
		stall(t, dir, broker.StreamStatus, dispatcherName, 6, 3)
	}, func(s *stage) {
		s.endpoint("shop")
		_, _, stop := s.alive()
		time.Sleep(3 * time.Second)
		s.checkStalled(broker.StreamStatus, dispatcherName)
		time.Sleep(mended)
		s.wantHeard("d", "e", "f")
		if c := s.info(broker.StreamStatus, dispatcherName).Config; c.DeliverPolicy != jetstream.DeliverByStartSequencePolicy || c.OptStartSeq != 4 {
			t.Errorf("it began at %v %d, want where the one before it stood", c.DeliverPolicy, c.OptStartSeq)
		}
		s.begun("g")
		time.Sleep(5 * time.Second)
		s.wantHeard("d", "e", "f", "g")
		stop()
	})
}

// A start far behind the end of the stream, on a consumer whose place nobody knows.
func TestLiveness_RebuildsAConsumerAheadOfItsStream(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.begun("a")
		if _, err := s.b.JetStream().CreateConsumer(s.ctx, broker.StreamStatus, jetstream.ConsumerConfig{
			Durable: dispatcherName, FilterSubject: broker.FilterStatus, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1000,
		}); err != nil {
			t.Fatal(err)
		}
		_, log, _ := s.alive()
		s.begun("b")
		time.Sleep(mended)
		s.wantHeard("a", "b")
		if n := len(log.with(`"alarm":true`, string(broker.ProblemAhead))); n != 1 {
			t.Errorf("%d alarms tell of it, want 1", n)
		}
	})
}

// The status stream is restored from a copy with three events, when six were told.
// The next events get numbers that were given before.
func TestLiveness_LosesAndRepeatsNothing_WhenAStreamIsRestored(t *testing.T) {
	dir, older := t.TempDir(), filepath.Join(t.TempDir(), "msgs")
	brokertest.Bubble(t, func(t *testing.T) {
		phase := func(want []string, ids ...string) {
			e, b := brokertest.StartServer(t, brokertest.WithDataDir(dir))
			s := newStage(t, b)
			s.endpoint("shop")
			_, _, stop := s.alive()
			for _, id := range ids {
				s.begun(id)
				time.Sleep(time.Second)
			}
			time.Sleep(mended)
			s.wantHeard(want...)
			if want == nil { // told already, so lost again: it must be found by its place
				s.deleteConsumer(broker.StreamStatus, dispatcherName)
			}
			stop()
			b.Conn().Close()
			brokertest.Shutdown(t, e)
		}
		restore := func(from, to string) {
			if err := os.RemoveAll(to); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
		phase([]string{"a", "b", "c"}, "a", "b", "c")
		messages := folder(t, dir, "streams/"+broker.StreamStatus+"/msgs")
		restore(messages, older)
		phase([]string{"d", "e", "f"}, "d", "e", "f")
		phase(nil)
		restore(older, messages)
		phase([]string{"g", "h"}, "g", "h")
	})
}
