// Package finipay asks finipay (finipay.kg, Kyrgyzstan) for the status of card
// payments, of wallet payments (Mbank, Megapay) and of QR transactions.
//
// It promises: one Poll is one HTTP request; an Observation is made only of an
// answer in the documented form about the payment that was asked for; every
// other outcome is a *providers.Error. A status word that is in no row of the
// table changes nothing, and a field of a wrong type is an error with its path.
// The login, the password and the request never show in an error, and of an
// answer only code, message, the status word, the order number and the amounts
// are read. An Adapter keeps no state and is safe for concurrent use; time
// limits are the caller's context.
//
// The document is finipay's public reference, the pages "Status" and "Refund"
// (cards), "Payment" and "Check" (wallets) and "Dynamic QR generate". Cards and
// wallets are asked for by GET or POST on {base_url}/api/v1.1.0/status with
// {"orderNumber","language"}, a QR by GET on
// {base_url}/gen/qr/transaction/status?transaction_id=..., all with HTTP
// Basic. Answers carry no signature: TLS is the whole trust, so redirects are
// not followed. The create calls take a callback URL, but no page says what is
// sent there or how it could be verified, so callbacks are not read.
//
// Where the document contradicts itself or is silent:
//
//   - The method. The endpoint block says GET with a body, the text above the
//     code sample says POST, and the sample posts to another path, /api/payment,
//     with orderId in place of orderNumber. GET is the default because the
//     endpoint block is the definition; the setting status_method changes it.
//     Nothing switches by itself: what a refused method looks like is reported
//     as misconfigured, with the setting's name. The sample's path is never
//     asked: it is the one that creates payments.
//   - The headers. The sample sets its headers twice, so that its content type
//     is lost; both are sent here.
//   - The language. It is optional, and without it messages are in the account's
//     own. English is always asked for, so that they are stable; none decides.
//   - The number. The page calls orderNumber the one that the gateway generated;
//     the pages that create payments call it the merchant's own. It is the
//     merchant's that is asked with.
//   - The identity. Asked for 89832199, the documented answer holds
//     Fp00000116261320. An answer may therefore hold the merchant's number, or
//     the number bound to the payment before, or, where none is bound yet, one
//     that begins with "Fp": it is bound on first sight as the provider's
//     reference and may not change afterwards. Refund-shaped and QR answers
//     hold no number; there the request alone is the match.
//   - The status. data.status decides, compared in ASCII upper case, because
//     the document writes CHARGE and Charge. The envelope's code is neither the
//     HTTP status nor the payment's; it only speaks against a charge.
//   - Wallets. Their pages show CREATED and CONFIRMED as answers of other calls;
//     whether the status call serves them, and whether CONFIRMED is the end, is
//     unsaid. Such a payment stays open until the status call says Charge or
//     Reject, and ends as unknown where it never does; the setting
//     wallet_confirmed makes CONFIRMED the end.
//   - Refunds. REFUND is shown as the answer of the refund call. Whether the
//     status call says it, or CHARGE for ever, is unsaid: a refund made
//     elsewhere may stay unseen.
//   - CREATED of a QR is written on the page with a Cyrillic first letter. Both
//     spellings are accepted. No page shows a QR that failed.
//   - Money is in major units with any number of trailing zeros, and as a
//     decimal. A QR answer names no amount at all: its success counts only
//     where the account allows amount_unverified.
//   - "No such order" is not documented. HTTP 404 with an envelope and
//     errorCode 6 of the gateway family are read so, and the code that the setting
//     not_found_code names; whether absence is final is unsaid, so it is not.
//   - Numeric SmartVista statuses (0 to 6) and its action codes, should they
//     leak, are unknown words: no finipay page shows one.
package finipay
