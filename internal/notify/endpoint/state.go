package endpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/notify"
)

// Status says whether an endpoint is told anything: a closed set.
type Status string

// The statuses. What a disabled or paused endpoint misses is kept as skipped.
const (
	Enabled  Status = "enabled"
	Disabled Status = "disabled"
	// Paused is disabled for a while, by a person who means to come back.
	Paused Status = "paused"
)

// Reason is why an endpoint is not enabled: a closed set.
type Reason string

// The reasons.
const (
	ByOperator Reason = "operator"
	// Gone: the receiver answered 410.
	Gone Reason = "gone"
	// Failing: nothing but failures for as long as is allowed.
	Failing Reason = "failing"
)

// stateSchema is the version of a state's value. Version 1 is what State shows.
// A reader leaves a newer one alone, and takes its endpoint for disabled unless
// the value says "enabled": what it misses is kept, what is sent can't be undone.
const stateSchema = 1

// State is how one endpoint stands. The zero value is an endpoint of which
// nothing bad is known: nothing is written for it.
type State struct {
	Schema int    `json:"schema"`
	Status Status `json:"status"`
	// Since is when the status began; Reason is set unless it is Enabled.
	Since  time.Time `json:"since,omitzero"`
	Reason Reason    `json:"reason,omitempty"`
	// FailingSince is the first failure that no success followed; zero: none.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Told is the last share of the way from there to being disabled that was
	// told: 0, 50, 75 or 100 percent.
	Told int `json:"told"`
	// Alarmed says that something bad was told that was not taken back.
	Alarmed bool `json:"alarmed,omitempty"`
	// ChangedAt is when this was written.
	ChangedAt time.Time `json:"changed_at,omitzero"`
	// Owed are the events that are still to be published.
	Owed []Event `json:"owed,omitempty"`
}

// On reports whether the endpoint is told of events.
func (s State) On() bool { return s.Status == "" || s.Status == Enabled }

// Outcome is what came of an attempt, as far as the endpoint's state goes.
type Outcome int

// The outcomes. Of an attempt that is not charged to the receiver nothing follows.
const (
	NotCounted Outcome = iota
	Succeeded
	Failed
	AnsweredGone
)

// OutcomeOf is the outcome of an attempt of which that action follows.
func OutcomeOf(a notify.Action) Outcome {
	switch a {
	case notify.Delivered:
		return Succeeded
	case notify.Retry:
		return Failed
	case notify.Disable:
		return AnsweredGone
	}
	return NotCounted
}

// DefaultDisableAfter is how long nothing but failures disables an endpoint:
// longer than the default schedule of attempts, and than any weekend.
const DefaultDisableAfter = 5 * 24 * time.Hour

// calm is how long an endpoint that has just changed may fail before it counts
// as failing: one that flaps would cost two writes an attempt.
const calm = time.Minute

// After is the state after an attempt that ended at that instant, and what must
// be told. limit is how long nothing but failures disables. Where the state
// stays the same there is nothing to write: moved is false.
func (s State) After(o Outcome, at time.Time, limit time.Duration) (next State, tell []Event, moved bool) {
	next = s
	switch {
	case s.Schema > stateSchema:
		return s, nil, false
	case o == AnsweredGone && s.Reason != Gone && (s.On() || s.Status == Paused):
		next = s.off(Disabled, Gone, at)
		return next, []Event{{Type: TypeDisabled, At: at, Share: 100, Reason: Gone, FailingSince: s.FailingSince}}, true
	case !s.On():
		return s, nil, false // an attempt that was under way when it was switched off
	case o == Succeeded:
		return s.succeed(at)
	case o == Failed:
		return s.fail(at, limit)
	}
	return s, nil, false
}

func (s State) succeed(at time.Time) (State, []Event, bool) {
	if s.FailingSince.IsZero() && !s.Alarmed {
		return s, nil, false
	}
	var tell []Event
	if s.Alarmed {
		tell = []Event{{Type: TypeRecovered, At: at, FailingSince: s.FailingSince}}
	}
	s.FailingSince, s.Told, s.Alarmed, s.ChangedAt = time.Time{}, 0, false, at
	return s, tell, true
}

func (s State) fail(at time.Time, limit time.Duration) (State, []Event, bool) {
	if s.FailingSince.IsZero() {
		if at.Sub(s.ChangedAt) < calm {
			return s, nil, false
		}
		s.FailingSince, s.Told, s.ChangedAt = at, 0, at
		return s, nil, true
	}
	share := reached(at.Sub(s.FailingSince), limit)
	if share <= s.Told {
		return s, nil, false
	}
	event := Event{Type: TypeFailing, At: at, Share: share, Reason: Failing, FailingSince: s.FailingSince, DisablesAt: s.FailingSince.Add(limit)}
	if share == 100 {
		next := s.off(Disabled, Failing, at)
		event.Type, event.DisablesAt = TypeDisabled, time.Time{}
		return next, []Event{event}, true
	}
	s.Told, s.Alarmed, s.ChangedAt = share, true, at
	return s, []Event{event}, true
}

// reached is the last share of limit, in percent, that failing for so long has
// passed. A share that was jumped over while nothing was sent is never told: it
// would be news of yesterday.
func reached(failing, limit time.Duration) int {
	switch {
	case failing >= limit:
		return 100
	case failing >= limit/4*3:
		return 75
	case failing >= limit/2:
		return 50
	}
	return 0
}

// off is the state of an endpoint that is told nothing from that instant on.
func (s State) off(to Status, why Reason, at time.Time) State {
	s.Status, s.Reason, s.Since, s.ChangedAt = to, why, at, at
	if why != ByOperator {
		s.Told, s.Alarmed = 100, true
	}
	return s
}

// Verb is what an operator does to an endpoint: a closed set.
type Verb string

// The verbs.
const (
	Enable  Verb = "enable"
	Disable Verb = "disable"
	Pause   Verb = "pause"
	// Resume ends a pause and nothing else.
	Resume Verb = "resume"
)

// ErrNotPaused and ErrIsDisabled refuse a verb that would do something else than
// it says.
var (
	ErrNotPaused  = errors.New("the endpoint is not paused; what is disabled is switched on by enable")
	ErrIsDisabled = errors.New("the endpoint is disabled already, which is more than paused; enable it first")
)

// Do is the state after an operator's verb. moved is false where it changes
// nothing. A fresh start forgets the failures of before: an endpoint that was
// off for a week is not disabled by its first failure.
func (s State) Do(v Verb, at time.Time) (next State, moved bool, err error) {
	switch {
	case s.Schema > stateSchema:
		return s, false, ErrNewer
	case v == Resume && s.On(), v == Resume && s.Status == Disabled:
		return s, false, ErrNotPaused
	case v == Pause && s.Status == Disabled:
		return s, false, ErrIsDisabled
	case (v == Enable || v == Resume) && !s.On():
		s.Status, s.Reason, s.Since, s.ChangedAt = Enabled, "", at, at
		s.FailingSince, s.Told = time.Time{}, 0
		return s, true, nil
	case v == Disable && s.Status != Disabled:
		return s.off(Disabled, ByOperator, at), true, nil
	case v == Pause && s.Status != Paused:
		return s.off(Paused, ByOperator, at), true, nil
	}
	return s, false, nil
}

// maxOwed bounds what is kept of events that can't be published: the oldest go.
const maxOwed = 16

func (s State) owing(of name, events []Event) State {
	owed := append([]Event(nil), s.Owed...)
	for _, e := range events {
		e.ID = e.id(of)
		owed = append(owed, e)
	}
	s.Owed = owed[max(0, len(owed)-maxOwed):]
	return s
}

func (s State) encode() ([]byte, error) {
	s.Schema = stateSchema
	if s.Status == "" {
		s.Status = Enabled
	}
	value, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the state of an endpoint: %w", err)
	}
	return value, nil
}

// ErrNewer says that a newer version of this program wrote the value. It is left
// alone, and to that version.
var ErrNewer = errors.New("a newer version of this program wrote it")

// parseState reads a state. The error is ErrNewer, with what is sure of the
// state, or says that it is none.
func parseState(value []byte) (State, error) {
	var peek struct {
		Schema int    `json:"schema"`
		Status Status `json:"status"`
	}
	err := json.Unmarshal(value, &peek)
	if peek.Schema > stateSchema {
		if err != nil || peek.Status != Enabled {
			peek.Status = Disabled
		}
		return State{Schema: peek.Schema, Status: peek.Status}, ErrNewer
	}
	var s State
	if err := json.Unmarshal(value, &s); err != nil {
		return State{}, fmt.Errorf("read the state of an endpoint: %w", err)
	}
	if s.Schema != stateSchema || s.Status != Enabled && s.Status != Disabled && s.Status != Paused {
		return State{}, errors.New("read the state of an endpoint: it has no schema or no status")
	}
	return s, nil
}
