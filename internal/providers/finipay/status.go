package finipay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Fields in which a word stands.
const (
	fieldStatus = "$.data.status" // cards and wallets
	fieldQR     = "$.data"        // QR: data is the word itself
	fieldCode   = "$.code"        // the envelope's own code
	fieldError  = "$.errorCode"   // the gateway family's own envelope
)

// Marks of a row: how far its source can be trusted.
const (
	documented  = "documented"
	inferred    = "inferred"
	unconfirmed = "unconfirmed"
)

// Words of the table that the decoder asks by.
const (
	wordCharge = "CHARGE"
	wordRefund = "REFUND"

	wordConfirmed = "CONFIRMED"
)

// What several rows quote: the sentence of the page "Status", its answer, and
// the answer of the page "Refund".
const (
	untilFinal      = "until you receive a Reject or Charge"
	chargeAnswer    = `"code": "200", "message": "PAYMENT_SUCCESS"`
	createdAnswer   = `"code": "110", "message": "CREATED"`
	confirmedAnswer = `"code": "120", "message": "CONFIRMED"`
	refundAnswer    = `"code": "204", "message": "REFUND"`
)

// codeAlone is the case of the envelope's codes.
const codeAlone = "no data: a code is no payment's status"

// facts is what an answer says beside its word.
type facts struct {
	// code is the envelope's code.
	code string
	// wallet: the payment is one of a wallet and not of a card.
	wallet bool
	// confirmedIsPaid: the account's setting wallet_confirmed says succeeded.
	confirmedIsPaid bool
	// amount is what was paid at first; refunded and refundable are the two
	// halves it falls into. Absent where the answer holds none.
	amount, refunded, refundable payment.Money
}

// rules is the mapping. CREATED and CONFIRMED are words of the wallets' pages,
// REFUND is of the page "Refund": whether the status call says them is nowhere
// shown. An envelope's code is no status, so its rows name errors only. Numeric
// statuses and action codes of the gateway behind finipay are left out on
// purpose: no page of finipay shows one.
var rules = providers.Rules[facts]{
	{Row: providers.Row{Field: fieldStatus, Raw: "CREATED", Status: payment.RequiresAction, Case: "a wallet, whose payer has to enter the code sent to the phone", Words: createdAnswer, Mark: inferred}, When: ofWallet},
	{Row: providers.Row{Field: fieldStatus, Raw: "CREATED", Status: payment.Pending, Case: "a card", Words: createdAnswer, Mark: inferred}},
	{Row: providers.Row{Field: fieldStatus, Raw: wordConfirmed, Status: payment.Succeeded, Case: "a wallet, where the setting wallet_confirmed says succeeded", Words: confirmedAnswer, Mark: unconfirmed}, When: paidOnceConfirmed},
	{Row: providers.Row{Field: fieldStatus, Raw: wordConfirmed, Status: payment.Processing, Case: "otherwise: the code was accepted, which no page calls final", Words: confirmedAnswer, Mark: inferred}},
	{Row: providers.Row{Field: fieldStatus, Raw: wordCharge, Kind: providers.Inconsistent, Case: "under a code that is neither 200 nor 204", Words: chargeAnswer, Mark: inferred}, When: chargeUnderOtherCode},
	{Row: providers.Row{Field: fieldStatus, Raw: wordCharge, Kind: providers.Inconsistent, Case: "beside money that went back: refunded is above 0, or refundable is not the amount", Words: chargeAnswer, Mark: inferred}, When: chargeBesideRefund},
	{Row: providers.Row{Field: fieldStatus, Raw: wordCharge, Status: payment.Succeeded, Case: "otherwise; amount and currency are then compared", Words: untilFinal, Mark: documented}},
	{Row: providers.Row{Field: fieldStatus, Raw: "REJECT", Status: payment.Failed, Case: "under any code", Words: untilFinal, Mark: documented}, Reason: payment.ReasonDeclined},
	{Row: providers.Row{Field: fieldStatus, Raw: wordRefund, Status: payment.Review, Case: "refunded or refundable is missing", Words: refundAnswer, Mark: inferred}, Reason: payment.ReasonAmountMissing, When: refundUntold},
	{Row: providers.Row{Field: fieldStatus, Raw: wordRefund, Status: payment.Review, Case: "refunded + refundable is not amount, or nothing was refunded", Words: refundAnswer, Mark: inferred}, Reason: payment.ReasonContradiction, When: refundDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: wordRefund, Status: payment.PartiallyRefunded, Case: "refundable is above 0", Words: refundAnswer, Mark: unconfirmed}, When: refundPartial},
	{Row: providers.Row{Field: fieldStatus, Raw: wordRefund, Status: payment.Refunded, Case: "refundable is 0", Words: refundAnswer, Mark: unconfirmed}},

	{Row: providers.Row{Field: fieldQR, Raw: "CREATED", Status: payment.Pending, Case: "in Latin letters", Words: "intermediate", Mark: inferred}},
	{Row: providers.Row{Field: fieldQR, Raw: "\u0421REATED", Status: payment.Pending, Case: "with the Cyrillic first letter that the page has", Words: "intermediate", Mark: documented}},
	{Row: providers.Row{Field: fieldQR, Raw: "SUCCESSFUL", Kind: providers.Inconsistent, Case: "under a code that is not 100", Words: `"code": "100", "message": "Success"`, Mark: inferred}, When: qrUnderOtherCode},
	{Row: providers.Row{Field: fieldQR, Raw: "SUCCESSFUL", Status: payment.Succeeded, Case: "otherwise; a review where the account wants an amount, since none is told", Words: "final", Mark: documented}},

	{Row: providers.Row{Field: fieldCode, Raw: "100", Kind: providers.UnknownStatus, Case: codeAlone, Words: `"message": "SUCCESS"`, Mark: documented}},
	{Row: providers.Row{Field: fieldCode, Raw: "110", Kind: providers.UnknownStatus, Case: codeAlone, Words: createdAnswer, Mark: documented}},
	{Row: providers.Row{Field: fieldCode, Raw: "120", Kind: providers.UnknownStatus, Case: codeAlone, Words: `"message": "CONFIRMED"`, Mark: documented}},
	{Row: providers.Row{Field: fieldCode, Raw: "200", Kind: providers.UnknownStatus, Case: codeAlone, Words: chargeAnswer, Mark: documented}},
	{Row: providers.Row{Field: fieldCode, Raw: codeRefund, Kind: providers.UnknownStatus, Case: codeAlone + "; with data but no status in it, as the word REFUND", Words: refundAnswer, Mark: documented}},

	{Row: providers.Row{Field: fieldError, Raw: "0", Kind: providers.UnknownStatus, Case: "no data", Words: "no error (of the gateway family, on no page of finipay)", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldError, Raw: "5", Kind: providers.Misconfigured, Case: "no data", Words: "access denied, or a bad parameter (of the gateway family)", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldError, Raw: "6", Kind: providers.NotFound, Case: "no data", Words: "unknown order (of the gateway family)", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldError, Raw: "7", Kind: providers.Unavailable, Case: "no data", Words: "system error (of the gateway family)", Mark: unconfirmed}},
}

func ofWallet(f facts) bool { return f.wallet }

func paidOnceConfirmed(f facts) bool { return f.wallet && f.confirmedIsPaid }

// chargeUnderOtherCode: code 204 is the refund call's, whose answer may still
// say CHARGE.
func chargeUnderOtherCode(f facts) bool { return f.code != "200" && f.code != codeRefund }

// chargeBesideRefund: refunded money would be lost in a plain success.
func chargeBesideRefund(f facts) bool {
	return f.refunded.Minor() > 0 || f.refundable.Known() && f.refundable != f.amount
}

func qrUnderOtherCode(f facts) bool { return f.code != "100" }

func refundUntold(f facts) bool { return !f.refunded.Known() || !f.refundable.Known() }

func refundDoubted(f facts) bool {
	sum, err := f.refunded.Plus(f.refundable)
	return err != nil || sum != f.amount || f.refunded.Minor() == 0
}

func refundPartial(f facts) bool { return f.refundable.Minor() > 0 }
