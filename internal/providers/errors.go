package providers

import (
	"fmt"
	"time"
)

// Kind is what a failed poll means for the payment, its clock and the breaker.
// The set is closed: each kind has exactly one effect, in one table
// (consumer/decide.go).
type Kind int

// The kinds, from harmless to alarming.
const (
	// NotFound: the provider answered that it does not know the payment.
	NotFound Kind = iota + 1
	// Throttled: asked too often, or told to try later. RetryAfter may be set.
	Throttled
	// Unavailable: network, time-out, TLS, 5xx.
	Unavailable
	// Misconfigured: our credentials, terminal, project or URL are refused. Setting names it.
	Misconfigured
	// UnknownStatus: an answer in good form whose status is in no table. Raw holds it.
	UnknownStatus
	// Unreadable: an answer that is not in the documented form. Field tells where.
	Unreadable
	// Inconsistent: two halves of the answer disagree in a way that passes when
	// the provider's systems catch up. It becomes a review when it stays.
	Inconsistent
	// InvalidReference: the provider refuses this payment's reference, and only it.
	InvalidReference
	// SignatureInvalid: the answer's signature is missing or wrong.
	SignatureInvalid
	// IdentityMismatch: the answer is about another payment.
	IdentityMismatch
	// TooLarge: the answer is over the size limit.
	TooLarge
)

// Kinds lists the closed set.
func Kinds() []Kind {
	all := make([]Kind, 0, int(TooLarge))
	for k := NotFound; k <= TooLarge; k++ {
		all = append(all, k)
	}
	return all
}

// String is the kind's name in logs, metrics and tables.
func (k Kind) String() string {
	names := [...]string{
		NotFound: "not_found", Throttled: "throttled", Unavailable: "unavailable", Misconfigured: "misconfigured",
		UnknownStatus: "unknown_status", Unreadable: "unreadable", Inconsistent: "inconsistent",
		InvalidReference: "invalid_reference", SignatureInvalid: "signature_invalid",
		IdentityMismatch: "identity_mismatch", TooLarge: "too_large",
	}
	if k < NotFound || int(k) >= len(names) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return names[k]
}

// Error makes a Kind an error, so that errors.Is(err, providers.NotFound) works.
func (k Kind) Error() string { return k.String() }

// Error is why a poll gave no observation. It never holds a URL, a header, a
// body, a credential or personal data.
type Error struct {
	Kind Kind
	// Doing says what was being tried: "ask checkStatus".
	Doing string
	// Detail says what came back, in our words: "HTTP 503", "field transaction.amount is a string".
	Detail string
	// Setting names the account's setting to look at (Misconfigured only).
	Setting string
	// Raw is the provider's own word, code or status, at most 64 characters of
	// printable ASCII (see CleanRaw).
	Raw string
	// RetryAfter is how long the provider asked us to wait; 0: it did not say.
	RetryAfter time.Duration
	// Cause is the underlying error where it is safe to keep, else nil.
	Cause error
}

// Error says what was tried, what came back and which setting to look at.
func (e *Error) Error() string {
	text := e.Doing + ": " + e.Kind.String()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Raw != "" {
		text += fmt.Sprintf(" (%q)", e.Raw)
	}
	if e.Setting != "" {
		text += "; look at the setting " + e.Setting
	}
	return text
}

// Is makes errors.Is(err, providers.Throttled) true for that kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CleanRaw shortens a provider's word to 64 characters and replaces what is
// not printable ASCII, so that a hostile answer can't write into logs or subjects.
func CleanRaw(word string) string {
	const most = 64
	clean := make([]byte, 0, most)
	for _, r := range word {
		if len(clean) == most {
			break
		}
		if r < ' ' || r > '~' {
			r = '?'
		}
		clean = append(clean, byte(r))
	}
	return string(clean)
}
