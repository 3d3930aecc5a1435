package payment

import "slices"

// Reason says why a payment failed, ended or needs a person: a closed list, so
// that merchants can program against it. The provider's own code and words
// travel beside it.
type Reason string

// Reasons a provider gives.
const (
	ReasonDeclined             Reason = "declined"
	ReasonInsufficientFunds    Reason = "insufficient_funds"
	ReasonLimitExceeded        Reason = "limit_exceeded"
	ReasonInvalidCard          Reason = "invalid_card"
	ReasonExpiredCard          Reason = "expired_card"
	ReasonCardBlocked          Reason = "card_blocked"
	ReasonRestricted           Reason = "restricted"
	ReasonAuthenticationFailed Reason = "authentication_failed"
	ReasonAVSFailed            Reason = "avs_failed"
	ReasonFraudSuspected       Reason = "fraud_suspected"
	ReasonComplianceRejected   Reason = "compliance_rejected"
	ReasonInvalidAmount        Reason = "invalid_amount"
	ReasonAttemptsExceeded     Reason = "attempts_exceeded"
	ReasonAbandoned            Reason = "abandoned"
	ReasonCanceled             Reason = "canceled"
	ReasonTimedOut             Reason = "timed_out"
	ReasonProviderError        Reason = "provider_error"
	ReasonProviderOther        Reason = "provider_other"
)

// Reasons for the end of a payment that never came to anything.
const (
	ReasonExpiredByProvider    Reason = "expired_by_provider"
	ReasonNeverReachedProvider Reason = "never_reached_provider"
)

// Reasons for a review.
const (
	ReasonAmountMismatch   Reason = "amount_mismatch"
	ReasonAmountMissing    Reason = "amount_missing"
	ReasonCurrencyMismatch Reason = "currency_mismatch"
	ReasonIdentityMismatch Reason = "identity_mismatch"
	ReasonRegression       Reason = "regression"
	ReasonContradiction    Reason = "contradiction"
	ReasonSignatureInvalid Reason = "signature_invalid"
)

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{
		ReasonDeclined, ReasonInsufficientFunds, ReasonLimitExceeded, ReasonInvalidCard, ReasonExpiredCard,
		ReasonCardBlocked, ReasonRestricted, ReasonAuthenticationFailed, ReasonAVSFailed, ReasonFraudSuspected,
		ReasonComplianceRejected, ReasonInvalidAmount, ReasonAttemptsExceeded, ReasonAbandoned, ReasonCanceled,
		ReasonTimedOut, ReasonProviderError, ReasonProviderOther, ReasonExpiredByProvider, ReasonNeverReachedProvider,
		ReasonAmountMismatch, ReasonAmountMissing, ReasonCurrencyMismatch, ReasonIdentityMismatch, ReasonRegression,
		ReasonContradiction, ReasonSignatureInvalid,
	}
}

// Valid reports whether r is on the closed list, or absent.
func (r Reason) Valid() bool { return r == "" || slices.Contains(Reasons(), r) }
