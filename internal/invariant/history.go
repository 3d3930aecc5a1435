package invariant

import (
	"time"

	"reconciler/internal/payment"
)

// History is everything a judge may look at: the streams as stored and the
// peers' own ledgers. It is plain data that the caller collects and that Check
// does not change.
//
// Where work still goes on, collect effects before their causes, so that none
// seems to lack one: Pending, Dead, Attempts, Receipts, then Events, then Looks
// and Created.
type History struct {
	// Created are the messages on payments.created.>.
	Created []Input
	// Events are the messages on payments.status.>, in stream order.
	Events []Event
	// Pending are the timers and due messages, one for each subject.
	Pending []Pending
	// Looks are the providers' ledgers as far as they are about known payments,
	// Asks all of them, tokens and outages included; Asks are judged where Limits
	// are known.
	Looks  []Look
	Asks   []Ask
	Limits []Limits
	// Attempts are the records of the webhook log.
	Attempts []Attempt
	// Receipts are the merchants' ledgers, each endpoint's in order of arrival.
	Receipts []Receipt
	// Dead are the dead letters.
	Dead []Dead
	// Endpoints are the configured endpoints.
	Endpoints []Endpoint
	// GiveUps are when accounts give up, Webhooks how merchants are waited for; what
	// is not set is not judged.
	GiveUps  []GiveUp
	Webhooks WebhookLimits
	// Without names sources that are not at hand. An empty ledger is none of
	// them: it says that nobody asked, or that nothing arrived.
	Without Sources

	// WatchedUntil tells until when a payment must at least be polled, by its last
	// event and since when it has that status; it is asked about payments that
	// are decided or parked and not closed for good. A time that is not after Now
	// says that the watch may have ended. Name the time of the last poll but one:
	// the worker ends a watch with the last poll that fits into it. nil: only
	// open payments must be polled (they always must).
	WatchedUntil func(last payment.Data, since time.Time) time.Time
	// Refuses gives the dead letter reason with which the configured accounts
	// refuse a created event that is otherwise valid (ReasonUnknownProvider or
	// ReasonInvalidReference), or "". nil: such dead letters are believed.
	Refuses func(payment.Created) string

	// Sealed are secrets and personal markers that may occur in no stream.
	Sealed []string
	// Quiet says that nothing is in flight any more: completeness is judged too.
	Quiet bool
	// Now is when the history was collected.
	Now time.Time
}

// Sources are the parts of a history that only its peers have: a worker's own
// streams alone hold neither ledger, and created events may be kept elsewhere.
type Sources struct{ Created, Looks, Receipts bool }

// Stages and reasons of dead letters that the rules tell apart.
const (
	// StageIntake is the stage of dead letters that hold a created event.
	StageIntake = "intake"

	ReasonConflict         = "conflict"
	ReasonUnknownProvider  = "unknown_provider"
	ReasonInvalidReference = "invalid_reference"
	// ReasonExhausted: a webhook was tried as often as it has to be.
	ReasonExhausted = "exhausted"
	// ReasonForged is no end for a webhook: what a worker takes for forged, it lost.
	ReasonForged = "forged"
)

// Input is one message on payments.created.>.
type Input struct {
	Seq     uint64
	Time    time.Time // stored at
	Subject string
	Body    []byte
}

// Event is one message on payments.status.>. Status, Account, Merchant and
// Payment are its subject's tokens, decoded.
type Event struct {
	Seq      uint64
	Time     time.Time // stored at
	Status   payment.Status
	Account  string
	Merchant string
	Payment  string
	ID       string // the ce-id header
	Digest   string // of the created event, from the origin header; empty: not told
	Body     []byte
}

// Queues and kinds of pending work.
const (
	QueueTimer  = "timer"
	QueueDue    = "due"
	KindPoll    = "poll"
	KindWebhook = "webhook"
)

// Pending is a timer or a due message. Account belongs to polls, Endpoint and
// Version to webhooks.
type Pending struct {
	Queue    string
	Kind     string
	Account  string
	Merchant string
	Endpoint string
	Payment  string
	Version  int
	DueAt    time.Time
	// Answered is how many looks a poll's watch counts as answered; 0 says nothing.
	Answered int
	Body     []byte
}

// Look is one request for a payment's status in a provider's ledger. The caller
// resolved the reference and maps what was told on its own, not by the adapter.
type Look struct {
	Account    string
	Merchant   string
	Payment    string
	AskedAt    time.Time
	AnsweredAt time.Time // zero where Answered is false
	// Answered is false for a fault: no answer that a client could read.
	Answered bool
	// Faulty: what came was no answer of the provider's own. An answer that says
	// nothing yet (halves that disagree) is neither Answered nor Faulty.
	Faulty bool
	// Known is false where "not found" was told.
	Known bool
	// Status is the canonical meaning of what was told.
	Status payment.Status
	// Captured and Refunded are the money that the answer named; absent where it named none.
	Captured payment.Money
	Refunded payment.Money
	// TooSoon and BeforeRetryAfter are limits that this request broke.
	TooSoon          bool
	BeforeRetryAfter bool
}

// Outcomes of a webhook attempt.
const (
	OutcomeDelivered = "delivered"
	OutcomeFailed    = "failed"
	OutcomeExhausted = "exhausted"
	OutcomeSkipped   = "skipped"
)

// Attempt is one record of the webhook log.
type Attempt struct {
	Seq      uint64
	Time     time.Time
	Outcome  string
	Merchant string
	Endpoint string
	Payment  string
	Version  int
	EventID  string
	Body     []byte // the record as stored
	// Replay says that the record bears a replay's mark: the attempt was asked for again.
	Replay bool
}

// Receipt is one request in a merchant's ledger.
type Receipt struct {
	Time     time.Time
	Merchant string
	Endpoint string
	EventID  string
	Body     []byte
	// Verified says that the signature was right.
	Verified bool
	// Delivered says that the merchant took it (answered 2xx).
	Delivered bool
	// Replay says that the request said it was one (webhook-replay: true). It
	// counts as taken, but is in no order: whoever asked for it chose what to send.
	// The webhook log has to bear it out, so set Attempt.Replay too.
	Replay bool
	// Gone says that it was answered 410, RetryAfter how long it was told to wait.
	// Leave Gone out where a person may have enabled the endpoint again.
	Gone       bool
	RetryAfter time.Duration
}

// Dead is one dead letter. Merchant and Payment are set where it belongs to a
// payment, Endpoint and Version where it is a webhook that was given up.
type Dead struct {
	Time         time.Time
	Stage        string
	Reason       string
	SourceStream string
	SourceSeq    uint64
	Merchant     string
	Endpoint     string
	Payment      string
	Version      int
	Body         []byte
}

// Endpoint is where a merchant gets webhooks. Its id is unique per merchant.
type Endpoint struct {
	ID       string
	Merchant string
	// Interested filters by event type; nil: all.
	Interested func(eventType string) bool
	// Disabled says that it was turned off at some time, by configuration or by
	// its own 410: what was skipped then is no loss. Elsewhere nothing may be skipped.
	Disabled bool
	// Since is when the last worker knew it, where it was added while they ran:
	// events that were stored before are not owed to it, though it may get them.
	// Zero: it was always there.
	Since time.Time
}
