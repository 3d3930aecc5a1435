package consumer

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSweep_IsMadeByOneWorker(t *testing.T) {
	inBubble(t, func(s *stage) {
		for i := range 200 {
			s.begun(fmt.Sprint("p", i))
		}
		time.Sleep(time.Hour)
		slow := s.sweeper("a")
		slow.o.Rate = 5 // three minutes and more: longer than the lease is without being renewed
		type end struct {
			result SweepResult
			err    error
		}
		ended := make(chan end, 1)
		go func() {
			result, err := slow.SweepOnce(s.ctx)
			ended <- end{result, err}
		}()
		for range 5 {
			time.Sleep(30 * time.Second)
			if got, err := s.sweeper("b").SweepOnce(s.ctx); err != nil || !got.Held || got.Timers+got.Payments > 0 {
				s.Errorf("beside a sweep another did %+v, %v", got, err)
			}
		}
		if got := <-ended; got.err != nil || got.result.Missing == 0 {
			s.Errorf("the first did %+v", got)
		}
		if got, err := s.sweeper("b").SweepOnce(s.ctx); err != nil || got.Held {
			s.Errorf("after it the other did %+v, %v", got, err)
		}
	})
}

func TestSweep_IsMadeOncePerInterval_HoweverManyWorkers(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		for i := range 5 {
			s.sweeps(s.sweeper(fmt.Sprint("w", i)))
		}
		time.Sleep(time.Hour + time.Minute + time.Second)
		status, err := s.b.JetStream().Stream(s.ctx, "KV_"+bucketSweep)
		if err != nil {
			s.Fatal(err)
		}
		// One write takes the lease, one gives it back.
		if got := status.CachedInfo().State.LastSeq; got != 2*13 {
			s.Errorf("the lease was written %d times in an hour, want 26", got)
		}
	})
}

// died leaves a lease as a worker does that was killed while it swept.
func (s *stage) died() *lease {
	s.Helper()
	l, err := s.sweeper("dead").lease(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	if held, err := l.take(s.ctx, true); held || err != nil {
		s.Fatalf("no lease: held %t, %v", held, err)
	}
	return l
}

func TestSweep_IsTakenOver_AfterAWorkerDiedInIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.begun("p")
		time.Sleep(time.Hour)
		s.died()
		time.Sleep(leaseTerm - time.Second)
		if got, err := s.sweeper("b").SweepOnce(s.ctx); err != nil || !got.Held {
			s.Fatalf("within the dead worker's lease another did %+v, %v", got, err)
		}
		time.Sleep(time.Second)
		if got, err := s.sweeper("b").SweepOnce(s.ctx); err != nil || got.Missing != 1 {
			s.Errorf("after it another did %+v, %v", got, err)
		}
	})
}

func TestSweep_Ends_WhenItsLeaseIsLost(t *testing.T) {
	inBubble(t, func(s *stage) {
		for i := range 100 {
			s.begun(fmt.Sprint("p", i))
		}
		time.Sleep(time.Hour)
		slow := s.sweeper("a")
		slow.o.Rate = 5
		ended := make(chan error, 1)
		go func() {
			_, err := slow.SweepOnce(s.ctx)
			ended <- err
		}()
		time.Sleep(time.Second)
		l, err := s.sweeper("b").lease(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		if _, err := l.bucket.Put(s.ctx, leaseKey, []byte(`{"schema":1,"worker":"b","until":"2100-01-01T00:00:00Z"}`)); err != nil {
			s.Fatal(err)
		}
		began := time.Now()
		if err := <-ended; !errors.Is(err, errLeaseLost) {
			s.Errorf("the sweep ended with %v", err)
		}
		if took := time.Since(began); took > leaseTerm {
			s.Errorf("it went on for %v", took)
		}
	})
}

func TestSweep_LeavesTheLeaseOfANewerWorkerAlone(t *testing.T) {
	inBubble(t, func(s *stage) {
		l, err := s.sweeper("a").lease(s.ctx)
		if err != nil {
			s.Fatal(err)
		}
		revision, err := l.bucket.Put(s.ctx, leaseKey, []byte(`{"schema":2,"until":["a"]}`))
		if err != nil {
			s.Fatal(err)
		}
		if _, err := s.sweeper("a").SweepOnce(s.ctx); !errors.Is(err, errNewerLease) {
			s.Errorf("the sweep ended with %v", err)
		}
		if entry, err := l.bucket.Get(s.ctx, leaseKey); err != nil || entry.Revision() != revision {
			s.Errorf("the lease was overwritten, %v", err)
		}
	})
}

func FuzzParseLease(f *testing.F) {
	for _, seed := range []string{
		`{"schema":1,"worker":"a","until":"2026-01-02T03:04:05Z","timers":{"next":3,"end":9},"log":{"done":true,"seen":true},"from":4}`,
		`{"schema":2}`, `{}`, `null`, `{"schema":1,"from":-1}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parseLease(value)
		if err == nil && r.Schema != leaseSchema {
			t.Errorf("a record of schema %d is believed", r.Schema)
		}
		if err != nil && !errors.Is(err, errNewerLease) {
			t.Errorf("reading it gave %v, which would keep everybody from sweeping", err)
		}
	})
}
