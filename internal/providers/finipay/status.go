package finipay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Fields in which a word stands.
const (
	fieldStatus = "$.data.status" // cards
	fieldQR     = "$.data"        // QR: data is the word itself
	fieldError  = "$.errorCode"   // the gateway family's own envelope
)

// Marks of a row: how far its source can be trusted.
const (
	documented  = "documented"
	inferred    = "inferred"
	unconfirmed = "unconfirmed"
)

// facts is what an answer says beside its word.
type facts struct {
	// code is the envelope's code.
	code string
	// amount is what was paid at first; refunded and refundable are the two
	// halves it falls into. Absent where the answer holds none.
	amount, refunded, refundable payment.Money
}

// rules is the mapping of the cards and refund pages and of the QR page.
// Numeric statuses of the gateway behind finipay are left out on purpose.
var rules = providers.Rules[facts]{
	{Row: providers.Row{Field: fieldStatus, Raw: "CREATED", Status: payment.Pending, Words: "code 110: registered, an OTP or SMS pin is awaited", Mark: inferred}},
	{Row: providers.Row{Field: fieldStatus, Raw: "CONFIRMED", Status: payment.Processing, Words: "code 120: OTP accepted; nowhere called final", Mark: inferred}},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Kind: providers.Inconsistent, Words: "a charge under a code that is neither 200 nor 204, or beside refunded money", Mark: inferred}, When: chargeDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Status: payment.Succeeded, Words: "request the status every 10 seconds, until you receive a Reject or Charge", Mark: documented}},
	{Row: providers.Row{Field: fieldStatus, Raw: "REJECT", Status: payment.Failed, Words: "request the status every 10 seconds, until you receive a Reject or Charge", Mark: documented}, Reason: payment.ReasonDeclined},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Review, Words: "code 204 without refunded and refundable", Mark: inferred}, Reason: payment.ReasonAmountMissing, When: refundUntold},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Review, Words: "code 204 whose amount is not refunded + refundable, or nothing refunded", Mark: inferred}, Reason: payment.ReasonContradiction, When: refundDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.PartiallyRefunded, Words: "code 204: amount, refunded, refundable above zero (answer of the refund call)", Mark: unconfirmed}, When: refundPartial},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Refunded, Words: "code 204: amount, refunded, refundable 0.00 (answer of the refund call)", Mark: unconfirmed}},

	{Row: providers.Row{Field: fieldQR, Raw: "CREATED", Status: payment.Pending, Words: "intermediate status", Mark: documented}},
	{Row: providers.Row{Field: fieldQR, Raw: "\u0421REATED", Status: payment.Pending, Words: "intermediate status; the first letter is Cyrillic in the document", Mark: documented}},
	{Row: providers.Row{Field: fieldQR, Raw: "SUCCESSFUL", Kind: providers.Inconsistent, Words: "a success under a code that is not 100", Mark: inferred}, When: qrDoubted},
	{Row: providers.Row{Field: fieldQR, Raw: "SUCCESSFUL", Status: payment.Succeeded, Words: "final status; the answer holds no amount", Mark: documented}},

	{Row: providers.Row{Field: fieldError, Raw: "5", Kind: providers.Misconfigured, Words: "access denied, or a bad parameter", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldError, Raw: "6", Kind: providers.NotFound, Words: "unknown order", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldError, Raw: "7", Kind: providers.Unavailable, Words: "system error", Mark: unconfirmed}},
}

// chargeDoubted: code 204 is the refund call's, whose answer may still say
// CHARGE; refunded money beside a charge would be lost in a plain success.
func chargeDoubted(f facts) bool {
	return (f.code != "200" && f.code != "204") || f.refunded.Minor() > 0
}

func qrDoubted(f facts) bool { return f.code != "100" }

func refundUntold(f facts) bool { return !f.refunded.Known() || !f.refundable.Known() }

func refundDoubted(f facts) bool {
	sum, err := f.refunded.Plus(f.refundable)
	return err != nil || sum != f.amount || f.refunded.Minor() == 0
}

func refundPartial(f facts) bool { return f.refundable.Minor() > 0 }
