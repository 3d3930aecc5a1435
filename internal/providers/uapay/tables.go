package uapay

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// table is all that this package decides by, for people: every pair of status
// words, what an envelope, a list and a currency can mean, every error code.
func table() []providers.Row {
	return slices.Concat(statusTable, listTable, envelopeTable, providers.Lines(errorTable))
}

// The rows of listTable.
const (
	listEmpty = iota
	listEmptied
	listConflict
	listForeign
)

// emptyList is what is reported as the status of an invoice without payments.
const emptyList = "payments[] empty"

// listTable is what an invoice's payments mean beside their pairs of words.
var listTable = []providers.Row{
	listEmpty:    {Raw: emptyList, Field: "payments", Case: "no payment was followed", Status: payment.Pending, Words: "data on payments under this invoice", Mark: inferred},
	listEmptied:  {Raw: emptyList, Field: "payments", Case: "a payment was followed", Kind: providers.Inconsistent, Words: "the invoice's payment is gone", Mark: inferred},
	listConflict: {Raw: twoPayments, Field: "payments", Case: "two payments of the invoice moved money", Status: payment.Review, Words: "which of them pays the order is not told", Mark: inferred},
	// Hryvnia is implied where an answer names no currency; these are its names.
	listForeign: {Raw: "another currency", Field: "currency", Case: "neither 980 nor UAH", Status: payment.Review, Words: "UAPAY pays in hryvnia", Mark: inferred},
}

// The rows of envelopeTable.
const (
	envelopeFailed = iota
	envelopeElsewhere
	envelopeBare
	envelopeUnsigned
)

// envelopeTable is what an envelope's own status means where no payload can be
// read. It is never mixed with the payload's status: the plugins merge the two,
// and a payment's FINISHED then stands where the 1 was. A status that is neither
// 0 nor 1 is an unknown one.
var envelopeTable = []providers.Row{
	envelopeFailed:    {Raw: "0", Field: envelopeField, Case: "without an error object", Kind: providers.UnknownStatus, Words: "Status. 0 - error, 1 - success", Mark: inferred},
	envelopeElsewhere: {Raw: "1", Field: envelopeField, Case: "under an HTTP status other than 200", Kind: providers.Unreadable, Words: "Status. 0 - error, 1 - success", Mark: inferred},
	envelopeBare:      {Raw: "1", Field: envelopeField, Case: "without data", Kind: providers.Unreadable, Words: "Status. 0 - error, 1 - success", Mark: inferred},
	envelopeUnsigned:  {Raw: "1", Field: envelopeField, Case: "without a token where require_signed is on", Kind: providers.SignatureInvalid, Words: "Status. 0 - error, 1 - success", Mark: inferred},
}

// envelopeField is where the envelope's status stands.
const envelopeField = "envelope status"
