package uapay

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mappingVersion names the tables of this package; raise it with every change
// of what a word means. 2: a release seen again after it was told stays one
// (CANCELED/CANCELED after voided), and an envelope that fails without an error
// object is an unknown status.
const mappingVersion = "uapay/2"

// How reliable a row is.
const (
	documented  = "documented"  // UAPAY's own pages
	client      = "client"      // seen in a public client, mostly UAPAY's own plugins
	inferred    = "inferred"    // concluded from the above
	unconfirmed = "unconfirmed" // nobody says
)

// axesField is the field of the status table: a row's Raw is the word of the
// processing axis and the word of the invoicer axis. Which of an answer's two
// fields holds which is declared with each method.
const axesField = "processing/invoicer"

// caseAfterHold is the case of rows that count only where a hold was seen.
const caseAfterHold = "a hold was seen before"

// statusTable is every pair of words. Three things hold for the whole of it.
// PAID is never captured money by itself: the plugins take HOLDED for a hold
// only together with it. The pairs of words that belong to both axes mean the
// same either way round, because nobody can tell which way round they are. And
// Inconsistent is a disagreement that two systems updating one after the other
// show for a while, Review one that can't pass.
var statusTable = []providers.Row{
	// OPEN: not explained by UAPAY.
	{Raw: "OPEN/NEW", Field: axesField, Status: payment.Pending, Words: "nobody has acted on either axis", Mark: inferred},
	{Raw: "OPEN/PAID", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "OPEN/FINISHED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "OPEN/REVERSED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "OPEN/CANCELED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	// PENDING: being paid, intermediate.
	{Raw: "PENDING/NEW", Field: axesField, Status: payment.Processing, Words: "being paid, intermediate", Mark: client},
	{Raw: "PENDING/PAID", Field: axesField, Status: payment.Processing, Words: "being paid, intermediate", Mark: inferred},
	{Raw: "PENDING/FINISHED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "PENDING/REVERSED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "PENDING/CANCELED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	// NEEDS_CONFIRMATION: waits for LOOKUP or 3DS.
	{Raw: "NEEDS_CONFIRMATION/NEW", Field: axesField, Status: payment.RequiresAction, Words: "Example of an answer for LOOKUP card; Example of an answer for 3DS card", Mark: documented},
	{Raw: "NEEDS_CONFIRMATION/PAID", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "NEEDS_CONFIRMATION/FINISHED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "NEEDS_CONFIRMATION/REVERSED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "NEEDS_CONFIRMATION/CANCELED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	// HOLDED: held, complete is needed to capture.
	{Raw: "HOLDED/NEW", Field: axesField, Kind: providers.Inconsistent, Words: "the invoicer has not seen the hold yet", Mark: client},
	{Raw: "HOLDED/PAID", Field: axesField, Status: payment.Authorized, Words: "held, complete is needed to capture; a hold in all five official plugins", Mark: client},
	{Raw: "HOLDED/FINISHED", Field: axesField, Kind: providers.Inconsistent, Words: "after complete", Mark: inferred},
	{Raw: "HOLDED/REVERSED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "HOLDED/CANCELED", Field: axesField, Kind: providers.Inconsistent, Words: "the release is under way", Mark: inferred},
	// PAYED: not explained by UAPAY.
	{Raw: "PAYED/NEW", Field: axesField, Status: payment.Processing, Words: "not explained by UAPAY", Mark: inferred},
	{Raw: "PAYED/PAID", Field: axesField, Status: payment.Processing, Words: "the plugins ship at FINISHED only", Mark: inferred},
	{Raw: "PAYED/FINISHED", Field: axesField, Status: payment.Succeeded, Words: "not explained by UAPAY", Mark: inferred},
	{Raw: "PAYED/REVERSED", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "PAYED/CANCELED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	// FINISHED: paid, money sent to the recipient.
	{Raw: "FINISHED/NEW", Field: axesField, Kind: providers.Inconsistent, Words: "the invoicer has not seen the money yet", Mark: inferred},
	{Raw: "FINISHED/PAID", Field: axesField, Status: payment.Succeeded, Words: "paid, money sent to the recipient; one official plugin of five waits for the other FINISHED", Mark: client},
	{Raw: "FINISHED/FINISHED", Field: axesField, Status: payment.Succeeded, Words: "callback sample: \"status\":\"FINISHED\", \"paymentStatus\":\"FINISHED\"", Mark: documented},
	{Raw: "FINISHED/REVERSED", Field: axesField, Status: payment.Review, Words: "may be a part reverse, whose look is not documented", Mark: inferred},
	{Raw: "FINISHED/CANCELED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	// REVERSED: returned to the sender.
	{Raw: "REVERSED/NEW", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "REVERSED/PAID", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "REVERSED/FINISHED", Field: axesField, Status: payment.Review, Words: "may be a part reverse, whose look is not documented", Mark: inferred},
	{Raw: "REVERSED/REVERSED", Field: axesField, Status: payment.Refunded, Words: "returned to the sender; reverse is called on FINISHED", Mark: client},
	{Raw: "REVERSED/CANCELED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	// RETURNED: not explained by UAPAY.
	{Raw: "RETURNED/NEW", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "RETURNED/PAID", Field: axesField, Kind: providers.Inconsistent, Words: "the axes disagree as while one catches up", Mark: inferred},
	{Raw: "RETURNED/FINISHED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "RETURNED/REVERSED", Field: axesField, Status: payment.Refunded, Words: "not explained by UAPAY", Mark: inferred},
	{Raw: "RETURNED/CANCELED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	// CANCELED: broken off on the payer's side.
	{Raw: "CANCELED/NEW", Field: axesField, Status: payment.Canceled, Words: "not finished, broken off on the payer's side", Mark: client},
	{Raw: "CANCELED/PAID", Field: axesField, Status: payment.Voided, Words: "cancel was called on a hold", Mark: inferred},
	{Raw: "CANCELED/FINISHED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "CANCELED/REVERSED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "CANCELED/CANCELED", Field: axesField, Case: caseAfterHold, Status: payment.Voided, Words: "cancel was called on a hold", Mark: inferred},
	{Raw: "CANCELED/CANCELED", Field: axesField, Case: "no hold was seen", Status: payment.Canceled, Words: "not finished, broken off on the payer's side", Mark: client},
	// REJECTED: did not happen for technical reasons.
	{Raw: "REJECTED/NEW", Field: axesField, Status: payment.Failed, Words: "did not happen for technical reasons", Mark: client},
	{Raw: "REJECTED/PAID", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "REJECTED/FINISHED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "REJECTED/REVERSED", Field: axesField, Status: payment.Review, Words: "the axes contradict each other", Mark: inferred},
	{Raw: "REJECTED/CANCELED", Field: axesField, Status: payment.Failed, Words: "did not happen for technical reasons", Mark: inferred},
	// CLOSED: not explained by UAPAY.
	{Raw: "CLOSED/NEW", Field: axesField, Kind: providers.UnknownStatus, Words: "candidate for expired", Mark: unconfirmed},
	{Raw: "CLOSED/PAID", Field: axesField, Kind: providers.UnknownStatus, Words: "not explained by UAPAY", Mark: unconfirmed},
	{Raw: "CLOSED/FINISHED", Field: axesField, Kind: providers.UnknownStatus, Words: "not explained by UAPAY", Mark: unconfirmed},
	{Raw: "CLOSED/REVERSED", Field: axesField, Kind: providers.UnknownStatus, Words: "not explained by UAPAY", Mark: unconfirmed},
	{Raw: "CLOSED/CANCELED", Field: axesField, Kind: providers.UnknownStatus, Words: "candidate for canceled", Mark: unconfirmed},
}

// findPair gives the row of a pair of words; false if either word is not of its axis.
func findPair(processing, invoicer string, last payment.Status) (providers.Row, bool) {
	raw := processing + "/" + invoicer
	i := slices.IndexFunc(statusTable, func(r providers.Row) bool {
		return r.Raw == raw && (r.Case != caseAfterHold || sawHold(last))
	})
	if i < 0 {
		return providers.Row{}, false
	}
	return statusTable[i], true
}

// sawHold reports whether the last status proves a hold: the hold itself, or its
// release, which is told as CANCELED/PAID first and CANCELED/CANCELED later.
func sawHold(last payment.Status) bool {
	return last == payment.Authorized || last == payment.Voided
}

// mapPair gives the meaning of the two words of an answer. Words that fit only
// the other way round are taken so, because the documents themselves put the
// axes into opposite fields; words outside both axes are an unknown status,
// and so are words in another letter case.
func mapPair(processing, invoicer string, last payment.Status) (row providers.Row, swapped bool) {
	if row, ok := findPair(processing, invoicer, last); ok {
		return row, false
	}
	if row, ok := findPair(invoicer, processing, last); ok {
		return row, true
	}
	return providers.Row{
		Raw: processing + "/" + invoicer, Field: axesField, Kind: providers.UnknownStatus,
		Words: "a word outside its axis", Mark: unconfirmed,
	}, false
}
