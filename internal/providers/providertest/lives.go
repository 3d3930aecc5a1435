package providertest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
)

// watched is a payment whose life is followed.
type watched struct {
	sandbox.Payment
	query providers.Query
	state payment.State
	// told are the words that the provider told, repeats left out.
	told []sandbox.Word
	// over: the end of the life was told.
	over bool
}

// livesInVirtualTime follows every life in a bubble, where no stage can be
// missed: the shortest lasts three eighths of a step, and each payment is asked
// five times in one.
func (s Subject) livesInVirtualTime(t *testing.T, o sandbox.Options) {
	synctest.Test(t, func(t *testing.T) {
		o.Step = time.Second
		w := s.inMemory(t, o)
		lives := s.follow(t, w, func() { time.Sleep(o.Step / 5) })
		if o.Faults != sandbox.FaultsNone {
			checkFaults(t, w)
			return
		}
		for _, v := range lives {
			if v.Reference["kind"] == "qr" {
				continue // one word for all that is before the end
			}
			var want []sandbox.Word
			for _, life := range sandbox.Lives() {
				if life.Name == v.Life {
					for _, stage := range life.Stages(s.Provider) {
						want = append(want, stage.Word)
					}
				}
			}
			if !slices.Equal(v.told, want) {
				t.Errorf("%s was told as %v, want %v", v.Life, v.told, want)
			}
		}
	})
}

// livesOverSockets follows every life in real time, as fast as it goes. A stage
// may pass unseen there.
func (s Subject) livesOverSockets(t *testing.T, o sandbox.Options) {
	o.Step = 40 * time.Millisecond
	w := s.onSockets(t, o)
	s.follow(t, w, func() {})
	if o.Faults != sandbox.FaultsNone {
		checkFaults(t, w)
	}
}

func checkFaults(t *testing.T, w *world) {
	t.Helper()
	if !slices.ContainsFunc(w.sandbox.Asked(), func(a sandbox.Ask) bool { return a.Fault != "" }) {
		t.Error("nothing went wrong, so nothing was tested")
	}
}

// follow polls payments of every life until the end of each was told, and
// judges every poll.
func (s Subject) follow(t *testing.T, w *world, pause func()) []*watched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all []*watched
	for _, made := range w.create(t, 3) {
		q := question(t, made)
		state, _ := payment.Begin(payment.Created{ID: made.ID, PaymentID: made.ID, MerchantID: "m-1", Account: s.Provider, Expected: q.Expected, CreatedAt: made.Created}, made.Created)
		all = append(all, &watched{Payment: made, query: q, state: state})
	}
	for open := slices.Clone(all); len(open) > 0; pause() {
		for _, v := range open {
			s.look(ctx, t, w, v)
		}
		open = slices.DeleteFunc(open, func(v *watched) bool { return v.over })
		if ctx.Err() != nil || t.Failed() {
			t.Fatalf("%d lives were not followed to their end, such as %+v", len(open), open)
		}
	}
	return all
}

// look polls once and judges what came of it by what the simulator really did.
func (s Subject) look(ctx context.Context, t *testing.T, w *world, v *watched) {
	t.Helper()
	truth := w.sandbox.Truth(s.Provider, v.Reference)
	before := len(w.sandbox.Asked())
	obs, err := w.adapter.Poll(ctx, v.query)
	w.checkPoll(t, v.query, obs, err)
	asks := w.sandbox.Asked()[before:]
	if len(asks) == 0 {
		t.Fatalf("%s: nobody was asked, and the poll gave %+v, %v", v.Life, obs, err)
	}
	last := asks[len(asks)-1]
	for i, ask := range asks {
		if !ask.Credential && ask.Refused == "" && i < len(asks)-1 {
			t.Errorf("%s: asked again after an answer: %+v", v.Life, asks)
		}
	}
	if problem := s.judge(last, v, obs, err); problem != "" {
		t.Errorf("%s (%v): %s\nwhat the provider did: %+v\nwhat the poll gave: %+v, %v", v.Life, v.Reference, problem, last, obs, err)
	}
	if last.Told != "" && (len(v.told) == 0 || v.told[len(v.told)-1] != last.Told) {
		v.told = append(v.told, last.Told)
	}
	v.over = truth.Ended && last.Told == truth.Word
	if err == nil {
		s.apply(t, v, obs)
	}
}

// apply takes an observation as the worker does: the first number that the
// provider names for itself is bound, and no look may take back what an earlier
// one said.
func (s Subject) apply(t *testing.T, v *watched, obs payment.Observation) {
	t.Helper()
	if v.query.Bound == "" {
		v.query.Bound = obs.ProviderReference
	}
	v.query.Last = obs.Status
	move, event := payment.Apply(v.state, payment.Look{Observation: obs, Trigger: payment.TriggerPoll, At: time.Now()})
	switch move {
	case payment.Changed:
		v.state.Last = event.Data
	case payment.Regressed:
		t.Errorf("%s: after %+v this is a step back: %+v", v.Life, v.state.Last, obs)
	}
}
