package ecommpay

import (
	"strconv"

	"reconciler/internal/payment"
)

// span is a range of operation codes with one reason; the codes are ecommpay's
// register (en_platform_payment_info_codes). Of five digits, 1xxxx are cards,
// 2xxxx other methods, with the same tail.
type span struct {
	from, to int
	reason   payment.Reason
}

// one is a span of one code.
func one(code int, reason payment.Reason) span { return span{code, code, reason} }

// reasonTable gives the reason of a declined payment by the deciding
// operation's code. Codes that say nothing about a decline are declined: the
// payment's status says that much.
var reasonTable = []span{
	// Success, and "still waiting" (20899 for days).
	one(0, payment.ReasonDeclined), one(9999, payment.ReasonDeclined), one(19999, payment.ReasonDeclined),
	one(29999, payment.ReasonDeclined), one(20802, payment.ReasonDeclined), one(20899, payment.ReasonDeclined),

	one(100, payment.ReasonDeclined), one(10000, payment.ReasonDeclined), one(20000, payment.ReasonDeclined),
	one(10100, payment.ReasonDeclined), one(20100, payment.ReasonDeclined), one(10201, payment.ReasonDeclined),
	one(10203, payment.ReasonDeclined),

	// 104: 3-D Secure failed; 108: the payer never came back from it.
	one(104, payment.ReasonAuthenticationFailed), one(108, payment.ReasonAuthenticationFailed),
	one(2466, payment.ReasonAuthenticationFailed), one(10104, payment.ReasonAuthenticationFailed),
	one(10114, payment.ReasonAuthenticationFailed), one(10205, payment.ReasonAuthenticationFailed),
	one(10403, payment.ReasonAuthenticationFailed), one(10709, payment.ReasonAuthenticationFailed),
	one(10722, payment.ReasonAuthenticationFailed),

	one(10105, payment.ReasonInsufficientFunds), one(10112, payment.ReasonInsufficientFunds),
	one(10113, payment.ReasonInsufficientFunds), one(20105, payment.ReasonInsufficientFunds),

	one(10101, payment.ReasonLimitExceeded), one(20101, payment.ReasonLimitExceeded), one(309, payment.ReasonLimitExceeded),
	one(2642, payment.ReasonLimitExceeded), one(1422, payment.ReasonLimitExceeded), one(1433, payment.ReasonLimitExceeded),
	one(3355, payment.ReasonLimitExceeded), one(3357, payment.ReasonLimitExceeded),

	one(402, payment.ReasonFraudSuspected), {1401, 1415, payment.ReasonFraudSuspected}, {1431, 1437, payment.ReasonFraudSuspected},
	one(1499, payment.ReasonFraudSuspected), {10401, 10402, payment.ReasonFraudSuspected}, {10404, 10405, payment.ReasonFraudSuspected},
	one(10807, payment.ReasonFraudSuspected), {20401, 20402, payment.ReasonFraudSuspected}, one(20203, payment.ReasonFraudSuspected),

	one(1441, payment.ReasonComplianceRejected), {1450, 1460, payment.ReasonComplianceRejected}, one(3199, payment.ReasonComplianceRejected),

	// 10106 and 3021 say "expired card" among the invalid ones.
	one(10106, payment.ReasonExpiredCard), one(3021, payment.ReasonExpiredCard),
	{10102, 10103, payment.ReasonInvalidCard}, one(10107, payment.ReasonInvalidCard), one(3101, payment.ReasonInvalidCard),
	one(3141, payment.ReasonInvalidCard), one(3161, payment.ReasonInvalidCard), one(10812, payment.ReasonInvalidCard),
	one(20102, payment.ReasonInvalidCard), one(20106, payment.ReasonInvalidCard),

	one(109, payment.ReasonAVSFailed), one(2061, payment.ReasonAVSFailed),

	one(301, payment.ReasonCanceled), one(10301, payment.ReasonCanceled), one(20301, payment.ReasonCanceled),
	one(30000, payment.ReasonCanceled), one(30100, payment.ReasonCanceled), one(603, payment.ReasonCanceled),

	one(10202, payment.ReasonProviderError), one(10505, payment.ReasonProviderError), one(20202, payment.ReasonProviderError),
	one(314, payment.ReasonProviderError), {10501, 10503, payment.ReasonProviderError}, {20501, 20503, payment.ReasonProviderError},
	one(501, payment.ReasonProviderError), one(602, payment.ReasonProviderError),

	{10601, 10603, payment.ReasonTimedOut}, {20601, 20603, payment.ReasonTimedOut}, one(3198, payment.ReasonTimedOut), one(604, payment.ReasonTimedOut),

	one(10204, payment.ReasonRestricted), one(10206, payment.ReasonRestricted), one(20201, payment.ReasonRestricted),
	one(3105, payment.ReasonRestricted), one(3356, payment.ReasonRestricted), {10805, 10806, payment.ReasonRestricted},
	{10810, 10811, payment.ReasonRestricted},

	// The merchant did not confirm.
	{30301, 30303, payment.ReasonProviderOther},
}

// declineReason gives the reason of a declined payment. No code: declined; a
// code outside the table: provider_other, the raw code stays beside it.
func declineReason(code string) payment.Reason {
	if code == "" {
		return payment.ReasonDeclined
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		return payment.ReasonProviderOther
	}
	for _, s := range reasonTable {
		// A single code is meant before a range it lies in (1433 in 1431 to 1437).
		if s.from == s.to && n == s.from {
			return s.reason
		}
	}
	for _, s := range reasonTable {
		if n >= s.from && n <= s.to {
			return s.reason
		}
	}
	return payment.ReasonProviderOther
}
