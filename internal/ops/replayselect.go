package ops

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
)

// Selection says which past events are replayed, and to whom. What is named is
// asked for together; what is left out narrows nothing. Its zero value selects
// nothing: All must say so where everything is meant.
type Selection struct {
	All bool `json:"all,omitempty"`
	// Merchant, Endpoint and Payment are ids.
	Merchant string `json:"merchant,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Payment  string `json:"payment,omitempty"`
	// Types are event types, or payment.* for all; empty: all.
	Types []string `json:"types,omitempty"`
	// Since and Until bound when the event was published: Since <= t < Until.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// FromSeq and ToSeq bound the event's sequence in PAYMENT_STATUS, both included.
	FromSeq uint64 `json:"from_seq,omitempty"`
	ToSeq   uint64 `json:"to_seq,omitempty"`
	// Skipped are the events that an endpoint missed while it was off, with the one
	// whose 410 switched it off. Exhausted are those that were given up. Both by the
	// last record of the webhook log.
	Skipped   bool `json:"skipped,omitempty"`
	Exhausted bool `json:"exhausted,omitempty"`
	// Dead are the events with a webhook dead letter of that reason, of DeadReasons.
	// Dead letters are kept for longer than events and the webhook log, and hold the
	// event's bytes.
	Dead string `json:"dead,omitempty"`
}

// AnyReason selects dead letters of each of the reasons that can be replayed.
const AnyReason = "any"

// DeadReasons are the values of Selection.Dead: given up by the schedule, given up
// because of a 410, or either. What was refused as forged is no webhook.
func DeadReasons() []string { return []string{"exhausted", "gone", AnyReason} }

// empty reports whether nothing was said.
func (s Selection) empty() bool { return !s.All && !s.narrows() }

func (s Selection) narrows() bool {
	return s.Merchant != "" || s.Endpoint != "" || s.Payment != "" || len(s.Types) > 0 || !s.Since.IsZero() || !s.Until.IsZero() ||
		s.FromSeq > 0 || s.ToSeq > 0 || s.missed()
}

// missed reports whether it is about webhooks that were not delivered.
func (s Selection) missed() bool { return s.Skipped || s.Exhausted || s.Dead != "" }

// check finds every fault.
func (s Selection) check() []payment.FieldError {
	var faults []payment.FieldError
	add := func(field, problem string) {
		faults = append(faults, payment.FieldError{Field: field, Problem: problem})
	}
	switch {
	case s.empty():
		add("selection", "selects nothing: say which events are meant, or all of them (all)")
	case s.All && s.narrows():
		add("all", "means every event: take it away, or what narrows the selection")
	}
	if s.ToSeq > 0 && s.FromSeq > s.ToSeq {
		add("to_seq", "comes before from_seq")
	}
	if !s.Until.IsZero() && !s.Since.Before(s.Until) {
		add("until", "does not come after since")
	}
	for _, t := range s.Types {
		if _, known := payment.StatusOf(t); !known && t != "payment.*" {
			add("type", "must be payment.* or one of the event types, such as payment.succeeded")
			break
		}
	}
	if s.Dead != "" && !slices.Contains(DeadReasons(), s.Dead) {
		add("dead", "must be "+strings.Join(DeadReasons(), ", "))
	}
	return faults
}

// wants reports whether an event of that type, published then, is meant.
func (s Selection) wants(eventType string, at time.Time) bool {
	return notify.Interested(notify.Endpoint{Events: s.Types}, eventType) &&
		!at.Before(s.Since) && (s.Until.IsZero() || at.Before(s.Until))
}

// same compares what is meant.
func (s Selection) same(o Selection) bool {
	return s.encode() == o.encode()
}

func (s Selection) encode() string {
	s.Since, s.Until = s.Since.UTC(), s.Until.UTC()
	text, _ := json.Marshal(s) // strings, numbers and times up to year 9999: it can't fail
	return string(text)
}

// Name is the name of a replay of that selection where nobody gives it one. The
// same selection has the same name.
func (s Selection) Name() string {
	sum := sha256.Sum256([]byte(s.encode()))
	return "replay-" + hex.EncodeToString(sum[:5])
}

// or gives the token of a value; empty: all values.
func or(value string) string {
	if value == "" {
		return "*"
	}
	return broker.Token(value)
}

// events is the filter for the events that may be selected.
func (s Selection) events() string {
	return "payments.status.*.*." + or(s.Merchant) + "." + or(s.Payment)
}

// records is the filter for their records in the webhook log. The operational
// events of endpoints, which stand there too, have a token less.
func (s Selection) records() string {
	return "webhooks.*." + or(s.Merchant) + "." + or(s.Endpoint) + "." + or(s.Payment) + ".*"
}

// letters is the filter for their dead letters.
func (s Selection) letters() string {
	return "recon.dead.webhook.*." + or(s.Merchant) + "." + or(s.Payment) + ".*.*.*"
}

var errName = errors.New("must be 1 to 64 of A-Z a-z 0-9 _ -")

func checkName(name string) error {
	for _, c := range name {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c) {
			return errName
		}
	}
	if len(name) < 1 || len(name) > 64 {
		return errName
	}
	return nil
}

// otherSelection refuses a name that stands for something else.
func otherSelection(name string) error {
	return &FaultsError{[]payment.FieldError{{Field: "name", Problem: fmt.Sprintf(
		"%s is a replay of another selection; give the name alone to go on with it, or choose another name", name)}}}
}
