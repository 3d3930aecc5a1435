package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/guard"
)

// recordSchema is the version of a record. Version 1 is what record shows.
const recordSchema = 1

// record is the value of an account's key: how its tap stands.
type record struct {
	Schema int `json:"schema"`
	// Epoch counts the changes of the breaker.
	Epoch          uint64    `json:"epoch"`
	Open           bool      `json:"open"`
	Rung           int       `json:"rung"`
	Reason         string    `json:"reason,omitempty"`
	OpenedAt       time.Time `json:"opened_at,omitzero"`
	ReopenAt       time.Time `json:"reopen_at,omitzero"`
	ClosedAt       time.Time `json:"closed_at,omitzero"`
	ThrottledUntil time.Time `json:"throttled_until,omitzero"`
	// Probe is whose half-open call is under way; nil: nobody's.
	Probe *lease `json:"probe,omitempty"`
}

// lease is the right to make the one half-open call of the fleet.
type lease struct {
	Worker string    `json:"worker"`
	Until  time.Time `json:"until"`
}

// held reports whether another worker's lease runs.
func (l *lease) held(by string, now time.Time) bool {
	return l != nil && l.Worker != by && now.Before(l.Until)
}

func (r record) standing() guard.Standing {
	return guard.Standing{
		Open: r.Open, Rung: r.Rung, Reason: r.Reason,
		OpenedAt: r.OpenedAt, ReopenAt: r.ReopenAt, ClosedAt: r.ClosedAt, ThrottledUntil: r.ThrottledUntil,
	}
}

// with is the record of a tap that stands otherwise now. A change of the breaker
// is a new epoch and ends the probe that led to it.
func (r record) with(s guard.Standing) record {
	next := r
	next.Schema = recordSchema
	if !s.SameBreaker(r.standing()) {
		next.Epoch++
		next.Probe = nil
		next.Open, next.Rung, next.Reason = s.Open, s.Rung, s.Reason
		next.OpenedAt, next.ReopenAt, next.ClosedAt = s.OpenedAt.UTC(), s.ReopenAt.UTC(), s.ClosedAt.UTC()
	}
	if s.ThrottledUntil.After(r.ThrottledUntil) {
		next.ThrottledUntil = s.ThrottledUntil.UTC()
		next.Probe = nil
	}
	return next
}

func (r record) encode() ([]byte, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the state of a tap: %w", err)
	}
	return value, nil
}

// errNewer: a newer worker wrote the record. It is left alone, and to newer workers.
var errNewer = errors.New("a newer worker wrote how the tap stands")

// parseRecord reads a record. The error is errNewer, or says that it is none.
func parseRecord(value []byte) (record, error) {
	var of struct {
		Schema int `json:"schema"`
	}
	if json.Unmarshal(value, &of) == nil && of.Schema > recordSchema {
		return record{}, errNewer
	}
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return record{}, fmt.Errorf("read how the tap stands: %w", err)
	}
	if r.Schema != recordSchema {
		return record{}, fmt.Errorf("read how the tap stands: schema is %d, wanted %d", r.Schema, recordSchema)
	}
	return r, nil
}
