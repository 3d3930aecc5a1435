package sandbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// maxMinor bounds amounts, so that no sum of them overflows.
const maxMinor = 1_000_000_000_000

// Life is one script that a payment can live by.
type Life = life.Life

// Lives lists the closed set of lives.
func Lives() []Life { return life.Lives() }

// PickLife draws a life the provider can express, the common ones more often.
func PickLife(r *rand.Rand, provider string) Life { return life.Pick(r, provider) }

// PickAnyLife draws a life the provider can express, all alike, also those that no
// ordinary day has.
func PickAnyLife(r *rand.Rand, provider string) Life { return life.PickAny(r, provider) }

// CreateOptions say what payment is to exist.
type CreateOptions struct {
	// Provider is the provider's name, Life the name of a life it can express.
	Provider, Life string
	// AmountMinor is in minor units, at least 2.
	AmountMinor int64
	// Currency is an ISO 4217 code that the provider deals in; see Currencies.
	Currency string
	// Expires is when the payer's time runs out, zero: not said. The life
	// "expired" ends then.
	Expires time.Time
	// QR makes it a payment of finipay's QR API, whose answers hold no amount.
	QR bool
	// Stretch says how long the stages of the life last; zero: by the sandbox's Step.
	// What is drawn is fixed by the seed and the payment's number.
	Stretch Stretch
}

// Stretch says how long the stages of lives last that go on for weeks.
type Stretch = life.Stretch

// Spread is how a length of time is drawn, Band a part of it.
type (
	Spread = life.Spread
	Band   = life.Band
)

// Weeks is the Stretch of a shop's ordinary month: most payments are decided in 1 to
// 30 minutes, some in hours, a few after days; refunds come after days, late success
// after hours to days.
func Weeks() Stretch { return life.Weeks() }

// Payment is a simulated payment as its merchant knows it.
type Payment struct {
	// ID is the payment's number at the merchant, unique within the sandbox.
	ID       string
	Provider string
	// Life is the name of the life it lives.
	Life string
	// Reference is what its provider has to be asked with.
	Reference map[string]string
	// AmountMinor is in minor units; Amount is the same as decimal text, "33.00".
	AmountMinor int64
	Amount      string
	Currency    string
	Created     time.Time
	Expires     time.Time
}

// FieldError is a wish that can't be met.
type FieldError struct {
	// Field is the wish's name as the control API spells it: "amount".
	Field string
	// Problem completes the sentence "amount ...".
	Problem string
}

// Error names the field and what is wrong with it.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// currencies are what each provider deals in.
var currencies = map[string][]string{
	Finipay:  {"KGS", "USD", "EUR"},
	Halyk:    {"KZT", "USD", "EUR"},
	Uapay:    {"UAH"},
	Ecommpay: {"EUR", "USD", "GBP", "MYR", "JPY", "KWD"},
}

// Currencies lists what a provider deals in, its usual one first.
func Currencies(provider string) []string { return slices.Clone(currencies[provider]) }

// qrLives are the lives whose words the QR status page shows.
var qrLives = []string{"charged", "charged_at_once", "appears_late", "stuck", "never_known"}

// qrWords are those words: a QR payment is told no other.
var qrWords = []Word{NotKnown, Waiting, InProgress, Charged}

// Create makes a payment exist at its provider from now on (or never: the life
// "never_known"). The error is a *FieldError.
func (s *Sandbox) Create(o CreateOptions) (Payment, error) {
	exponent, err := o.check()
	if err != nil {
		return Payment{}, err
	}
	its, _ := life.ByName(o.Life)
	id, ids, reference := s.number(o)
	var words []Word
	if o.QR {
		words = qrWords
	}
	p, newErr := life.New(life.Script{
		Provider: o.Provider, Life: its, IDs: ids, Reference: reference, Key: o.Provider + ":" + id,
		AmountMinor: o.AmountMinor, Currency: o.Currency, Exponent: exponent,
		Created: time.Now(), Expires: o.Expires, Step: s.options.Step, Seed: s.options.Seed,
		Stretch: o.Stretch, Words: words,
	})
	if newErr == nil {
		newErr = s.book.Add(p)
	}
	if newErr != nil {
		return Payment{}, &FieldError{Field: "payment", Problem: "can't be made: " + newErr.Error()}
	}
	s.byID.Store(id, p)
	return Payment{
		ID: id, Provider: o.Provider, Life: o.Life, Reference: maps.Clone(reference), AmountMinor: o.AmountMinor,
		Amount: wire.Major(o.AmountMinor, exponent), Currency: o.Currency, Created: p.Created, Expires: o.Expires,
	}, nil
}

// check refuses wishes that can't be met, and gives the currency's exponent.
func (o CreateOptions) check() (exponent int, err error) {
	if !slices.Contains(Providers(), o.Provider) {
		return 0, &FieldError{"provider", "must be one of " + strings.Join(Providers(), ", ")}
	}
	its, known := life.ByName(o.Life)
	switch {
	case !known:
		return 0, &FieldError{"life", "must be one of " + strings.Join(livesFor(o.Provider), ", ")}
	case !its.For(o.Provider):
		return 0, &FieldError{"life", fmt.Sprintf("%q can't be told by %s; it can tell %s", o.Life, o.Provider, strings.Join(livesFor(o.Provider), ", "))}
	case o.QR && o.Provider != Finipay:
		return 0, &FieldError{"qr", "payments exist at finipay only"}
	case o.QR && !slices.Contains(qrLives, o.Life):
		return 0, &FieldError{"life", "must be one of " + strings.Join(qrLives, ", ") + " for a QR payment"}
	case !slices.Contains(currencies[o.Provider], o.Currency):
		return 0, &FieldError{"currency", "must be one of " + strings.Join(currencies[o.Provider], ", ") + " at " + o.Provider}
	case o.AmountMinor < 2 || o.AmountMinor > maxMinor:
		return 0, &FieldError{"amount", fmt.Sprintf("must be from 2 to %d minor units", int64(maxMinor))}
	}
	exponent, _ = wire.Exponent(o.Currency)
	return exponent, nil
}

func livesFor(provider string) []string {
	var names []string
	for _, l := range life.Lives() {
		if l.For(provider) {
			names = append(names, l.Name)
		}
	}
	return names
}
