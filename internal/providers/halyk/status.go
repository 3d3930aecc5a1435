package halyk

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Fields in which a word stands.
const (
	fieldStatus = "$.transaction.statusName"
	fieldResult = "$.resultCode"
)

// Marks of a row: how far its source can be trusted.
const (
	documented  = "documented"
	client      = "client"
	inferred    = "inferred"
	unconfirmed = "unconfirmed"
)

// facts is what an answer says beside its word.
type facts struct {
	amounts
	// reasonCode is empty where no reason is given.
	reasonCode string
}

// rules is the mapping. Words that are in public code but mean no purchase here
// (VERIFIED, the QR call's PAID and REJECTED, a sample's APPROVED) are left out
// on purpose: they are unknown.
var rules = providers.Rules[facts]{
	{Row: providers.Row{Field: fieldStatus, Raw: "NEW", Status: payment.Processing, Words: "form opened or payment sent, no decision; stays when the payer leaves", Mark: client}},
	{Row: providers.Row{Field: fieldStatus, Raw: "FINGERPRINT", Status: payment.RequiresAction, Words: "3-D Secure 2 device check in the payer's browser", Mark: inferred}},
	{Row: providers.Row{Field: fieldStatus, Raw: "3D", Status: payment.RequiresAction, Words: "waits for the 3-D Secure challenge; some clients say failed", Mark: client}},
	{Row: providers.Row{Field: fieldStatus, Raw: "AUTH", Status: payment.Authorized, Words: "Auth: funds are held, before charge or cancel", Mark: documented}},

	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Status: payment.Review, Words: "amounts add up to more than orgAmount, or bonus and part charge can't be told apart", Mark: inferred}, Reason: payment.ReasonContradiction, When: chargeDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Kind: providers.Inconsistent, Words: "a charge whose whole amount is paid out already", Mark: inferred}, When: paidOut},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Status: payment.PartiallyRefunded, Words: "payoutAmount between 0 and orgAmount", Mark: inferred}, When: partPaidOut},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Status: payment.PartiallyCaptured, Words: "partial charge: amount below orgAmount, nothing paid out", Mark: inferred}, When: partCharged},
	{Row: providers.Row{Field: fieldStatus, Raw: "CHARGE", Status: payment.Succeeded, Words: "Charge: refunds are possible only from here", Mark: documented}},

	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Review, Words: "amounts add up to more than orgAmount, or nothing has gone back", Mark: inferred}, Reason: payment.ReasonContradiction, When: refundDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Review, Words: "how much went back is unsaid", Mark: inferred}, Reason: payment.ReasonAmountMissing, When: refundUntold},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.Refunded, Words: "payoutAmount equals orgAmount", Mark: inferred}, When: paidOut},
	{Row: providers.Row{Field: fieldStatus, Raw: "REFUND", Status: payment.PartiallyRefunded, Words: "the page's sample: 10 of 22.22 paid out", Mark: documented}},
	{Row: providers.Row{Field: fieldStatus, Raw: "PARTIAL_REFUND", Status: payment.Review, Words: "all or nothing went back, or more than orgAmount", Mark: inferred}, Reason: payment.ReasonContradiction, When: partRefundDoubted},
	{Row: providers.Row{Field: fieldStatus, Raw: "PARTIAL_REFUND", Status: payment.Review, Words: "how much went back is unsaid", Mark: inferred}, Reason: payment.ReasonAmountMissing, When: refundUntold},
	{Row: providers.Row{Field: fieldStatus, Raw: "PARTIAL_REFUND", Status: payment.PartiallyRefunded, Words: "known to one client", Mark: unconfirmed}},

	{Row: providers.Row{Field: fieldStatus, Raw: "CANCEL", Status: payment.Canceled, Words: "cancel: the hold is released, only from Auth", Mark: documented}, Reason: payment.ReasonCanceled},
	{Row: providers.Row{Field: fieldStatus, Raw: "CANCEL_OLD", Status: payment.Canceled, Words: "an older or automatic release of the hold", Mark: client}, Reason: payment.ReasonCanceled},

	{Row: providers.Row{Field: fieldStatus, Raw: "FAILED", Status: payment.Processing, Words: "reason 454: not final, ask the status again", Mark: documented}, When: askAgain},
	{Row: providers.Row{Field: fieldStatus, Raw: "FAILED", Status: payment.Failed, Words: "refused; see reasonCode", Mark: client}},
	{Row: providers.Row{Field: fieldStatus, Raw: "REJECT", Status: payment.Processing, Words: "reason 454: not final, ask the status again", Mark: documented}, When: askAgain},
	{Row: providers.Row{Field: fieldStatus, Raw: "REJECT", Status: payment.Failed, Words: "refused; see reasonCode", Mark: client}},
	{Row: providers.Row{Field: fieldStatus, Raw: "DECLINE", Status: payment.Processing, Words: "reason 454: not final, ask the status again", Mark: documented}, When: askAgain},
	{Row: providers.Row{Field: fieldStatus, Raw: "DECLINE", Status: payment.Failed, Words: "known to one client", Mark: unconfirmed}},
	{Row: providers.Row{Field: fieldStatus, Raw: "DECLINED", Status: payment.Processing, Words: "reason 454: not final, ask the status again", Mark: documented}, When: askAgain},
	{Row: providers.Row{Field: fieldStatus, Raw: "DECLINED", Status: payment.Failed, Words: "known to one client", Mark: unconfirmed}},

	{Row: providers.Row{Field: fieldResult, Raw: "101", Kind: providers.UnknownStatus, Words: "Reject, without a transaction", Mark: documented}},
	{Row: providers.Row{Field: fieldResult, Raw: "102", Kind: providers.NotFound, Words: "Invoice not found, try again later or check transaction type", Mark: documented}},
	{Row: providers.Row{Field: fieldResult, Raw: "103", Kind: providers.Unavailable, Words: "Error, try again or contact support", Mark: documented}},
	{Row: providers.Row{Field: fieldResult, Raw: "104", Kind: providers.Misconfigured, Words: "Field terminal absent in token", Mark: documented}},
	{Row: providers.Row{Field: fieldResult, Raw: "107", Kind: providers.Throttled, Words: "Try again later", Mark: documented}},
	{Row: providers.Row{Field: fieldResult, Raw: "109", Kind: providers.Misconfigured, Words: "Terminal does not belong to the client, check provided request", Mark: documented}},
}

func askAgain(f facts) bool { return f.reasonCode == notFinal }
