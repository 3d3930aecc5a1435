package consumer

import (
	"sync/atomic"
	"time"
)

// LoopState is how one loop does.
type LoopState struct {
	// Name is that of its consumer.
	Name string
	// Stuck says that it should have asked the broker for messages again long ago, or
	// have found that it can't. Only a new process helps it.
	Stuck bool
	// LeftForNewer counts how often a message was handed back because a newer version
	// than this one wrote it, or what it builds upon. Each message counts again when
	// it comes back, which it does every 5 min in the end.
	LeftForNewer uint64
}

// turning is what a loop tells of itself.
type turning struct {
	// pulling is since when a pull brings nothing, in nanoseconds; 0: the loop waits
	// for a consumer, a permit or its start, which may take as long as an outage does.
	pulling      atomic.Int64
	leftForNewer atomic.Uint64
}

// waits says that the loop asks for no messages now, and need not.
func (t *turning) waits() { t.pulling.Store(0) }

// turns says that a pull began, or brought something.
func (t *turning) turns() { t.pulling.Store(time.Now().UnixNano()) }

// slack is how much longer than its silence a pull may take to end.
const slack = 2 * time.Minute

func (l *loop[P]) state() LoopState {
	since := l.turning.pulling.Load()
	return LoopState{
		Name: l.name, Stuck: since != 0 && time.Since(time.Unix(0, since)) > l.silence()+slack,
		LeftForNewer: l.turning.leftForNewer.Load(),
	}
}

// Loops tells how each loop does.
func (s *Set) Loops() []LoopState {
	all := make([]LoopState, len(s.states))
	for i, state := range s.states {
		all[i] = state()
	}
	return all
}
