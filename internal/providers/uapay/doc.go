// Package uapay asks UAPAY (uapay.ua, Ukraine) for the status of invoice
// payments. It promises that no status is reported that the provider's own
// table of two axes does not hold, that no field of an answer is believed
// before its signature is, and that nothing of an answer but ids, status words
// and the amount gets out.
//
// # Source
//
// The method page "checkStatus" of UAPAY's public wiki (space AC, page
// 2592145629), its sister pages payments/show (2592145611), invoices/show
// (2592145576), sessions/create (2592145463), callback (2592146040) and the quick
// start (753795086: hosts, HS256, iat, TIMELIMIT_ERROR). Where the pages are
// silent, what the official shop plugins of github.com/UAPAYUA do. Each row of the
// tables carries its mark.
//
// # What is asked
//
// A reference with a payment_id is asked by invoicer/payments/checkStatus. One
// without is asked by invoicer/invoices/show, because a merchant with a hosted
// page knows only the invoice until the payer has started; an invoice without
// payments is pending. Every request is POST, its body signed as a JWT when
// the connection is ready to take it, not before: UAPAY refuses what is over
// 20 s old.
//
// # An invoice with several payments
//
// The payer may fail and try again, so the list is never read by position. A
// payment that was seen to hold or move money is bound (ProviderReference) and
// followed from then on; before that nothing is bound, so that a second try
// that succeeds is not taken for another payment's answer. Without a bound one
// the only payment that holds or took money counts; two of them are a review.
// A reusable invoice (many payers) can be followed only by payment_id. The
// invoice stays what is asked once a payment is bound: checkStatus would not show
// that another one was paid as well.
//
// # Sessions
//
// One session per adapter, shared by all polls, renewed after 10 minutes and
// once when UAPAY refuses it; a refusal of the new one is misconfigured. A
// reference's own session is tried before it. Many
// polls share one fetch; it has a time limit of its own and goes on when the
// poll that began it is canceled, because others wait for it.
//
// # Callbacks
//
// A callback (page 2592146040) is a token like an answer's. It names the payment
// and its invoice, both of which are given on as names; its status words are not
// read. See ReadCallback.
//
// # Contradictions of the documents, and what we do
//
//   - status and paymentStatus stand in opposite fields on checkStatus and on
//     the show methods. Each method's orientation is declared; words that fit
//     only the other way round are swapped (see status.go).
//   - The envelope's status is 1 on one page and "1" on another; the plugins
//     merge the payload over it, so a payment's "FINISHED" replaces it. Both
//     forms are read and the two levels kept apart; a word in place of 0 and 1 is
//     an unknown status.
//   - The method pages show plain data, the plugins decode data.token. A plain
//     answer is accepted only with require_signed off.
//   - The plugins take the JWT's algorithm from the answer, and an older SDK knows
//     RS512 with a pair of keys, which no page offers. We accept HS256 only.
//   - That SDK sends params and token alone, iat inside; everybody else sends the
//     payload beside its token, and so do we.
//   - The table puts redirect inside of confirmation, the 3DS sample beside it.
//     Neither is read: the status alone says that the payer has something to do.
//   - One official plugin calls a payment paid at FINISHED on both axes, four look
//     at the processing axis alone. So FINISHED beside PAID is a success, and beside
//     NEW something that passes.
//   - Dates are called integers and shown as text. They are not read.
//   - invoiceStatus is a third axis, about the invoice's link, and says nothing
//     about money. It is not read.
//   - Errors come under HTTP 200, with or without status. They are never signed,
//     so none of them ends a payment: not-found is not documented as final.
//   - A partial reverse or partial capture is documented nowhere. A smaller
//     amount is reported as such and becomes a review, never a refund.
//   - Amounts are kopecks; checkStatus names no currency, hryvnia is implied.
//     Any other currency in an answer is a review.
//
// # Not documented at all
//
// How long a session lives, what refuses one, what a closed or an expired payment
// looks like, which code an unknown payment has. Each is a row of the table with
// the mark "inferred" or "unconfirmed", or an unknown status.
//
// An Adapter is safe for concurrent use.
package uapay
