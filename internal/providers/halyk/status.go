package halyk

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Fields in which a word stands.
const (
	fieldStatus = "$.transaction.statusName"
	fieldReason = "$.transaction.reasonCode"
	fieldResult = "$.resultCode"
)

// Marks of a row: how far its source can be trusted.
const (
	documented  = "documented"  // ePay's own pages
	client      = "client"      // public client code
	inferred    = "inferred"    // concluded from the above
	unconfirmed = "unconfirmed" // one client, or nobody
)

// found is the resultCode under which there is a transaction.
const found = "100"

// facts is what an answer says beside its word.
type facts struct {
	amounts
	// reasonCode is empty where no reason is given.
	reasonCode string
}

// rules is the mapping. Where a word has several rows the first that holds
// counts; the last one holds in all other cases.
var rules = slices.Concat(open, taken, ended, unusable, envelope)

// open are the words of a payment that is not decided.
var open = providers.Rules[facts]{
	{Row: is("NEW", payment.Processing, "form opened or payment sent, no decision; stays when the payer leaves", client)},
	{Row: is("FINGERPRINT", payment.RequiresAction, "3-D Secure 2 device check in the payer's browser", inferred)},
	// Clients contradict each other: failed, or waiting. Only the second can
	// still be corrected by a later answer, and a CHARGE after 3D was seen.
	{Row: is("3D", payment.RequiresAction, "waits for the 3-D Secure challenge; some clients say failed", client)},
	// Clients contradict the pages: to some it is paid. Nothing is, before a charge.
	{Row: is("AUTH", payment.Authorized, "Auth: funds are held, before charge or cancel", documented)},
}

// taken are the words of a payment whose money was taken.
var taken = providers.Rules[facts]{
	{
		Row:    cased(is("CHARGE", payment.Review, chargeWords, inferred), "amount + payoutAmount are above orgAmount, or amount is below it beside amountBonus"),
		Reason: payment.ReasonContradiction, When: chargeDoubted,
	},
	{Row: cased(bad(fieldStatus, "CHARGE", providers.Inconsistent, chargeWords, inferred), "payoutAmount is all there was"), When: paidOut},
	{Row: cased(is("CHARGE", payment.PartiallyRefunded, chargeWords, inferred), "payoutAmount is above 0 and not all there was"), When: partPaidOut},
	{Row: cased(is("CHARGE", payment.PartiallyCaptured, "charge?amount= takes a part of an Auth", inferred), "amount is below orgAmount, payoutAmount is 0 or absent"), When: partCharged},
	{Row: is("CHARGE", payment.Succeeded, chargeWords, documented)},

	{
		Row:    cased(is("REFUND", payment.Review, refundWords, inferred), "amount + payoutAmount are above orgAmount, or nothing is missing from it"),
		Reason: payment.ReasonContradiction, When: refundDoubted,
	},
	{
		Row:    cased(is("REFUND", payment.Review, refundWords, inferred), "payoutAmount is 0 or absent, and no difference tells how much went back"),
		Reason: payment.ReasonAmountMissing, When: refundUntold,
	},
	{Row: cased(is("REFUND", payment.Refunded, refundWords, inferred), "payoutAmount is orgAmount"), When: paidOut},
	{Row: is("REFUND", payment.PartiallyRefunded, refundWords, documented)},
	{
		Row:    cased(is("PARTIAL_REFUND", payment.Review, oneClient, inferred), "as REFUND, or payoutAmount is orgAmount"),
		Reason: payment.ReasonContradiction, When: partRefundDoubted,
	},
	{
		Row:    cased(is("PARTIAL_REFUND", payment.Review, oneClient, inferred), "payoutAmount is 0 or absent, and no difference tells how much went back"),
		Reason: payment.ReasonAmountMissing, When: refundUntold,
	},
	{Row: is("PARTIAL_REFUND", payment.PartiallyRefunded, oneClient, unconfirmed)},
}

const (
	chargeWords = "Charge: refunds are possible only from here"
	refundWords = "REFUND beside amount 12.22, payoutAmount 10, orgAmount 22.22 (the page's sample)"
	oneClient   = "known to one client"
	cancelWords = "cancel: the hold is released, only from Auth"
)

// ended are the words of a payment that took no money.
var ended = slices.Concat(
	providers.Rules[facts]{
		{Row: is("CANCEL", payment.Canceled, cancelWords, documented), Reason: payment.ReasonCanceled},
		{Row: is("CANCEL_OLD", payment.Canceled, "an older or automatic release of the hold", client), Reason: payment.ReasonCanceled},
	},
	refusal("FAILED", "refused; see reasonCode", client),
	refusal("REJECT", "refused; see reasonCode", client),
	refusal("DECLINE", oneClient, unconfirmed),
	refusal("DECLINED", oneClient, unconfirmed),
)

// refusal is a refused payment: decided, unless its reason says ask again.
// What the reason is comes from reasonTable.
func refusal(raw, words, mark string) providers.Rules[facts] {
	return providers.Rules[facts]{
		{Row: cased(is(raw, payment.Processing, askAgainWords, documented), "reasonCode is "+notFinal), When: askAgain},
		{Row: is(raw, payment.Failed, words, mark)},
	}
}

// unusable are words that are known and say nothing certain about a purchase.
var unusable = providers.Rules[facts]{
	{Row: bad(fieldStatus, "VERIFIED", providers.UnknownStatus, "a card is saved, amount 0: no purchase; one client counts it as paid", unconfirmed)},
	{Row: bad(fieldStatus, "PAID", providers.UnknownStatus, "final status of the QR call; whether this call shows it is unsaid", unconfirmed)},
	{Row: bad(fieldStatus, "REJECTED", providers.UnknownStatus, "final status of the QR call; whether this call shows it is unsaid", unconfirmed)},
	{Row: bad(fieldStatus, "APPROVED", providers.UnknownStatus, "in a client's invented sample", unconfirmed)},
}

// envelope are the result codes, in the page's words.
var envelope = providers.Rules[facts]{
	// 100 means found, not paid: what it means for the payment is in statusName.
	{Row: cased(bad(fieldResult, found, providers.Unreadable, "Success", inferred), "transaction is null or has no statusName; else statusName decides")},
	// Without a transaction neither identity nor amount can be checked, and no
	// page says what was rejected: a payment, or the request.
	{Row: bad(fieldResult, "101", providers.UnknownStatus, "Reject", documented)},
	// "Try again later": absence is not final.
	{Row: bad(fieldResult, "102", providers.NotFound, "Invoice not found, try again later or check transaction type (payment/p2p)", documented)},
	{Row: bad(fieldResult, "103", providers.Unavailable, "Error, try again or contact support", documented)},
	{Row: bad(fieldResult, "104", providers.Misconfigured, "Field terminal absent in token", documented)},
	{Row: bad(fieldResult, "105", providers.UnknownStatus, noWords, unconfirmed)},
	{Row: bad(fieldResult, "106", providers.UnknownStatus, noWords, unconfirmed)},
	{Row: bad(fieldResult, "107", providers.Throttled, "Try again later", documented)},
	{Row: bad(fieldResult, "108", providers.UnknownStatus, noWords, unconfirmed)},
	{Row: bad(fieldResult, "109", providers.Misconfigured, "Terminal does not belong to the client, check provided request", documented)},
}

const noWords = "left out of the page's list, between its codes"

func is(raw string, status payment.Status, words, mark string) providers.Row {
	return providers.Row{Field: fieldStatus, Raw: raw, Status: status, Words: words, Mark: mark}
}

// bad is a word that is no status but an error.
func bad(field, raw string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Field: field, Raw: raw, Kind: kind, Words: words, Mark: mark}
}

func cased(r providers.Row, in string) providers.Row {
	r.Case = in
	return r
}

func askAgain(f facts) bool { return f.reasonCode == notFinal }
