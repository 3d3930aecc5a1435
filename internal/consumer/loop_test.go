package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// worked is what a loop's handler was given.
type worked struct {
	mu sync.Mutex
	at map[string][]time.Time
}

func (w *worked) add(msg jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		w.at = map[string][]time.Time{}
	}
	w.at[string(msg.Data())] = append(w.at[string(msg.Data())], time.Now())
}

func (w *worked) times(body string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Time(nil), w.at[body]...)
}

func (w *worked) bodies() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// loop makes a loop over the created events, with 4 places and an ack wait of
// ten hours: what is lost on the way does not come again in a test.
func (s *stage) loop(handle func(context.Context, jetstream.Msg) error) *loop[slot] {
	s.options.AckWait = 10 * time.Hour
	return &loop[slot]{
		name: intakeName, gate: newSlots(4), batch: 4, wait: time.Minute, ackWait: s.options.AckWait, log: s.options.Log,
		consumer: lookup(s.options, intakeSpec()),
		handle: func(ctx context.Context, msg jetstream.Msg, p slot) error {
			defer p.Return()
			return handle(ctx, msg)
		},
	}
}

// finish acknowledges a message, after noting it down.
func finish(w *worked) func(context.Context, jetstream.Msg) error {
	return func(_ context.Context, msg jetstream.Msg) error {
		w.add(msg)
		return acknowledge(msg)
	}
}

// play runs a loop until the test ends or stop is called.
func (s *stage) play(l *loop[slot]) (stop, cut func()) {
	pull, end := context.WithCancel(context.Background())
	work, cut := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(pull, work)
	}()
	stop = func() { end(); <-done }
	s.Cleanup(func() { end(); cut(); <-done })
	return stop, cut
}

func (s *stage) publish(bodies ...string) {
	s.Helper()
	for _, body := range bodies {
		s.announce([]byte(body))
	}
}

// Six messages at four places: two are finished by the stop, two are cut short,
// two were never taken. Another worker gets those four, and soon.
func TestLoop_HandsBackWhatItDoesNotFinish(t *testing.T) {
	inBubble(t, func(s *stage) {
		first, second := &worked{}, &worked{}
		finishing := make(chan struct{})
		stop, cut := s.play(s.loop(func(ctx context.Context, msg jetstream.Msg) error {
			first.add(msg)
			if string(msg.Data()) < "2" {
				<-finishing
				return acknowledge(msg)
			}
			<-ctx.Done()
			return ctx.Err()
		}))
		s.publish("0", "1", "2", "3", "4", "5")
		synctest.Wait()
		if n := first.bodies(); n != 4 {
			t.Fatalf("%d messages in hand, want 4", n)
		}
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		synctest.Wait()
		close(finishing)
		synctest.Wait()
		select {
		case <-stopped:
			t.Fatal("it stopped with messages in hand")
		default:
		}
		cut()
		<-stopped
		began := time.Now()
		s.play(s.loop(finish(second)))
		time.Sleep(5 * time.Second)
		for _, body := range []string{"2", "3", "4", "5"} {
			if at := second.times(body); len(at) != 1 || at[0].Sub(began) > 3*time.Second {
				t.Errorf("message %s was worked on at %v", body, at)
			}
		}
		if n := second.bodies(); n != 4 {
			t.Errorf("%d messages came again, want 4", n)
		}
	})
}

// The broker goes on sending until it hears of the stop. What is on its way then
// is handed back too.
func TestLoop_LosesNothingOnTheWay_WhenItStops(t *testing.T) {
	inBubble(t, func(s *stage) {
		const messages = 400
		for i := range messages {
			s.publish(fmt.Sprint(i))
		}
		w := &worked{}
		for i := range 20 { // workers that stop in the midst of it
			var seen atomic.Int64
			stopping := make(chan struct{})
			l := s.loop(func(ctx context.Context, msg jetstream.Msg) error {
				if seen.Add(1) == int64(1+i%5) {
					close(stopping)
				}
				return finish(w)(ctx, msg)
			})
			l.gate, l.batch = newSlots(16), 16
			stop, _ := s.play(l)
			select {
			case <-stopping:
			case <-time.After(time.Second): // the others were quicker, nothing is left
			}
			stop()
		}
		s.play(s.loop(finish(w)))
		time.Sleep(time.Minute)
		if n := w.bodies(); n != messages {
			t.Errorf("%d of %d messages were worked on", n, messages)
		}
		if n := s.info(broker.StreamPayments, intakeName).NumAckPending; n != 0 {
			t.Errorf("%d messages were lost on the way", n)
		}
	})
}

// A message that panics in the handler, or fails for ever, comes again ever more
// seldom; more of them than there are places delay nobody.
func TestLoop_LetsPoisonRest(t *testing.T) {
	inBubble(t, func(s *stage) {
		w := &worked{}
		s.play(s.loop(func(_ context.Context, msg jetstream.Msg) error {
			w.add(msg)
			switch {
			case string(msg.Data()) == "panic":
				panic("nobody thought of this")
			case string(msg.Data()) < "a":
				return errors.New("can't")
			}
			return acknowledge(msg)
		}))
		s.publish("panic")
		for i := range 100 {
			s.publish(fmt.Sprint(i))
		}
		began := time.Now()
		s.publish("good")
		time.Sleep(time.Hour)
		if at := w.times("good"); len(at) != 1 || at[0].Sub(began) > time.Second {
			t.Errorf("the good message was worked on at %v", at)
		}
		at := w.times("panic")
		if len(at) < 15 || len(at) > 25 {
			t.Errorf("the poison came %d times in an hour", len(at))
		}
		for i, want := 1, 2*time.Second; i < len(at); i, want = i+1, min(2*want, 5*time.Minute) {
			if rest := at[i].Sub(at[i-1]); rest < want || rest > want+time.Second {
				t.Errorf("delivery %d came after %v, want %v", i+1, rest, want)
			}
		}
	})
}

// What a poller failed on may have been asked about: it rests for the floor.
func TestLoop_RestsForAtLeastItsOwnLeastTime(t *testing.T) {
	inBubble(t, func(s *stage) {
		w := &worked{}
		l := s.loop(func(_ context.Context, msg jetstream.Msg) error {
			w.add(msg)
			return errors.New("can't")
		})
		l.rest = 30 * time.Second
		s.play(l)
		s.publish("poison")
		time.Sleep(59 * time.Second)
		if n := len(w.times("poison")); n != 2 {
			t.Errorf("%d deliveries in 59 s, want 2", n)
		}
	})
}

// It was held up, and another one works on the message by now: a third would only
// get in the way.
func TestLoop_LeavesAMessage_ThatAnotherHasByNow(t *testing.T) {
	inBubble(t, func(s *stage) {
		var w worked
		l := s.loop(func(_ context.Context, msg jetstream.Msg) error {
			w.add(msg)
			again := redelivered(msg)
			time.Sleep(12 * time.Second)
			if again {
				return acknowledge(msg)
			}
			return errors.New("no answer")
		})
		s.options.AckWait = 10 * time.Second
		l.consumer, l.ackWait = lookup(s.options, intakeSpec()), s.options.AckWait
		s.play(l)
		s.publish("held up")
		time.Sleep(18 * time.Second)
		if n := len(w.times("held up")); n != 2 {
			t.Errorf("%d have the message, want 2", n)
		}
	})
}

// After a step back to older code, all that newer code wrote waits for its
// return; nobody else does.
func TestLoops_ServeTheOthers_WhileManyMessagesWaitForNewerCode(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		for i := range 600 { // more than 64 workers would ever have in hand
			s.newer(fmt.Sprint("newer", i))
		}
		s.run()
		time.Sleep(time.Minute)
		began := time.Now()
		s.begun("p")
		time.Sleep(time.Minute)
		got := s.shop.deliveries("shop")
		if len(got) != 1 || got[0].at.Sub(began) > time.Second {
			t.Errorf("deliveries %+v", got)
		}
	})
}

func TestLoop_FindsItsConsumerAgain_WhenItWasDeleted(t *testing.T) {
	inBubble(t, func(s *stage) {
		w := &worked{}
		s.play(s.loop(finish(w)))
		s.publish("before")
		synctest.Wait()
		if err := s.b.JetStream().DeleteConsumer(s.ctx, broker.StreamPayments, intakeName); err != nil {
			t.Fatal(err)
		}
		s.publish("after")
		began := time.Now()
		time.Sleep(time.Minute)
		if at := w.times("after"); len(at) == 0 || at[0].Sub(began) > 5*time.Second {
			t.Errorf("the message after it was worked on at %v", at)
		}
	})
}

// The broker is down for five minutes while each loop has messages in hand.
func TestLoops_GoOn_AfterTheBrokerWasRestarted(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		first, _ := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		var server atomic.Pointer[broker.Embedded]
		server.Store(first)
		conn, err := broker.Connect(t.Context(), broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: dialer{&server}}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		b, err := broker.New(t.Context(), broker.Options{Conn: conn})
		if err != nil {
			t.Fatal(err)
		}
		s := newStage(t, b)
		var down atomic.Bool
		s.provider.does(func(n int, _ providers.Query) (payment.Observation, error) {
			if n == 3 && down.CompareAndSwap(false, true) {
				brokertest.Shutdown(t, first)
			}
			return saw(t, []payment.Status{payment.Pending, payment.Pending, payment.Succeeded}[min(n, 3)-1], noon).observation, nil
		})
		s.endpoint("shop")
		for i := range 20 {
			s.announce(created(fmt.Sprint("p", i)))
		}
		s.run()
		time.Sleep(5 * time.Minute)
		if !down.Load() {
			t.Fatal("the broker was not stopped")
		}
		second, _ := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		server.Store(second)
		time.Sleep(5 * time.Minute)
		versions := map[string]int{}
		for _, d := range s.events() {
			versions[d.PaymentID]++
			if d.Version != versions[d.PaymentID] {
				t.Errorf("%s: version %d follows %d", d.PaymentID, d.Version, versions[d.PaymentID]-1)
			}
		}
		for i := range 20 {
			id := fmt.Sprint("p", i)
			if versions[id] != 2 {
				t.Errorf("%s has %d versions, want 2", id, versions[id])
			}
			if _, _, ok := s.armed(id); !ok {
				t.Errorf("%s has no timer", id)
			}
		}
		told := map[string]bool{}
		for _, d := range s.shop.deliveries("shop") {
			told[fmt.Sprint(d.data.PaymentID, d.data.Version)] = true
		}
		if len(told) != 40 {
			t.Errorf("%d of 40 events reached the merchant", len(told))
		}
		conn.Close()
	})
}

// dialer connects to whichever server runs.
type dialer struct {
	to *atomic.Pointer[broker.Embedded]
}

func (d dialer) Dial(string, string) (net.Conn, error) { return d.to.Load().InProcessConn() }
