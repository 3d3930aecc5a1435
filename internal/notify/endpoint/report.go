package endpoint

import (
	"context"
	"time"

	"reconciler/internal/notify"
)

// Report tells what followed from an attempt that ended just now. Where that is
// no news, nearly always, it asks nobody. Where it is, the new state is written
// and its events are published before Report returns, within some seconds, or
// later by any worker that runs. It never fails: what could not be written is
// news again with the next attempt.
func (l *Live) Report(ctx context.Context, merchant, id string, action notify.Action) {
	l.report(ctx, name{merchant, id}, OutcomeOf(action), time.Now().UTC())
}

func (l *Live) report(ctx context.Context, of name, o Outcome, at time.Time) {
	e := l.find(of)
	if e == nil {
		return
	}
	if o == Succeeded {
		later(e.success, at.UnixNano())
	}
	if _, _, moves := e.state.After(o, at, l.after); !moves {
		return
	}
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	is, moved, err := l.store.transit(limited, of, func(was State) (State, []Event, bool, error) {
		if o == Failed && after(e.success.Load(), was.FailingSince) {
			// Somebody else has not heard yet that an attempt of ours succeeded.
			next, events, _ := was.After(Succeeded, at, l.after)
			return next, events, true, nil
		}
		next, events, moved := was.After(o, at, l.after)
		return next, events, moved, nil
	})
	l.takeState(of, is)
	if moved {
		err = l.settleOne(limited, of, is)
	}
	if moved || err != nil {
		l.told(of, e.state, is.State, err)
	}
}

// later raises an instant, never lowers it.
func later(mark interface {
	Load() int64
	CompareAndSwap(old, fresh int64) bool
}, to int64) {
	for was := mark.Load(); was < to; was = mark.Load() {
		if mark.CompareAndSwap(was, to) {
			return
		}
	}
}

// after reports whether a success came after the failures are said to have begun.
func after(success int64, since time.Time) bool {
	return success > 0 && !since.IsZero() && success > since.UnixNano()
}

// told logs a transition, or why it could not be made.
func (l *Live) told(of name, was, is State, err error) {
	line := l.log.Info()
	switch {
	case err != nil:
		line = l.log.Warn().Err(err)
	case was.On() && !is.On():
		line = l.log.Error().Bool("alarm", true)
	case is.Told > 0:
		line = l.log.Warn()
	}
	line = line.Str("event", "endpoint.state").Str("merchant", of.merchant).Str("endpoint", of.id).
		Str("reason", string(is.Reason)).Int("told", is.Told)
	if !is.FailingSince.IsZero() {
		line = line.Time("failing_since", is.FailingSince)
	}
	if err != nil {
		line.Msg("how an endpoint stands could not be written or told whole")
		return
	}
	line.Bool("on", is.On()).Msg("an endpoint stands otherwise now")
}

func (l *Live) settleOne(ctx context.Context, of name, is held) error {
	if len(is.Owed) == 0 {
		return nil
	}
	is, err := l.store.settle(ctx, of)
	l.takeState(of, is)
	return err
}

// settleOwed publishes what somebody owes who does not come to it.
func (l *Live) settleOwed(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	for of, is := range l.overdue(time.Now()) {
		if err := l.settleOne(limited, of, is); err != nil {
			l.log.Warn().Err(err).Str("merchant", of.merchant).Str("endpoint", of.id).Msg("the events of an endpoint could not be published, trying again")
		}
	}
}

func (l *Live) overdue(now time.Time) map[name]held {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[name]held{}
	for of, is := range l.known.states {
		if len(is.Owed) > 0 && now.Sub(is.Owed[len(is.Owed)-1].At) >= grace {
			found[of] = is
		}
	}
	return found
}

// contradict takes back a failure that another worker wrote down, where an
// attempt from here has succeeded since: the success was no news when it came.
func (l *Live) contradict(ctx context.Context, of name) {
	if e := l.find(of); e != nil && after(e.success.Load(), e.state.FailingSince) {
		l.report(ctx, of, Succeeded, time.Now().UTC())
	}
}

// contradictAll does so for what was written while nothing was heard.
func (l *Live) contradictAll(ctx context.Context) {
	for merchant, entries := range l.snapshot.Load().merchants {
		for _, e := range entries {
			l.contradict(ctx, name{merchant, e.id})
		}
	}
}
