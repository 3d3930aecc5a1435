// Package halyk asks Halyk ePay (epayment.kz, homebank.kz, Kazakhstan) for the
// status of an invoice.
//
// It promises: one Poll asks the status once, and once more after a refused
// token; an Observation is made only of an answer in the documented form about
// the invoice and the terminal that were asked for; every other outcome is a
// *providers.Error. A status word that is in no row of the table changes
// nothing. Credentials and tokens never show in an error, and of an answer only
// the fields of the allow-list in wire.go are read, so names, phones, e-mails,
// cards and addresses end here. Each of them is read strictly: a wrong type, or
// a required field that is missing, makes the whole answer unreadable and names
// the field. The only state is the account's token, fetched once for all who
// need it; nobody holds a lock while it is fetched. A callback is a hint that
// nobody signed. An Adapter is safe for concurrent use; time limits are the
// caller's context.
//
// The document is ePay's page "Transaction Status" (epayment.kz/docs) with its
// Kazakh edition and the pages on tokens, the payment page (callbacks), charge,
// cancel, refund and error codes. The call is GET {api_url}/check-status/payment/transaction/{invoiceID}
// with a bearer token of the client and terminal from {token_url}.
//
// Where the document contradicts itself or is silent:
//
//   - The status words. No page lists them: two samples show REFUND alone, and
//     prose says Auth, Charge and Cancel. The other words are those that
//     public clients know; where clients disagree (3D, AUTH) the reading that
//     can still be corrected by a later answer was taken.
//   - resultCode 100 means "found", not "paid". 101 ("reject") holds no
//     transaction, so neither identity nor amount can be checked: it is an
//     unknown status, never a failure. 102 says "try again later": absence is
//     not final.
//   - resultCode and reasonCode are strings in the samples and numbers in
//     clients, expires_in a number on one page and a string on another. Both
//     are read.
//   - Money. In the sample amount 12.22 + payoutAmount 10 = orgAmount 22.22, so
//     orgAmount is taken as what was charged at first, payoutAmount as what
//     went back and amount as what is left. No page says so. REFUND names a
//     whole and a part refund alike: only the amounts tell. An amount of zero
//     or without a currency is absent, as in the oldest edition's sample; a
//     CHARGE told without money is then no success to package payment.
//   - The token's form. The pages say form-data; clients send the urlencoded
//     form of RFC 6749 section 4.4, and so do we.
//   - The addresses for tests differ between pages: api_url and token_url.
//   - Whether bonus points (amountBonus) are inside amount is unsaid: the sum
//     is taken where it, and not orgAmount, equals what was expected.
//   - Reason code 454 is not final in any edition, even under FAILED.
//     459 is final in two editions and not in the third: failed, and a late
//     success is believed.
//   - 460 is final, and the money may be held on the card all the same: the
//     payment fails with a message that says so. Likewise 464, the merchant's fault.
//   - 105, 106 and 108 are left out of a list that goes on after them; VERIFIED,
//     APPROVED and the QR call's PAID and REJECTED are known words, and nobody
//     says what they mean here. All of these are unknown statuses.
//   - HTTP 400 carries a normal body, as one client shows.
//   - transaction.id may change when the payer tries again on the same invoice,
//     so it is told as the provider's reference but never compared.
//   - The general rule that every operation needs a fresh token is about
//     payments; status clients keep one, and so do we.
package halyk
