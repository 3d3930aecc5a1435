// Package providers is the port to the payment providers: what the worker asks
// of one, what it may answer, and the closed set of ways in which asking fails.
//
// An adapter (one folder each) turns a reference into a request and the answer
// into an Observation or an *Error. It knows no breaker, retry, broker, log or
// metric; it keeps no state but tokens; it is safe for concurrent use.
package providers

import (
	"context"
	"time"

	"reconciler/internal/payment"
)

// Provider asks one account of one payment provider about payments.
type Provider interface {
	// Profile tells what the worker must know about the provider. It never changes.
	Profile() Profile
	// CheckReference refuses a reference this provider can't be asked with. It is
	// called once, when the payment is created. The error is a
	// *payment.FieldError whose field begins with "reference".
	CheckReference(ref payment.Reference) error
	// Poll asks for the status of one payment. The error is always an *Error; its
	// Kind alone decides what happens next. Poll returns when ctx ends. It may be
	// called again at any time, for the same payment too.
	Poll(ctx context.Context, q Query) (payment.Observation, error)
}

// Query is one question about one payment.
type Query struct {
	// Reference has passed CheckReference.
	Reference payment.Reference
	// Expected is the money the payment was created with.
	Expected payment.Money
	// Bound is the provider's own number seen for this payment before, empty
	// until there is one. An answer with another one is an identity mismatch.
	Bound string
	// Last is the payment's last published status.
	Last payment.Status
}

// Absence says what it means, by the provider's document, that it does not know a payment.
type Absence int

const (
	// AbsenceUnsettled: not documented as final, so the end of the watch is "unknown".
	AbsenceUnsettled Absence = iota
	// AbsenceAfterExpiry: final once the payment's own expires_at has passed.
	AbsenceAfterExpiry
	// AbsenceFinal: final when the watch ends.
	AbsenceFinal
)

// Profile is what the worker must know about a provider beside its answers.
type Profile struct {
	// Name is the provider's name in configuration: "finipay".
	Name string
	// Floor is the least time between two requests for one payment.
	Floor time.Duration
	// Absence says what "not found" means in the end.
	Absence Absence
	// MappingVersion is the version of Table; events carry it.
	MappingVersion string
	// Table is every documented raw status with its meaning, for documents and checks.
	Table []Row
}

// Row is one line of a provider's status table.
type Row struct {
	// Raw is the provider's word, Field where it stands.
	Raw, Field string
	// Status is the canonical status; empty where the row names only a kind of error.
	Status payment.Status
	// Kind is set where the word is no status but an error; else 0.
	Kind Kind
	// Case says when the row holds, where the word has several rows or more than
	// the word decides; empty: always.
	Case string
	// Words are the document's own, Mark its reliability ("documented",
	// "client", "inferred", "unconfirmed").
	Words, Mark string
}
