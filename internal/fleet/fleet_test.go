package fleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
)

const shop = "shop-account"

// member is a worker of the fleet with one account.
type member struct {
	*Fleet
	guard *guard.Guard
	stop  func()
}

// stage is a broker and the workers on it.
type stage struct {
	*testing.T
	b *broker.Broker
}

func inBubble(t *testing.T, run func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) {
		run(&stage{T: t, b: brokertest.Start(t)})
	})
}

func protection() guard.Options {
	return guard.Options{
		Name: shop, Rate: 8000, Burst: 8000, Concurrency: 64, TimeLimit: 10 * time.Second, Consecutive: 3,
		Reopen: []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}, Ramp: 90 * time.Second,
	}
}

// join starts a worker.
func (s *stage) join(name string) *member {
	s.Helper()
	return s.joinOn(name, nil)
}

// joinOn starts a worker that talks through a bucket, if one is given.
func (s *stage) joinOn(name string, through *troubled) *member {
	s.Helper()
	m := &member{Fleet: New(Options{Broker: s.b, Worker: name, Log: zerolog.Nop()})}
	o := protection()
	o.OnChange, o.OnProlonged = func(guard.Change) { m.Changed() }, m.Changed
	var err error
	if m.guard, err = guard.New(o); err != nil {
		s.Fatal(err)
	}
	m.Add(shop, m.guard, o.TimeLimit)
	if err := m.Join(s.Context()); err != nil {
		s.Fatal(err)
	}
	if through != nil {
		through.KeyValue, m.bucket = m.bucket, through
	}
	ctx, end := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	m.stop = func() {
		end()
		<-done
		m.Leave(ctx)
	}
	s.Cleanup(m.stop)
	return m
}

// settled lets what was told arrive everywhere.
func settled() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}

// fail makes calls fail until the breaker opens.
func (m *member) fail(t *testing.T) {
	t.Helper()
	for range 3 {
		m.call(t, guard.Failure())
	}
}

func (m *member) call(t *testing.T, r guard.Result) {
	t.Helper()
	p, _ := m.guard.Ask()
	if p == nil {
		t.Fatalf("no permit in state %v", m.guard.Snapshot().State)
	}
	_, cancel := p.Context(t.Context())
	defer cancel()
	p.Done(r)
}

// probe takes half-open's permit and asks for the lease.
func (m *member) probe(t *testing.T) (*guard.Permit, bool) {
	t.Helper()
	p, again := m.guard.Ask()
	if p == nil {
		t.Fatalf("no permit in state %v, again at %v", m.guard.Snapshot().State, again)
	}
	if !p.Probe() {
		t.Fatalf("the permit is no probe, state %v", m.guard.Snapshot().State)
	}
	granted, err := m.Lease(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	return p, granted
}

func (m *member) mustBe(t *testing.T, want guard.State) {
	t.Helper()
	if got := m.guard.Snapshot().State; got != want {
		t.Errorf("worker %s: the tap is %v, want %v", m.worker, got, want)
	}
}

func TestFleet_StandsStill_WhenOneBreakerOpens(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		held, _ := b.guard.Ask()
		a.fail(s.T)
		settled()
		b.mustBe(s.T, guard.StateOpen)
		if ra, rb := a.guard.Snapshot().ReopensAt, b.guard.Snapshot().ReopensAt; !ra.Equal(rb) {
			s.Errorf("they reopen at %v and %v", ra, rb)
		}
		if ctx, cancel := held.Context(s.Context()); ctx.Err() == nil {
			cancel()
			s.Error("a permit given before may still begin a call")
		}
		held.Done(guard.Unused())
		late := s.join("c")
		late.mustBe(s.T, guard.StateOpen)
		if got := late.guard.Snapshot().Reason; got != "3 failures in a row" {
			s.Errorf("the reason is %q", got)
		}
	})
}

func TestFleet_MakesOneProbe_AndBelievesIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		a.fail(s.T)
		time.Sleep(5 * time.Second)
		first, granted := a.probe(s.T)
		if !granted {
			s.Fatal("the first to ask has no lease")
		}
		second, also := b.probe(s.T)
		if also {
			s.Fatal("two probes at once")
		}
		second.Done(guard.Unused())
		if p, again := b.guard.Ask(); p != nil || time.Until(again) <= 10*time.Second {
			s.Errorf("the other asks again in %v, which is within the probe's time limit", time.Until(again))
		}
		first.Done(guard.Failure())
		settled()
		for _, m := range []*member{a, b} {
			m.mustBe(s.T, guard.StateOpen)
			if in := time.Until(m.guard.Snapshot().ReopensAt); in < 9*time.Second || in > 10*time.Second {
				s.Errorf("worker %s reopens in %v, want the second reopen time", m.worker, in)
			}
		}
		// Next time the other one is first.
		time.Sleep(10 * time.Second)
		second, granted = b.probe(s.T)
		if !granted {
			s.Fatal("the lease of a probe that is over still runs")
		}
		second.Done(guard.Success())
		settled()
		a.mustBe(s.T, guard.StateRamping)
		b.mustBe(s.T, guard.StateRamping)
		fa, ua, _ := a.guard.Ramp()
		fb, ub, _ := b.guard.Ramp()
		if !fa.Equal(fb) || !ua.Equal(ub) {
			s.Errorf("ramps from %v and %v", fa, fb)
		}
	})
}

// A worker that died with the lease blocks the others for the lease's time, not longer.
func TestFleet_ProbesAgain_AfterTheHolderOfTheLeaseDied(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		a.fail(s.T)
		time.Sleep(5 * time.Second)
		if _, granted := a.probe(s.T); !granted {
			s.Fatal("no lease")
		}
		a.stop()
		p, granted := b.probe(s.T)
		if granted {
			s.Fatal("two leases")
		}
		p.Done(guard.Unused())
		time.Sleep(15 * time.Second)
		if _, granted := b.probe(s.T); !granted {
			s.Error("the dead worker's lease never ends")
		}
	})
}

func TestFleet_GrantsOneLease_HoweverManyAskAtOnce(t *testing.T) {
	inBubble(t, func(s *stage) {
		var all []*member
		for i := range 8 {
			all = append(all, s.join(fmt.Sprint("w", i)))
		}
		all[0].fail(s.T)
		settled()
		wait := 5 * time.Second
		for round := range 3 {
			time.Sleep(wait)
			granted := make(chan *guard.Permit, len(all))
			for _, m := range all {
				go func() {
					p, ok := m.probe(s.T)
					if !ok {
						p.Done(guard.Unused())
						p = nil
					}
					granted <- p
				}()
			}
			var probes []*guard.Permit
			for range all {
				if p := <-granted; p != nil {
					probes = append(probes, p)
				}
			}
			if len(probes) != 1 {
				s.Fatalf("round %d: %d leases", round, len(probes))
			}
			probes[0].Done(guard.Failure())
			settled()
			wait = time.Until(all[0].guard.Snapshot().ReopensAt)
		}
	})
}

func TestFleet_WaitsAsOne_AfterARetryAfter(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		a.call(s.T, guard.Throttled(time.Hour))
		settled()
		a.stop()
		b.mustBe(s.T, guard.StateThrottled)
		late := s.join("late")
		for _, m := range []*member{b, late} {
			if in := time.Until(m.guard.Snapshot().ReopensAt); in < time.Hour-time.Second || in > time.Hour {
				s.Errorf("worker %s goes on in %v, want an hour", m.worker, in)
			}
			if m.guard.Snapshot().Opened != 0 {
				s.Errorf("worker %s counts a failure", m.worker)
			}
		}
		time.Sleep(time.Hour)
		b.call(s.T, guard.Success())
	})
}

// A call that was under way is answered last, and told to wait longest.
func TestFleet_WaitsAsOne_WhenALaterAnswerSaysToWaitLonger(t *testing.T) {
	for name, first := range map[string]guard.Result{"after a shorter wait": guard.Throttled(time.Second), "after the breaker opened": guard.Open("credentials")} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				a, b := s.join("a"), s.join("b")
				slow, _ := a.guard.Ask()
				_, cancel := slow.Context(s.Context())
				defer cancel()
				a.call(s.T, first)
				settled()
				slow.Done(guard.Throttled(time.Hour))
				settled()
				for _, m := range []*member{a, b} {
					if in := time.Until(m.guard.Snapshot().ReopensAt); in < time.Hour-time.Second || in > time.Hour {
						s.Errorf("worker %s goes on in %v, want an hour", m.worker, in)
					}
				}
			})
		})
	}
}

func TestFleet_SharesTheLimits(t *testing.T) {
	inBubble(t, func(s *stage) {
		rate := func(m *member, want float64) {
			s.Helper()
			if got := m.guard.Snapshot().Rate; math.Abs(got-want) > 1e-9 {
				s.Errorf("worker %s has %v calls a second, want %v", m.worker, got, want)
			}
		}
		a := s.join("a")
		rate(a, 8000)
		b := s.join("b")
		rate(b, 4000)
		settled()
		rate(a, 4000)
		b.stop()
		settled()
		rate(a, 8000)

		// One that dies without a word is counted until it was silent for long.
		if _, err := a.bucket.Put(s.Context(), workerKeys+"dead", nil); err != nil {
			s.Fatal(err)
		}
		settled()
		rate(a, 4000)
		time.Sleep(gone - heartbeat)
		rate(a, 4000)
		time.Sleep(2 * heartbeat)
		rate(a, 8000)
	})
}

func TestFleet_CarriesOn_WhenItsBucketIsDeleted(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		a.fail(s.T)
		settled()
		if err := s.b.JetStream().DeleteKeyValue(s.Context(), broker.BucketBreakers); err != nil {
			s.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // heartbeats notice
		p, granted := b.probe(s.T)
		if !granted {
			s.Fatal("no lease in the new bucket")
		}
		p.Done(guard.Success())
		settled()
		a.mustBe(s.T, guard.StateRamping)
		if in := a.guard.Snapshot().Rate; in > 4000 {
			s.Errorf("%v calls a second, though there are two workers", in)
		}
	})
}

func TestFleet_LeavesTheRecordOfANewerWorkerAlone(t *testing.T) {
	inBubble(t, func(s *stage) {
		a := s.join("a")
		newer := []byte(`{"schema":2,"epoch":"forty"}`)
		if _, err := a.bucket.Put(s.Context(), keyOf(shop), newer); err != nil {
			s.Fatal(err)
		}
		a.fail(s.T)
		settled()
		time.Sleep(5 * time.Second)
		if _, err := a.Lease(s.Context(), shop); !errors.Is(err, errNewer) {
			s.Errorf("asking for the lease gave %v", err)
		}
		if got, err := a.bucket.Get(s.Context(), keyOf(shop)); err != nil || string(got.Value()) != string(newer) {
			s.Errorf("the record was overwritten: %v", err)
		}
	})
}

func TestFleet_OverwritesWhatIsNoRecord(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		for _, junk := range []string{"", "{}", "[1", `{"schema":1,"epoch":"x"}`} {
			if _, err := a.bucket.Put(s.Context(), keyOf(shop), []byte(junk)); err != nil {
				s.Fatal(err)
			}
		}
		a.fail(s.T)
		settled()
		b.mustBe(s.T, guard.StateOpen)
	})
}

func TestFleet_LeaseGivesUp_WhenTheBrokerDoesNotAnswer(t *testing.T) {
	inBubble(t, func(s *stage) {
		a := s.join("a")
		a.fail(s.T)
		time.Sleep(5 * time.Second)
		a.stop() // nobody answers any more
		if _, err := a.Lease(s.Context(), shop); !errors.Is(err, context.DeadlineExceeded) {
			s.Errorf("asking for the lease gave %v", err)
		}
		if _, err := a.bucket.Get(s.Context(), workerKeys+"a"); !errors.Is(err, jetstream.ErrKeyNotFound) {
			s.Errorf("a worker that left is still counted: %v", err)
		}
	})
}

// troubled is a bucket that refuses the first writes of a tap's record.
type troubled struct {
	jetstream.KeyValue
	refusals []error
}

func (b *troubled) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if len(b.refusals) > 0 && key == keyOf(shop) {
		err := b.refusals[0]
		b.refusals = b.refusals[1:]
		return 0, err
	}
	return b.KeyValue.Update(ctx, key, value, revision)
}

// A replicated bucket says in words of its own that somebody else's write is under way.
func TestFleet_TellsTheOthers_WhenAnothersWriteIsUnderWay(t *testing.T) {
	inBubble(t, func(s *stage) {
		underWay := &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequenceConstant}
		bucket := &troubled{refusals: []error{underWay, fmt.Errorf("%w: %w", underWay, jetstream.ErrKeyRevisionMismatch)}}
		a, b := s.joinOn("a", bucket), s.join("b")
		a.fail(s.T)
		settled()
		b.mustBe(s.T, guard.StateOpen)
		if len(bucket.refusals) > 0 {
			s.Error("nothing was refused")
		}
	})
}

func TestFleet_TellsTheOthersSoon_WhatItCouldNotTell(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.joinOn("a", &troubled{refusals: []error{errors.New("no leader"), errors.New("no leader")}}), s.join("b")
		a.fail(s.T)
		time.Sleep(retold)
		settled()
		b.mustBe(s.T, guard.StateClosed)
		time.Sleep(retold)
		settled()
		b.mustBe(s.T, guard.StateOpen)
	})
}

// cutShort is a bucket whose first watch ends before it has told anything.
type cutShort struct {
	jetstream.KeyValue
	cut bool
}

func (b *cutShort) WatchAll(ctx context.Context, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	if b.cut {
		return b.KeyValue.WatchAll(ctx, opts...)
	}
	b.cut = true
	return ended{}, nil
}

// ended is a watch that has ended.
type ended struct{ jetstream.KeyWatcher }

func (ended) Updates() <-chan jetstream.KeyValueEntry {
	none := make(chan jetstream.KeyValueEntry)
	close(none)
	return none
}

func (ended) Stop() error { return nil }

// A server that dies takes its watches with it: who joins just then hears the others
// all the same.
func TestFleet_HearsAllWhoAreThere_ThoughItsFirstWatchEnds(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.join("a").fail(s.T)
		settled()
		late := New(Options{Broker: s.b, Worker: "b", Log: zerolog.Nop()})
		if err := late.open(s.Context()); err != nil {
			s.Fatal(err)
		}
		late.bucket = &cutShort{KeyValue: late.bucket}
		if all, err := late.hearAll(s.Context()); all || err != nil {
			s.Errorf("a watch that ended told all: %t, %v", all, err)
		}
		if all, err := late.hearAll(s.Context()); !all || err != nil || len(late.seen) == 0 {
			s.Errorf("the next one: %t, %v, %d others", all, err, len(late.seen))
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	for _, seed := range []string{
		`{"schema":1,"epoch":3,"open":true,"rung":2,"reopen_at":"2026-01-02T03:04:05Z","probe":{"worker":"a","until":"2026-01-02T03:04:05Z"}}`,
		`{"schema":2}`, `{}`, `null`, `{"schema":1,"rung":-1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parseRecord(value)
		if err != nil {
			return
		}
		g, err := guard.New(protection())
		if err != nil {
			t.Fatal(err)
		}
		g.Adopt(r.standing()) // whatever it says, the tap opens again by itself
		s := g.Snapshot()
		if longest := 6*time.Hour + time.Minute; time.Until(s.ReopensAt) > longest {
			t.Errorf("shut for %v", time.Until(s.ReopensAt))
		}
	})
}
