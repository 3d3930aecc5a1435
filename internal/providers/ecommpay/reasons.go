package ecommpay

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// reasonField is where the codes of reasonTable stand. It is the code of the
// deciding operation: see deciding.
const reasonField = "operations[].code"

// reasonRow is one line of the table of decline codes.
type reasonRow struct {
	providers.Row
	reason payment.Reason
}

// anyOther stands for the codes of the register that are in no other row.
const anyOther = "any other"

// reasonTable gives the reason of a declined payment by the deciding
// operation's code, in the register's words (en_platform_payment_info_codes).
// Of five digits, 1xxxx are cards, 2xxxx other methods, with the same tail.
var reasonTable = slices.Concat(
	because(payment.ReasonDeclined, saysNothing), because(payment.ReasonAuthenticationFailed, authentication),
	because(payment.ReasonInsufficientFunds, funds), because(payment.ReasonLimitExceeded, limits),
	because(payment.ReasonFraudSuspected, fraud), because(payment.ReasonComplianceRejected, compliance),
	because(payment.ReasonExpiredCard, expiredCards), because(payment.ReasonInvalidCard, invalidCards),
	because(payment.ReasonAVSFailed, addresses), because(payment.ReasonCanceled, cancellations),
	because(payment.ReasonProviderError, troubles), because(payment.ReasonTimedOut, timeouts),
	because(payment.ReasonRestricted, restrictions), because(payment.ReasonProviderOther, unconfirmedByMerchant),
	unnamed(payment.ReasonFraudSuspected, "1436"), unnamed(payment.ReasonComplianceRejected, "1454"),
	[]reasonRow{reasonOf(payment.ReasonProviderOther, anyOther, "the raw code is kept beside the reason", inferred)},
)

// coded is a code with the register's words.
type coded struct{ code, words string }

func because(reason payment.Reason, codes []coded) []reasonRow {
	rows := make([]reasonRow, len(codes))
	for i, c := range codes {
		rows[i] = reasonOf(reason, c.code, c.words, documented)
	}
	return rows
}

// unnamed is a code that the register leaves out between codes of one family.
func unnamed(reason payment.Reason, code string) []reasonRow {
	return []reasonRow{reasonOf(reason, code, "not in the register; its neighbours on both sides mean this", inferred)}
}

func reasonOf(reason payment.Reason, code, words, mark string) reasonRow {
	return reasonRow{reason: reason, Row: providers.Row{
		Raw: code, Field: reasonField, Status: payment.Failed, Words: words, Mark: mark,
		Case: "beside a payment declined; reason " + string(reason),
	}}
}

// declineReason gives the reason of a declined payment. No code: declined; a
// code outside the table: provider_other, the raw code stays beside it.
func declineReason(code string) payment.Reason {
	if code == "" {
		return payment.ReasonDeclined
	}
	i := slices.IndexFunc(reasonTable, func(r reasonRow) bool { return r.Raw == code })
	if i < 0 {
		return payment.ReasonProviderOther
	}
	return reasonTable[i].reason
}
