package fleet

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/schematest"
)

// leaderless is a bucket that takes no record of a tap.
func leaderless() *troubled {
	refusals := make([]error, 1000)
	for i := range refusals {
		refusals[i] = errors.New("no leader")
	}
	return &troubled{refusals: refusals}
}

func TestFleet_WaitsAsOneAtOnce_ThoughTheBucketHasNoLeader(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.joinOn("a", leaderless()), s.join("b")
		a.call(s.T, guard.Throttled(time.Minute))
		settled()
		b.mustBe(s.T, guard.StateThrottled)
		if ra, rb := a.guard.Snapshot().ReopensAt, b.guard.Snapshot().ReopensAt; !ra.Equal(rb) {
			s.Errorf("they go on at %v and %v", ra, rb)
		}
		time.Sleep(time.Minute)
		a.call(s.T, guard.Success())
		b.call(s.T, guard.Success())
	})
}

// Else each worker of a large fleet would write down what one was told.
func TestFleet_LeavesTheBucket_ToWhoWasTold(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.joinOn("a", leaderless()), s.join("b")
		a.call(s.T, guard.Throttled(time.Minute))
		settled()
		b.mustBe(s.T, guard.StateThrottled)
		if r, _, err := b.read(s.Context(), keyOf(shop)); err != nil || !r.ThrottledUntil.IsZero() {
			s.Errorf("the bucket has %+v, %v, and only who was told could not write", r, err)
		}
		time.Sleep(time.Minute)
		b.call(s.T, guard.Throttled(time.Minute)) // this one is its own to write
		settled()
		if r, _, err := b.read(s.Context(), keyOf(shop)); err != nil || r.ThrottledUntil.IsZero() {
			s.Errorf("the bucket has %+v, %v", r, err)
		}
	})
}

func TestFleet_PassesOverWhatIsNoWord(t *testing.T) {
	inBubble(t, func(s *stage) {
		a, b := s.join("a"), s.join("b")
		for _, junk := range []string{"", "{", `{"schema":2,"throttled_until":"2100-01-01T00:00:00Z"}`, `{"throttled_until":"2100-01-01T00:00:00Z"}`, `{"schema":1,"throttled_until":7}`} {
			s.say(broker.WaitSubject(shop), junk)
		}
		s.say(broker.WaitSubject("nobody's"), `{"schema":1,"throttled_until":"2100-01-01T00:00:00Z"}`)
		settled()
		b.mustBe(s.T, guard.StateClosed)
		// An absurd instant is cut, and what follows is heard again.
		s.say(broker.WaitSubject(shop), `{"schema":1,"throttled_until":"9999-01-01T00:00:00Z"}`)
		settled()
		for _, m := range []*member{a, b} {
			if in := time.Until(m.guard.Snapshot().ReopensAt); in <= 0 || in > guard.LongestThrottle {
				s.Errorf("worker %s goes on in %v", m.worker, in)
			}
		}
		time.Sleep(guard.LongestThrottle)
		a.call(s.T, guard.Throttled(time.Minute))
		settled()
		b.mustBe(s.T, guard.StateThrottled)
	})
}

func (s *stage) say(subject, body string) {
	s.Helper()
	if err := s.b.Conn().Publish(subject, []byte(body)); err != nil {
		s.Fatal(err)
	}
}

func TestSchema_AWordOfTheFirstVersionIsRead(t *testing.T) {
	golden := schematest.Read(t, "testdata/schema/v1/wait.json")
	want := time.Date(2026, 2, 3, 10, 0, 30, 0, time.UTC)
	if got, err := parseWord(golden); err != nil || !got.ThrottledUntil.Equal(want) {
		t.Errorf("read as %+v, %v", got, err)
	}
	schematest.Complete(t, word{}, golden)
	for _, later := range schematest.Newer(t, golden, "schema") {
		if _, err := parseWord(later); err == nil {
			t.Errorf("%s is read as if it were known", later)
		}
	}
}

func FuzzListen(f *testing.F) {
	for _, seed := range []string{`{"schema":1,"throttled_until":"2026-01-02T03:04:05Z"}`, `{"schema":1,"throttled_until":"0001-02-03T00:00:00Z"}`, `{"schema":1}`, `{"schema":2}`, `null`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := guard.New(protection())
		if err != nil {
			t.Fatal(err)
		}
		fleet := New(Options{})
		fleet.Add(shop, g, time.Second)
		fleet.listen(&nats.Msg{Subject: broker.WaitSubject(shop), Data: body})
		if in := time.Until(g.Snapshot().ReopensAt); in > guard.LongestThrottle {
			t.Errorf("shut for %v", in)
		}
		if said := fleet.accounts[keyOf(shop)].said; time.Until(said) > guard.LongestThrottle {
			t.Errorf("nothing is heard until %v", said)
		}
		if heard := fleet.accounts[keyOf(shop)].heardUntil.Load(); heard != 0 && time.Until(time.Unix(0, heard)) < 0 {
			t.Errorf("heard of %v, which is over", time.Unix(0, heard))
		}
	})
}
