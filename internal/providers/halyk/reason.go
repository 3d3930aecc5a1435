package halyk

import (
	"slices"
	"strings"

	"reconciler/internal/payment"
)

// notFinal is the one code that takes a refusal back: in all editions of the
// error page it says that the status must be asked again.
const notFinal = "454"

// reasons groups the error page's codes. Its texts exist in Russian, English
// and Kazakh and contradict each other in places; those of 480 to 529 are known
// from a client only. 464 (the merchant is set up wrongly), 459 and 460 are
// refusals whose cause the editions don't agree on.
var reasons = []struct {
	reason payment.Reason
	codes  []string
}{
	{payment.ReasonAuthenticationFailed, []string{"455", "473", "499", "500", "503"}},
	{payment.ReasonInsufficientFunds, []string{"484"}},
	{payment.ReasonRestricted, []string{"486"}},
	{payment.ReasonLimitExceeded, []string{"488", "491", "528", "529"}},
	{payment.ReasonAttemptsExceeded, []string{"476", "492"}},
	{payment.ReasonInvalidCard, []string{"457", "469", "471", "472", "501", "524", "525"}},
	{payment.ReasonExpiredCard, []string{"478", "485"}},
	{payment.ReasonCardBlocked, []string{"465", "467", "479", "481", "482", "489"}},
	{payment.ReasonFraudSuspected, []string{"483"}},
	{payment.ReasonDeclined, []string{"462", "463", "466", "468", "480", "487", "490", "495", "521", "523", "527"}},
	{payment.ReasonInvalidAmount, []string{"470"}},
	{payment.ReasonProviderError, []string{"456", "458", "460", "461", "475", "477", "493", "494", "496", "497", "498", "502", "522", "526"}},
}

// reasonOf names the reason of a refusal: declined where no code is given,
// provider_other for a code in no group.
func reasonOf(code string) payment.Reason {
	if code == "" {
		return payment.ReasonDeclined
	}
	for _, group := range reasons {
		if slices.Contains(group.codes, code) {
			return group.reason
		}
	}
	return payment.ReasonProviderOther
}

// plainCode brings a reason code to one form: "00", "0" and "" are none.
func plainCode(raw string) string {
	return strings.TrimLeft(strings.TrimSpace(raw), "0")
}
