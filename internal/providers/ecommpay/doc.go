// Package ecommpay asks ecommpay's Gate API for the status of payments. It
// promises that no field of an answer is believed before the answer's
// signature is verified, that a status is reported only if the operations
// beside it agree with it, and that nothing of an answer but ids, status words,
// codes, dates and sums gets out.
//
// # Source
//
// The page "Checking current payment information" of the Gate API
// (developers.ecommpay.com, en_Gate_payment_status_request), "Signature
// generation and verification" (en_platform_signature), the register of
// response codes (en_platform_payment_info_codes), and, where the pages are
// silent, the provider's own SDKs and shop plugin (github.com/ITECOMMPAY). Each
// row of the status table carries its mark. The same platform runs under other
// brands, which is why the base URL is a setting.
//
// # What is asked
//
// A reference {"payment_id"} is asked by POST /v2/payment/status, which is the
// document's primary way; {"request_id"} by /v2/payment/status/request, which
// the document allows from 10 s after the payment request on. The floor of the
// profile is those 10 s: the worker keeps it between two polls of one payment,
// and plans the first one no earlier. A request's id is known only from the
// answer to that request, so a floor that begins when the worker hears of the
// payment is over no earlier than the document's. The request's signature goes
// into its body; nothing is in the headers.
//
// An answer is compared with the question: by project_id, by payment.id, and,
// where a request was asked for, by the request ids of the operations, as soon
// as all of them name theirs. Absent ones are legal, because projects choose
// their fields.
//
// # Signature
//
// The answer is flattened to lines "path:value", the lines are sorted, joined
// by ";" and signed by HMAC-SHA512. The official SDKs disagree on the order:
// it shows as soon as a list has 11 items, such as a payment with 10 refunds.
// All three orders are tried. That weakens nothing: the lines stay the same.
// What the scheme itself leaves open stays open: a text that holds ";" could
// stand for two lines, empty lists and objects sign nothing. TLS covers that.
// Callbacks are signed in the same way and verified by the same code; they give
// the names of their payment and nothing else.
//
// # Money
//
// Amounts are minor units. The whole payment is compared by the sums as
// requested (sum_initial) of the successful sale, recurring or capture
// operations together, then of the auth, then payment.sum, then
// payment.sum_real where its currency is ours. sum_converted and a sum_real in
// the channel's currency are never compared. captured and refunded come from
// successful operations only; payment.sum is not used for refunds, since
// whether it shrinks is documented nowhere. Without operations no amount is
// reported beside a status that claims money: payment.sum would hide a partial
// authorisation.
//
// # Contradictions of the documents, and what we do
//
//   - The page's sample of a two-step purchase has a capture without a sum: the
//     sum of its auth counts, as long as the payment's own sums do not differ.
//   - Error answers come signed under HTTP 200 and unsigned under 4xx. An
//     unsigned one never is a status, and 3061 (not found) is believed only
//     when signed, because it may end a payment.
//   - "status" at the top of an answer is the request's. Only payment.status is
//     the payment's; the last operation's status never decides (it may be a
//     declined refund of a paid payment).
//   - "awaiting customer" is a decline to the shop plugin; the SDKs say that the
//     payer may try again, so it waits for the payer here, unless the account says
//     awaiting_customer_declined.
//   - "error" of a payment is an error while reviewing data to the SDKs, so it has
//     failed; to a client of a sister brand it may still be paid: error_may_be_paid.
//     A late success is seen either way.
//   - canceled and cancelled are both sent.
//   - An older edition of the page forbids every search within 10 s of the payment
//     request, today's only that by request. The floor keeps both.
//   - "partially paid" is explained nowhere, so it counts only where an operation
//     proves it. No document says whether the sum of an "incremental" is what it
//     adds or the new hold, so the hold is not known after one.
//   - codes are text in the samples and numbers elsewhere; both are read, as is a
//     payment's id. Dates have a zone without a colon, so they are not RFC 3339.
//   - The page's samples hold comments and shortened signatures: as printed, none is
//     an answer that could be believed.
//   - Chargebacks and disputes never show on this API; the callbacks about them are
//     not signed, so they are not believed either. An operator has to report them.
//
// Not knowing a payment (3061) is final only once the payment's own time is
// over: the payer may still confirm the payment page. An Adapter is safe for
// concurrent use and keeps no state.
package ecommpay
