package ecommpay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mappingVersion names the tables of this package; raise it with every change
// of what a word means.
const mappingVersion = "ecommpay/1"

// How reliable a row is.
const (
	documented  = "documented"  // ecommpay's own pages
	sdk         = "client"      // ecommpay's SDKs and shop plugin
	inferred    = "inferred"    // concluded from the above
	unconfirmed = "unconfirmed" // nobody says
)

// The fields of the status table.
const (
	statusField = "payment.status"
	// absentField rows count where the answer tells of no payment but an error.
	absentField = "payment.status with errors[].code 3061"
	// otherTypeField rows count where payment.type is neither purchase nor recurring.
	otherTypeField = "payment.status of another payment.type"
)

// statusRow is one line of the status table. Its reason is that of the status;
// empty for decline, whose reason is that of the deciding operation's code.
type statusRow = providers.Rule[struct{}]

// statusTable is every status word of a payment, as the Gate writes them:
// lower case with spaces. Operations have a smaller set of their own, which
// never decides.
var statusTable = providers.Rules[struct{}]{
	{Row: is("processing", payment.Processing, "being processed", documented)},
	{Row: is("external processing", payment.Processing, "with the payment system or bank", sdk)},
	{Row: is("scheduled recurring processing", payment.Processing, "a recurring payment is due", sdk)},
	{Row: is("awaiting confirmation", payment.Processing, "the bank confirms (online banking)", sdk)},
	{Row: is("awaiting finalization", payment.Processing, "the direct debit is submitted", sdk)},
	{Row: is("awaiting clearing", payment.Processing, "not explained", inferred)},
	{Row: is("awaiting partially clearing", payment.Processing, "not explained", inferred)},
	{Row: is("clearing processing", payment.Processing, "not explained", inferred)},

	{Row: is("awaiting 3ds result", payment.RequiresAction, "the payer is at 3-D Secure", documented)},
	{Row: is("awaiting redirect result", payment.RequiresAction, "the payer was sent to another page", documented)},
	{Row: is("awaiting customer", payment.RequiresAction, "the last try was declined, the payer may try again; a decline to the shop plugin", sdk)},
	{Row: is("awaiting customer action", payment.RequiresAction, "the payer has to do something", documented)},
	{Row: is("awaiting clarification", payment.RequiresAction, "more data is wanted", documented)},
	{Row: is("awaiting merchant auth", payment.RequiresAction, "the merchant has to confirm", documented)},
	{Row: is("awaiting approval", payment.RequiresAction, "somebody has to approve", sdk)},
	{Row: is("awaiting clarify data", payment.RequiresAction, "more data is wanted", sdk)},
	{Row: is("awaiting payment", payment.RequiresAction, "the payer has to pay", sdk)},
	{Row: is("awaiting retry", payment.RequiresAction, "the payer has to try again", sdk)},
	{Row: is("invoice sent", payment.RequiresAction, "the payer has an invoice", sdk)},

	{Row: is("awaiting capture", payment.Authorized, "waits for our capture or cancel", documented)},
	{Row: is("success", payment.Succeeded, "completed", documented)},
	{Row: bad("success", otherTypeField, providers.UnknownStatus, "a completed payout or account verification is no payment", inferred)},
	{Row: is("partially paid", payment.PartiallyCaptured, "a part is paid", inferred)},
	{Row: is("partially refunded", payment.PartiallyRefunded, "a part went back", sdk)},
	{Row: is("partially reversed", payment.PartiallyRefunded, "a part went back before the business day closed", sdk)},
	{Row: is("refunded", payment.Refunded, "all went back", sdk)},
	{Row: is("reversed", payment.Voided, "all went back before the business day closed", documented)},

	{Row: is("decline", payment.Failed, "declined", documented)},
	{Row: is("error", payment.Failed, "error while reviewing data", sdk), Reason: payment.ReasonProviderError},
	{Row: bad("error", absentField, providers.NotFound, "Transaction not found", documented)},
	{Row: is("internal error", payment.Failed, "a decline to the shop plugin", sdk), Reason: payment.ReasonProviderError},
	{Row: is("external error", payment.Failed, "a decline to the shop plugin", sdk), Reason: payment.ReasonProviderError},
	{Row: is("expired", payment.Expired, "time ran out", sdk), Reason: payment.ReasonExpiredByProvider},
	{Row: is("canceled", payment.Canceled, "the hold was released", documented), Reason: payment.ReasonCanceled},
	{Row: is("cancelled", payment.Canceled, "the hold was released (older spelling)", sdk), Reason: payment.ReasonCanceled},
	{Row: is("invoice cancelled", payment.Canceled, "the invoice was withdrawn", sdk), Reason: payment.ReasonCanceled},

	{Row: bad("partially paid out", statusField, providers.UnknownStatus, "payouts only", sdk)},
	{Row: bad("decline renewal", statusField, providers.UnknownStatus, "not explained", unconfirmed)},
	{Row: bad("initial", statusField, providers.UnknownStatus, "the shop plugin's own placeholder", sdk)},
}

func is(raw string, status payment.Status, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: statusField, Status: status, Words: words, Mark: mark}
}

func bad(raw, field string, kind providers.Kind, words, mark string) providers.Row {
	return providers.Row{Raw: raw, Field: field, Kind: kind, Words: words, Mark: mark}
}

// normal is how words are compared: without white space around and in lower case.
func normal(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// findStatus gives the meaning of a status word in a field of the table; a word
// that is not there is an unknown status.
func findStatus(word, field string) statusRow {
	word = normal(word)
	row, ok := statusTable.Find(field, word, struct{}{})
	if !ok {
		row.Row = bad(word, field, providers.UnknownStatus, "the word is in no table", unconfirmed)
	}
	return row
}

// mapStatus gives the meaning of payment.status beside payment.type. A type is
// looked at only where the table has a row for it.
func mapStatus(word, kind string) statusRow {
	if kind := normal(kind); kind != "" && kind != "purchase" && kind != "recurring" {
		if normal(word) == "success" {
			return findStatus(word, otherTypeField)
		}
	}
	return findStatus(word, statusField)
}
