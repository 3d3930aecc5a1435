package sandbox

import (
	"time"

	"reconciler/internal/sandbox/life"
)

// Word is the truth about a payment at one moment; see its constants.
type Word = life.Word

// The closed set of words. What each says is written at its definition in
// package life; what a client should make of it is the caller's to decide.
const (
	NotKnown           = life.NotKnown
	Waiting            = life.Waiting
	PayerAction        = life.PayerAction
	InProgress         = life.InProgress
	Held               = life.Held
	Charged            = life.Charged
	ChargedOtherAmount = life.ChargedOtherAmount
	PartCharged        = life.PartCharged
	Declined           = life.Declined
	Canceled           = life.Canceled
	Expired            = life.Expired
	PartRefunded       = life.PartRefunded
	Refunded           = life.Refunded
	HoldReleased       = life.HoldReleased
	Reversed           = life.Reversed
)

// Words lists the closed set.
func Words() []Word { return life.Words() }

// Truth is where a payment really stands now.
type Truth struct {
	// Known: the sandbox has made this payment. Everything else is empty where not.
	Known bool
	// Payment is the payment's key in the ledger of asks; Life its life's name.
	Payment, Life string
	Word          Word
	// CapturedMinor is what was taken, RefundedMinor what was given back of it,
	// in minor units.
	CapturedMinor, RefundedMinor int64
	// Ended: the life's last stage has begun; nothing will change any more.
	// EndsAt is when it begins or began.
	Ended  bool
	EndsAt time.Time
	// Undecided: the life's last word decides nothing, so a client has to give up.
	Undecided bool
}

// Truth says where a payment stands. The reference is the one Create gave.
func (s *Sandbox) Truth(provider string, reference map[string]string) Truth {
	p, ok := s.book.Refer(provider, reference)
	if !ok {
		return Truth{}
	}
	state := p.At(time.Now())
	return Truth{
		Known: true, Payment: p.Key, Life: p.Life.Name, Word: state.Word, CapturedMinor: state.CapturedMinor,
		RefundedMinor: state.RefundedMinor, Ended: state.Ended, EndsAt: p.EndsAt(), Undecided: p.Life.Undecided,
	}
}
