package sandbox

import (
	"fmt"
	"slices"

	"reconciler/internal/sandbox/fault"
)

// Trouble is a span of time in which every ask at one provider meets the same
// thing, whatever the level of faults: an outage from 10:00 to 16:00, say.
type Trouble = fault.Trouble

// TroubleKind is what a Trouble is; it is also Ask.Fault of the asks that meet it.
type TroubleKind = fault.Kind

// Outages: nobody is answered, no payment named in the ledger.
const (
	// DownRefused closes connections before a byte is read; each is one entry of
	// the ledger.
	DownRefused TroubleKind = fault.OutageRefused
	// DownReset reads a request and resets the connection.
	DownReset TroubleKind = fault.OutageReset
	// Down503 answers HTTP 503 with the page of a gateway, without Retry-After.
	Down503 TroubleKind = fault.Outage503
	// DownHang answers nobody: a request ends when its client goes away, at the
	// latest, by a reset, when the trouble is over.
	DownHang TroubleKind = fault.OutageHang
)

// Hostile answers: who asks is answered, and lied to. Tokens and sessions are
// spared, so that the lies are about payments.
const (
	// HostileAny is every kind in turn; Ask.Fault names the one that came.
	HostileAny TroubleKind = fault.Anything
	// HostileForged is the right answer with a wrong signature, at the providers
	// that sign; HostileSwapped another payment's answer; HostileElsewhere a
	// redirect to the merchant, whose ledger writes down who follows it.
	HostileForged    TroubleKind = fault.Forged
	HostileSwapped   TroubleKind = fault.Swapped
	HostileElsewhere TroubleKind = fault.Elsewhere
)

// TroubleKinds lists what a Trouble can be, those without a constant here too.
func TroubleKinds() []TroubleKind { return fault.TroubleKinds() }

// HostileKinds lists the hostile answers, without HostileAny.
func HostileKinds() []TroubleKind { return fault.HostileKinds() }

// Trouble makes a provider be in trouble, now or later. Asks in hand are not
// concerned. Of troubles at the same time the latest one counts.
func (s *Sandbox) Trouble(t Trouble) error {
	if !slices.Contains(Providers(), t.Provider) {
		return fmt.Errorf("sandbox: a trouble names %q, which is no provider", t.Provider)
	}
	if err := s.plan.Add(t); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}
