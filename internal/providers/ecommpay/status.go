package ecommpay

import (
	"slices"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mappingVersion names the tables of this package; raise it with every change
// of what a word means.
const mappingVersion = "ecommpay/2"

// How reliable a row is.
const (
	documented  = "documented"  // ecommpay's own pages
	sdk         = "client"      // ecommpay's SDKs and shop plugin
	inferred    = "inferred"    // concluded from the above
	unconfirmed = "unconfirmed" // nobody says
)

// statusField is the field of the status table.
const statusField = "payment.status"

// statusRow is one line of the status table. Its reason is that of the status;
// empty for decline, whose reason is that of the deciding operation's code, and
// for review, whose reason is the doubt.
type statusRow = providers.Rule[facts]

// statusTable is every status word of a payment, as the Gate writes them:
// lower case with spaces. Operations have a smaller set of their own, which
// never decides; where it rules a word out, the word is a review.
var statusTable = slices.Concat(openWords, takenWords, endedWords, unusableWords)

// openWords are those of a payment that is not decided.
var openWords = slices.Concat(providers.Rules[facts]{
	{Row: is("processing", payment.Processing, "being processed", documented)},
	{Row: is("external processing", payment.Processing, "with the payment system or bank", sdk)},
	{Row: is("scheduled recurring processing", payment.Processing, "a recurring payment is due", sdk)},
	{Row: is("awaiting confirmation", payment.Processing, "the bank confirms (online banking); the shop plugin holds the order", sdk)},
	{Row: is("awaiting finalization", payment.Processing, "an operation's status: the direct debit is submitted", sdk)},
	{Row: is("awaiting clearing", payment.Processing, "in the shop plugin, not explained", inferred)},
	{Row: is("awaiting partially clearing", payment.Processing, "in the shop plugin, not explained", inferred)},
	{Row: is("clearing processing", payment.Processing, "in the shop plugin, not explained", inferred)},

	{Row: is("awaiting 3ds result", payment.RequiresAction, "the payer is at 3-D Secure", documented)},
	{Row: is("awaiting redirect result", payment.RequiresAction, "a payment in progress; the payer was sent to another page", documented)},
},
	// The SDK's words and the shop plugin contradict each other: Config.
	checked(cased(is("awaiting customer", payment.Failed, "a decline to the shop plugin", sdk), "setting awaiting_customer_declined"),
		func(f facts) bool { return f.config.AwaitingCustomerDeclined }, ""),
	providers.Rules[facts]{
		{Row: is("awaiting customer", payment.RequiresAction, "the last try was declined, the payer may try again", sdk)},
		{Row: is("awaiting customer action", payment.RequiresAction, "the payer has to do something", documented)},
		{Row: is("awaiting clarification", payment.RequiresAction, "more data is wanted", documented)},
		{Row: is("awaiting merchant auth", payment.RequiresAction, "the merchant has to confirm", documented)},
		{Row: is("awaiting approval", payment.RequiresAction, "somebody has to approve", sdk)},
		{Row: is("awaiting clarify data", payment.RequiresAction, "more data is wanted", sdk)},
		{Row: is("awaiting payment", payment.RequiresAction, "the payer has to pay", sdk)},
		{Row: is("awaiting retry", payment.RequiresAction, "the payer has to try again", sdk)},
		{Row: is("invoice sent", payment.RequiresAction, "the payer has an invoice", sdk)},
	},
	checked(is("awaiting capture", payment.Authorized, "waits for our capture or cancel; may be captured by time-out", documented), nil, ""),
)

// takenWords are those of a payment whose money was taken.
var takenWords = slices.Concat(
	providers.Rules[facts]{{
		Row:  cased(bad("success", "a completed payout or account verification is no payment", inferred), "payment.type is neither purchase nor recurring"),
		When: func(f facts) bool { return f.otherType() },
	}},
	checked(is("success", payment.Succeeded, "a completed payment", documented), nil, ""),
	// A word of the shop plugin alone: without proof it means nothing.
	providers.Rules[facts]{
		{Row: cased(is("partially paid", payment.PartiallyCaptured, "a part is paid", inferred), "operations[] show a charge with its sum, and nothing against it"),
			When: func(f facts) bool {
				return f.money.captured().Known() && f.doubt(payment.PartiallyCaptured) == ""
			}},
		{Row: bad("partially paid", "in the shop plugin, not explained", inferred)},
	},
	checked(is("partially refunded", payment.PartiallyRefunded, "a part was given back", sdk), nil, ""),
	checked(is("partially reversed", payment.PartiallyRefunded, "a part was given back the same day", sdk), nil, ""),
	checked(is("refunded", payment.Refunded, "all was given back", sdk), nil, ""),
	checked(is("reversed", payment.Voided, "all was given back before the business day closed", documented), nil, ""),
)

// endedWords are those of a payment that took no money.
var endedWords = slices.Concat(
	checked(is("decline", payment.Failed, "a declined payment", documented), nil, ""),
	providers.Rules[facts]{
		{Row: cased(isError(providers.NotFound, "Transaction not found", documented), "errors[].code is 3061, without payment.id and operations"),
			When: func(f facts) bool { return f.absent() && f.nameless() }},
		{Row: cased(isError(providers.Inconsistent, "Transaction not found", inferred), "errors[].code is 3061, and a payment is there"),
			When: func(f facts) bool { return f.absent() }},
		// The SDK's words and a sister brand's client contradict each other: Config.
		{Row: cased(is("error", payment.Processing, "created, may still be paid, to a sister brand's client", sdk), "setting error_may_be_paid"),
			When: func(f facts) bool { return f.config.ErrorMayBePaid }},
	},
	checked(is("error", payment.Failed, "error while reviewing data", sdk), nil, payment.ReasonProviderError),
	checked(is("internal error", payment.Failed, "a decline to the shop plugin", sdk), nil, payment.ReasonProviderError),
	checked(is("external error", payment.Failed, "a decline to the shop plugin", sdk), nil, payment.ReasonProviderError),
	checked(is("expired", payment.Expired, "time ran out", sdk), nil, payment.ReasonExpiredByProvider),
	// Both spellings: the PHP SDK was corrected to one l in 2025, the others were not.
	checked(is("canceled", payment.Canceled, "the hold was released", documented), nil, payment.ReasonCanceled),
	checked(is("cancelled", payment.Canceled, "the hold was released; the older spelling", sdk), nil, payment.ReasonCanceled),
	checked(is("invoice cancelled", payment.Canceled, "the invoice was withdrawn", sdk), nil, payment.ReasonCanceled),
)

// unusableWords are known, and say nothing about a payment's money.
var unusableWords = providers.Rules[facts]{
	{Row: bad("partially paid out", "payouts only", sdk)},
	{Row: bad("decline renewal", "in the shop plugin, not explained", unconfirmed)},
	{Row: bad("initial", "the shop plugin's own placeholder, not the platform's", sdk)},
}

func is(raw string, status payment.Status, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: statusField, Status: status, Words: words, Mark: mark}
}

func bad(raw, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: statusField, Kind: providers.UnknownStatus, Words: words, Mark: mark}
}

func isError(kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: "error", Field: statusField, Kind: kind, Words: words, Mark: mark}
}

// checked is a word that counts as long as the operations don't rule it out:
// two rows, of which the first is the review. when is nil for a word without
// a case of its own.
func checked(row providers.Row, when func(facts) bool, reason payment.Reason) providers.Rules[facts] {
	review := row
	review.Status, review.Mark = payment.Review, inferred
	review.Case = strings.TrimPrefix(row.Case+", and "+doubtful(row.Status), ", and ")
	return providers.Rules[facts]{
		{Row: review, When: func(f facts) bool { return (when == nil || when(f)) && f.doubt(row.Status) != "" }},
		{Row: row, Reason: reason, When: when},
	}
}

// normal is how words are compared: without white space around and in lower case.
func normal(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// findStatus gives the meaning of an answer's status word; a word that is not in
// the table is an unknown status.
func findStatus(f facts) statusRow {
	word := normal(f.status)
	row, ok := statusTable.Find(statusField, word, f)
	if !ok {
		row.Row = bad(word, "the word is in no table", unconfirmed)
	}
	return row
}
