package audit

import (
	"fmt"
	"time"
)

// Kind is what sort of thing was found.
type Kind string

// The kinds.
const (
	// KindViolation: a rule of package invariant is broken.
	KindViolation Kind = "violation"
	// KindTimerMissing: a watched payment has neither a timer nor a due poll.
	KindTimerMissing Kind = "timer_missing"
	// KindTimerOverdue: a timer should have fired over a minute ago and did not.
	KindTimerOverdue Kind = "timer_overdue"
	// KindWebhookLost: an event has no job, no end and no dead letter at an endpoint.
	KindWebhookLost Kind = "webhook_lost"
	// KindInputLost: a created event was handled, and nothing came of it.
	KindInputLost Kind = "input_lost"
	// KindEventLost: a timer knows of a version that the log does not hold.
	KindEventLost Kind = "event_lost"
	// KindStray: a poll of a payment that has no events.
	KindStray Kind = "stray_poll"
	// KindForeign: a message on a subject of ours that no worker wrote.
	KindForeign Kind = "foreign"
	// KindConsumer and KindStream: something is wrong with one of ours.
	KindConsumer Kind = "consumer"
	KindStream   Kind = "stream"
	// KindReplica: a replica is away or behind, in two looks.
	KindReplica Kind = "replica"
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind Kind `json:"kind"`
	// Rule is the broken rule's number (invariant.Rule has the words); 0: none.
	Rule     int    `json:"rule,omitempty"`
	Stream   string `json:"stream,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	// Seq is the message's sequence in Stream, where it is about one.
	Seq      uint64 `json:"seq,omitempty"`
	Merchant string `json:"merchant,omitempty"`
	Payment  string `json:"payment,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Version  int    `json:"version,omitempty"`
	// Detail says what is wrong, Do what to do about it.
	Detail string `json:"detail"`
	Do     string `json:"do"`
	// Repaired: this run has mended it.
	Repaired bool `json:"repaired,omitempty"`
	// subject is the overdue timer's, account the payment's.
	subject, account string
}

// String is one line for people, without what to do.
func (f Finding) String() string {
	where := ""
	switch {
	case f.Payment != "":
		where = fmt.Sprintf("payment %s of %s: ", f.Payment, f.Merchant)
	case f.Consumer != "":
		where = fmt.Sprintf("consumer %s of %s: ", f.Consumer, f.Stream)
	case f.Seq > 0:
		where = fmt.Sprintf("%s message %d: ", f.Stream, f.Seq)
	case f.Stream != "":
		where = f.Stream + ": "
	}
	return where + f.Detail
}

// Count is how many findings of a kind there are.
type Count struct {
	Found int `json:"found"`
	// Repaired of them were mended by this run.
	Repaired int `json:"repaired,omitempty"`
}

// Report is what an audit found.
type Report struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// What was looked at. Passes is how often the streams were read.
	Payments int `json:"payments"`
	Created  int `json:"created"`
	Events   int `json:"events"`
	Attempts int `json:"attempts"`
	Letters  int `json:"dead_letters"`
	Timers   int `json:"timers"`
	Due      int `json:"due"`
	Passes   int `json:"passes"`
	// Waiting created events and events were not yet handled by any worker. Partial
	// payments have lost their first events to age, so less of them can be judged.
	// Newer events were written by a newer version and are not judged.
	WaitingCreated int `json:"waiting_created"`
	WaitingEvents  int `json:"waiting_events"`
	Partial        int `json:"partial"`
	Newer          int `json:"newer"`
	// Counts are all findings by kind; Findings the first ones of each kind.
	Counts   map[Kind]Count `json:"counts"`
	Findings []Finding      `json:"findings"`
	// Notes are no damage: what may have been a person's doing.
	Notes []string `json:"notes,omitempty"`
}

// Left is how many findings stand: none says that all is well.
func (r Report) Left() int {
	left := 0
	for _, c := range r.Counts {
		left += c.Found - c.Repaired
	}
	return left
}

// add notes a finding; what is over the limit is only counted.
func (r *run) add(f Finding) {
	c := r.report.Counts[f.Kind]
	c.Found++
	if f.Repaired {
		c.Repaired++
	}
	r.report.Counts[f.Kind] = c
	if c.Found <= r.o.Limit {
		r.report.Findings = append(r.report.Findings, f)
	}
}
