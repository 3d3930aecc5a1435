package consumer

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

func TestLoopState_IsStuck_WhenAPullBringsNothingAndDoesNotEnd(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.loop(func(context.Context, jetstream.Msg) error { return nil })
		stuck := func() bool { return l.state().Stuck }
		time.Sleep(time.Hour)
		if stuck() {
			t.Error("before it was started")
		}
		l.turning.turns()
		time.Sleep(l.silence() + slack)
		if stuck() {
			t.Error("while its pull may still end")
		}
		time.Sleep(time.Second)
		if !stuck() {
			t.Error("its pull should have ended, and it is not called stuck")
		}
		l.turning.waits()
		time.Sleep(time.Hour)
		if stuck() {
			t.Error("while it waits for a permit")
		}
	})
}

// Hours of nothing to do, and a tap that is closed, are no reason to call a loop stuck.
func TestSet_LoopsTurn_WhileThereIsNothingToDo(t *testing.T) {
	inBubble(t, func(s *stage) {
		set := s.set()
		s.start(set)
		for range 8 {
			time.Sleep(30 * time.Minute)
			loops := set.Loops()
			if len(loops) != 4 {
				t.Fatalf("loops: %+v", loops)
			}
			for _, l := range loops {
				if l.Stuck || l.LeftForNewer != 0 {
					t.Errorf("%+v", l)
				}
			}
		}
	})
}

func TestLiveness_IsOverdue_WhenItDoesNotComeRound(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.set().Liveness(broker.ProvisionOptions{}, 0)
		time.Sleep(time.Hour)
		if l.Health().Overdue {
			t.Error("before it was started")
		}
		l.look(s.ctx)
		time.Sleep(4 * time.Minute)
		if l.Health().Overdue {
			t.Error("4 minutes after a look")
		}
		time.Sleep(3 * time.Minute)
		if !l.Health().Overdue {
			t.Error("7 minutes after a look it is not overdue")
		}
	})
}
