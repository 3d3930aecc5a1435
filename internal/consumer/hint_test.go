package consumer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
)

// caller is a teller that calls its payments back by their orders.
type caller struct{ *teller }

func (caller) Aliases(ref payment.Reference) []string {
	aliases := []string{"order:" + ref["order"]}
	if group := ref["group"]; group != "" {
		aliases = append(aliases, "group:"+group)
	}
	return aliases
}

func (caller) ReadCallback(providers.Callback) (providers.Hint, error) {
	return providers.Hint{Aliases: []string{"order:p"}}, nil
}

// calling makes the stage's provider one that calls back, with a floor of 10 s
// and a look every 10 minutes.
func (s *stage) calling() {
	a := s.options.Accounts[0]
	a.Provider = caller{s.provider}
	a.Policy.Floor = 10 * time.Second
	a.Policy.Cadence.Open = []retry.Step{{Until: 72 * time.Hour, Every: 10 * time.Minute}}
}

// takeInReferring lets the intake take a created event with the index switched on.
func (s *stage) takeInReferring(body map[string]any) {
	s.Helper()
	s.announce(body)
	in := s.intake()
	in.references = true
	if err := in.handle(s.ctx, s.nextCreated(), taken()); err != nil {
		s.Fatalf("intake: %v", err)
	}
}

func (s *stage) hinter() *Hinter { return NewHinter(s.b, s.options.Accounts, zerolog.Nop()) }

func (s *stage) hint(aliases ...string) HintResult {
	s.Helper()
	r, err := s.hinter().Hint(s.ctx, acme, aliases)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *stage) timerOf(id string) (broker.ArmedTimer, bool) {
	s.Helper()
	timer, err := s.b.Timer(s.ctx, broker.PollTimer(acme, "m", id))
	return timer, err == nil
}

// rearmed arms the payment's timer for so long from now, as after a look so long ago.
func (s *stage) rearmed(id string, ahead, ago time.Duration) {
	s.Helper()
	timer, ok := s.timerOf(id)
	if !ok {
		s.Fatalf("payment %s has no timer", id)
	}
	w, err := parseWatch(timer.Body)
	if err != nil {
		s.Fatal(err)
	}
	w.Looks = looks{}.add("PENDING", time.Now().Add(-ago))
	w.Planned = ahead + ago
	if err := armAt(s.ctx, s.b, w, time.Now().Add(ahead), nats.Header{}); err != nil {
		s.Fatal(err)
	}
}

func TestIntake_RecordsWhatCallbacksCallAPayment_OnlyWhenTheyAreOn(t *testing.T) {
	for name, row := range map[string]struct {
		on, calls bool
		want      int
	}{
		"callbacks on, the provider calls back": {true, true, 1},
		"callbacks off":                         {false, true, 0},
		"a provider that calls nobody":          {true, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, brokertest.Start(t))
			if row.calls {
				s.calling()
			}
			in := s.intake()
			in.references = row.on
			s.announce(created("p"))
			if err := in.handle(s.ctx, s.nextCreated(), taken()); err != nil {
				t.Fatal(err)
			}
			found, err := s.b.Referred(s.ctx, acme, "order:p")
			if err != nil || len(found) != row.want {
				t.Errorf("found %v, %v; want %d", found, err, row.want)
			}
			if _, ok := s.timerOf("p"); !ok {
				t.Error("the payment has no timer")
			}
		})
	}
}

func TestIntake_WatchesThePayment_WhenItsAliasesCanNotBeRecorded(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.calling()
		if err := s.b.JetStream().DeleteStream(s.ctx, broker.StreamReferences); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		s.takeInReferring(created("p"))
		if _, ok := s.timerOf("p"); !ok || time.Since(began) > 2*recordLimit {
			t.Errorf("after %v the payment has a timer: %t", time.Since(began), ok)
		}
	})
}

// A worker that dies between the first event and the timer leaves both to who
// takes the created event next.
func TestIntake_RecordsAliasesAgain_AfterACrash(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	s.announce(created("p"))
	msg := s.nextCreated()
	c, err := payment.ParseCreated(msg.Data(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in := s.intake()
	in.references = true
	state, first := payment.Begin(c, time.Now())
	if _, _, err := in.begin(s.ctx, first, standing{state: payment.State{Origin: state.Origin}}); err != nil {
		t.Fatal(err)
	}
	if err := in.handle(s.ctx, s.again(msg, s.nextCreated), taken()); err != nil {
		t.Fatal(err)
	}
	if r := s.hint("order:p"); r != (HintResult{Hastened: 1}) {
		t.Errorf("the hint came to %+v", r)
	}
}

func TestHinter_MakesThePollDueNow(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.calling()
		s.takeInReferring(created("p"))
		s.rearmed("p", 10*time.Minute, time.Minute)
		was, _ := s.timerOf("p")
		if r := s.hint("order:p"); r != (HintResult{Hastened: 1}) {
			t.Fatalf("the hint came to %+v", r)
		}
		if _, ok := s.timerOf("p"); ok {
			t.Error("the timer is still there")
		}
		began := time.Now()
		msg := s.next(broker.StreamWork, pollerPrefix+acme, broker.PollDueFilter(acme))
		if wait := time.Since(began); wait > time.Second {
			t.Errorf("it became due after %v", wait)
		}
		if string(msg.Data()) != string(was.Body) || msg.Headers().Get(headerTrigger) != "hint" {
			t.Errorf("due is %s with trigger %q", msg.Data(), msg.Headers().Get(headerTrigger))
		}
		if msg.Headers().Get(headerTrace) != was.Header.Get(headerTrace) {
			t.Error("the trace is lost")
		}
		// The second hint finds the poll on its way.
		if r := s.hint("order:p"); r != (HintResult{Coalesced: 1}) {
			t.Errorf("a second hint came to %+v", r)
		}
		if n := len(s.messages(broker.StreamWork)); n != 1 {
			t.Errorf("%d messages in the work queue, want the due poll alone", n)
		}
	})
}

func TestHinter_KeepsTheTrace(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	s.takeInReferring(created("p"))
	timer, _ := s.timerOf("p")
	w, err := parseWatch(timer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := arm(s.ctx, s.b, w, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"); err != nil {
		t.Fatal(err)
	}
	s.hint("order:p")
	msg := s.next(broker.StreamWork, pollerPrefix+acme, broker.PollDueFilter(acme))
	if got := msg.Headers().Get(headerTrace); !strings.HasPrefix(got, "00-4bf92f35") {
		t.Errorf("trace %q", got)
	}
}

func TestHinter_CoalescesToTheFloor(t *testing.T) {
	for _, row := range []struct {
		name       string
		ahead, ago time.Duration
		want       HintResult
	}{
		{"due long after the floor", 10 * time.Minute, time.Minute, HintResult{Hastened: 1}},
		{"looked just now, due long after the floor: the poller postpones", 10 * time.Minute, time.Second, HintResult{Hastened: 1}},
		{"due when the floor ends", 9 * time.Second, 2 * time.Second, HintResult{Coalesced: 1}},
		{"due a second after the floor ends", 10 * time.Second, 2 * time.Second, HintResult{Coalesced: 1}},
		{"due a moment later", 10*time.Second + time.Millisecond, 2 * time.Second, HintResult{Hastened: 1}},
		{"about to fire", time.Second, time.Minute, HintResult{Coalesced: 1}},
		{"due before the floor ends", time.Second, time.Second, HintResult{Coalesced: 1}},
		{"overdue", -time.Millisecond, time.Minute, HintResult{Coalesced: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(s *stage) { // which begins at a whole second
				s.calling()
				s.takeInReferring(created("p"))
				s.rearmed("p", row.ahead, row.ago)
				if r := s.hint("order:p"); r != row.want {
					t.Errorf("came to %+v, want %+v", r, row.want)
				}
			})
		})
	}
}

// The whole way: a storm of hints for one payment, before and after its looks,
// causes one look per floor, and the next timer stands.
func TestHinter_AndPoller_MakeOneLookPerFloor_HoweverManyHints(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.calling()
		s.provider.tells(t, payment.Pending)
		s.takeInReferring(created("p"))
		s.run()
		for range 500 {
			s.hint("order:p", "order:p", "order:unknown")
			time.Sleep(100 * time.Millisecond)
		}
		times := s.provider.times("p")
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < 10*time.Second {
				t.Errorf("look %d came %v after the one before", i+1, gap)
			}
		}
		if len(times) < 4 || len(times) > 6 {
			t.Errorf("%d looks in 50 s of hints, want one per floor and second: %v", len(times), times)
		}
		// A look, what postponed it and the next timer: the other hints wrote nothing.
		if written := s.lastSeq(broker.StreamWork); written > uint64(4*len(times)+4) {
			t.Errorf("%d messages were written to the work queue for %d looks", written, len(times))
		}
		time.Sleep(30 * time.Second)
		if timer, ok := s.timerOf("p"); !ok || time.Until(timer.At) < 5*time.Minute {
			t.Errorf("after the storm the timer is %+v, %t", timer, ok)
		}
	})
}

// A hint between the timer's arming and its firing tells of a change within a
// moment, and the event says why.
func TestHinter_AndPoller_TellAChangeThatTheTimerWouldHaveFoundLater(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.calling()
		s.provider.tells(t, payment.Pending, payment.Succeeded)
		s.takeInReferring(created("p"))
		s.run()
		time.Sleep(11 * time.Minute) // the first look, which finds it pending
		began := time.Now()
		s.hint("order:p")
		time.Sleep(2 * time.Second)
		events := s.events()
		if last := events[len(events)-1]; last.Status != payment.Succeeded || last.ObservedAt.Sub(began) > time.Second || last.Trigger != payment.TriggerHint {
			t.Errorf("the last event is %s by %q, %v after the hint", last.Status, last.Trigger, last.ObservedAt.Sub(began))
		}
	})
}

func TestHinter_DoesNothing_WhereNobodyIsMeant(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	s.takeInReferring(created("p"))
	for name, aliases := range map[string][]string{"an unknown alias": {"order:other"}, "a wildcard": {"*", ">", ""}, "none": nil} {
		if r := s.hint(aliases...); r != (HintResult{}) {
			t.Errorf("%s came to %+v", name, r)
		}
	}
	if _, err := s.hinter().Hint(s.ctx, "other", []string{"order:p"}); err == nil {
		t.Error("an account that is not configured is taken")
	}
	if timer, ok := s.timerOf("p"); !ok || timer.Header.Get(headerTrigger) != "" {
		t.Error("the payment's timer was touched")
	}
}

func TestHinter_HastensEveryPaymentOfAnAlias_ButNoCrowd(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	group := func(n int, name string) {
		for i := range n {
			body := created(fmt.Sprint(name, i))
			body["reference"] = map[string]string{"order": fmt.Sprint(name, i), "group": name}
			s.takeInReferring(body)
		}
	}
	group(mostHinted, "few")
	group(mostHinted+1, "many")
	// A payment that is named twice counts once.
	if r := s.hint("group:few", "order:few1", "group:many"); r != (HintResult{Hastened: mostHinted, Crowded: 1}) {
		t.Errorf("came to %+v", r)
	}
	if _, ok := s.timerOf("many0"); !ok {
		t.Error("a payment of the crowd was hastened")
	}
	// More aliases than a provider has are not looked up.
	if r := s.hint(append(slices.Repeat([]string{"x"}, mostAliases), "order:many0")...); r != (HintResult{}) {
		t.Errorf("a long list came to %+v", r)
	}
}

func TestHinter_LeavesATimerItCanNotRead(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	s.takeInReferring(created("p"))
	timer, _ := s.timerOf("p")
	for name, body := range map[string]string{
		"of newer code":      strings.Replace(string(timer.Body), `"schema":1`, `"schema":99`, 1),
		"of another payment": strings.Replace(string(timer.Body), `"payment_id":"p"`, `"payment_id":"q"`, 1),
		"forged":             "x",
	} {
		err := s.b.Arm(s.ctx, broker.Timer{
			Subject: broker.PollTimer(acme, "m", "p"), Target: broker.PollDue(acme, "m", "p"), At: time.Now().Add(time.Hour), Body: []byte(body),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := s.hint("order:p"); r != (HintResult{Left: 1}) {
			t.Errorf("a timer %s came to %+v", name, r)
		}
		if now, ok := s.timerOf("p"); !ok || string(now.Body) != body {
			t.Errorf("a timer %s was changed", name)
		}
	}
}

func TestHinter_SaysSo_WhenTheBrokerCanNotBeAsked(t *testing.T) {
	s := newStage(t, brokertest.Start(t))
	s.calling()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if r, err := s.hinter().Hint(ctx, acme, []string{"order:p"}); err == nil || strings.Contains(err.Error(), "order:p") {
		t.Errorf("came to %+v, %v; want an error without the alias", r, err)
	}
}

// BenchmarkIntakeReferring is what recording one alias of each payment costs the
// intake: 64 created events are in hand at a time.
func BenchmarkIntakeReferring(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("references=%t", on), func(b *testing.B) {
			onBrokers(b, func(s *stage, n int) {
				s.calling()
				in := s.intake()
				in.references = on
				s.publishAll(n, func(i int) *nats.Msg {
					body, err := json.Marshal(created(fmt.Sprint("p", i)))
					if err != nil {
						b.Fatal(err)
					}
					return &nats.Msg{Subject: broker.CreatedSubject("m", "any"), Data: body}
				})
				b.ResetTimer()
				s.takeInAll(in, n)
			})
		})
	}
}

// takeInAll lets 64 hands take in n created events.
func (s *stage) takeInAll(in *intake, n int) {
	s.Helper()
	c, err := s.b.Consumer(s.ctx, broker.ConsumerOptions{
		Stream: broker.StreamPayments, Name: intakeName, Filter: broker.FilterCreated, AckWait: s.options.AckWait, MaxAckPending: mostUnacknowledged,
	})
	if err != nil {
		s.Fatal(err)
	}
	var hands errgroup.Group
	hands.SetLimit(64)
	for n > 0 {
		batch, err := c.Fetch(min(n, 64))
		if err != nil {
			s.Fatal(err)
		}
		for msg := range batch.Messages() {
			n--
			hands.Go(func() error { return in.handle(s.ctx, msg, taken()) })
		}
	}
	if err := hands.Wait(); err != nil {
		s.Fatal(err)
	}
}
