package providers

import (
	"net/http"

	"reconciler/internal/payment"
)

// Callback is an HTTP request that a provider, or anybody who passes for it, sent
// to us.
type Callback struct {
	Header http.Header
	// Body is whole, at most MaxCallback bytes.
	Body []byte
}

// MaxCallback is the size limit of a callback's body, in bytes: that of an
// answer, because it holds the same.
const MaxCallback = maxAnswer

// Hint is what a callback is worth: a payment that may be worth a look. It holds
// no status, so that nobody can believe one that came uninvited.
type Hint struct {
	// Aliases are the names that the callback gives its payment, as Aliases spells
	// them; at least one. Each may be somebody's invention.
	Aliases []string
	// Verified says that the callback was signed with the account's own key.
	Verified bool
}

// CallbackReader is a Provider whose callbacks can be read. Its methods are
// safe for concurrent use and ask nobody.
type CallbackReader interface {
	// Aliases are the names by which a callback may call the payment with this
	// reference: a word for the kind, a colon, the provider's value
	// ("invoice:205218074"), at most 4. They are stored, so a later version must
	// spell them the same. The reference has passed CheckReference.
	Aliases(ref payment.Reference) []string
	// ReadCallback checks of a callback what can be checked and gives its hint.
	// The error is an *Error of kind SignatureInvalid or Unreadable; like every
	// other, it holds nothing of the body.
	ReadCallback(c Callback) (Hint, error)
}
