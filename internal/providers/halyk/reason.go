package halyk

import (
	"slices"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// notFinal is the one code that takes a refusal back: in all editions of the
// error page it says that the status must be asked again.
const (
	notFinal      = "454"
	askAgainWords = "The operation failed, [...] try again later: not final, you need to request payment/transfer status"
)

// Codes as the table writes them that stand for several.
const (
	noCode   = "0"
	anyOther = "any other"
)

// besideRefusal is the case in which a reason code counts.
const besideRefusal = "beside FAILED, REJECT, DECLINE or DECLINED"

// reasonRow is one line of the table of reason codes.
type reasonRow struct {
	providers.Row
	reason payment.Reason
	// note goes to people with the payment, where a refusal is not all there is.
	note string
}

// reasonTable gives the reason of a refusal by its code. Codes to 479 are in
// the words of the error page's English edition, those from 480 in short for
// what a public client shows.
//
// The editions contradict each other. 456 is a system error in English and
// Russian, and "this card can't pay" in Kazakh. 459 is a wrong card number and
// final in English and Russian, and "the server does not answer", not final, in
// Kazakh: it fails the payment, and a later success is believed as it is after
// any failure.
var reasonTable = slices.Concat(
	[]reasonRow{
		{Row: reasonLine(notFinal, askAgainWords, documented, payment.Processing, besideRefusal)},
		because(payment.ReasonDeclined, noCode, `success ("00" in the status page's sample): no reason is given`, documented),
		because(payment.ReasonProviderError, "456", "System error, please try again later", documented),
		because(payment.ReasonProviderOther, "459", "Please check the card number you enter correctly and in the right field", documented),
		noted(because(payment.ReasonProviderError, "460", "An error occurred, the payment amount may be blocked, please contact customer support.", documented), "460: the amount may be held on the card, ask the bank"),
		noted(because(payment.ReasonProviderOther, "464", "Invalid merchant", documented), "464: the bank calls the merchant invalid, ask the bank"),
	},
	coded(payment.ReasonAuthenticationFailed, authentication), coded(payment.ReasonInsufficientFunds, funds),
	coded(payment.ReasonRestricted, restrictions), coded(payment.ReasonLimitExceeded, limits),
	coded(payment.ReasonAttemptsExceeded, attempts), coded(payment.ReasonInvalidCard, invalidCards),
	coded(payment.ReasonExpiredCard, expiredCards), coded(payment.ReasonCardBlocked, blockedCards),
	coded(payment.ReasonFraudSuspected, fraud), coded(payment.ReasonDeclined, declines),
	coded(payment.ReasonInvalidAmount, wrongAmounts), coded(payment.ReasonProviderError, troubles),
	coded(payment.ReasonProviderOther, unexplained),
	[]reasonRow{because(payment.ReasonProviderOther, anyOther, "the raw code is kept beside the reason", inferred)},
)

// code is a reason code with its words.
type code struct{ code, words, mark string }

func coded(reason payment.Reason, codes []code) []reasonRow {
	rows := make([]reasonRow, len(codes))
	for i, c := range codes {
		rows[i] = because(reason, c.code, c.words, c.mark)
	}
	return rows
}

// because is a code of a payment that failed.
func because(reason payment.Reason, code, words, mark string) reasonRow {
	return reasonRow{Row: reasonLine(code, words, mark, payment.Failed, besideRefusal+"; reason "+string(reason)), reason: reason}
}

func reasonLine(code, words, mark string, status payment.Status, in string) providers.Row {
	return providers.Row{Field: fieldReason, Raw: code, Status: status, Case: in, Words: words, Mark: mark}
}

func noted(r reasonRow, note string) reasonRow {
	r.note = note
	return r
}

// refused is the row of a refusal's code, in plainCode's form.
func refused(code string) reasonRow {
	if code == "" {
		code = noCode
	}
	at := func(wanted string) int {
		return slices.IndexFunc(reasonTable, func(r reasonRow) bool { return r.Raw == wanted })
	}
	i := at(code)
	if i < 0 {
		i = at(anyOther)
	}
	return reasonTable[i]
}

// plainCode brings a reason code to one form: "00", "0" and "" are none.
func plainCode(raw string) string {
	return strings.TrimLeft(strings.TrimSpace(raw), "0")
}
