package ecommpay

import (
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func TestTables_HoldEveryRowOnce(t *testing.T) {
	providertest.CheckRules(t, statusTable, normal)
	profile := (&Adapter{}).Profile()
	seen := map[string]bool{}
	for _, row := range profile.Table {
		key := row.Field + "=" + row.Raw
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
	if len(profile.Table) != len(statusTable)+len(codeTable) {
		t.Errorf("%d rows", len(profile.Table))
	}
	if profile.Name != "ecommpay" || profile.Floor != 10e9 || profile.Absence != providers.AbsenceAfterExpiry || profile.MappingVersion != "ecommpay/1" {
		t.Errorf("profile %+v", profile)
	}
}

func TestMapStatus(t *testing.T) {
	rows := []struct {
		word, kind string
		status     payment.Status
	}{
		{"success", "purchase", payment.Succeeded},
		{"success", "", payment.Succeeded},
		{" SUCCESS\n", "Recurring", payment.Succeeded},
		{"success", "payout", ""},
		{"success", "account verification", ""},
		{"decline", "payout", payment.Failed},
		{"awaiting customer", "purchase", payment.RequiresAction},
		{"canceled", "", payment.Canceled},
		{"cancelled", "", payment.Canceled},
		{"reversed", "", payment.Voided},
		{"initial", "", ""},
		{"chargeback", "", ""},
		{"", "", ""},
	}
	for _, row := range rows {
		got := mapStatus(row.word, row.kind)
		if got.Status != row.status || row.status == "" && got.Kind != providers.UnknownStatus {
			t.Errorf("%q of a %q is %+v", row.word, row.kind, got)
		}
	}
}

func TestDeclineReason(t *testing.T) {
	rows := map[string]payment.Reason{
		"": payment.ReasonDeclined, "0": payment.ReasonDeclined, "9999": payment.ReasonDeclined, "10000": payment.ReasonDeclined,
		"104": payment.ReasonAuthenticationFailed, "10403": payment.ReasonAuthenticationFailed,
		"10105": payment.ReasonInsufficientFunds, "20105": payment.ReasonInsufficientFunds,
		"10101": payment.ReasonLimitExceeded, "1422": payment.ReasonLimitExceeded, "1433": payment.ReasonLimitExceeded,
		"1401": payment.ReasonFraudSuspected, "1415": payment.ReasonFraudSuspected, "1434": payment.ReasonFraudSuspected, "10404": payment.ReasonFraudSuspected,
		"1455": payment.ReasonComplianceRejected, "1441": payment.ReasonComplianceRejected,
		"10106": payment.ReasonExpiredCard, "3021": payment.ReasonExpiredCard, "10103": payment.ReasonInvalidCard,
		"109": payment.ReasonAVSFailed, "10301": payment.ReasonCanceled, "20502": payment.ReasonProviderError,
		"20602": payment.ReasonTimedOut, "10811": payment.ReasonRestricted, "30302": payment.ReasonProviderOther,
		"1416": payment.ReasonProviderOther, "77777": payment.ReasonProviderOther, "abc": payment.ReasonProviderOther,
	}
	for code, want := range rows {
		if got := declineReason(code); got != want {
			t.Errorf("code %q is %s, want %s", code, got, want)
		}
	}
}

func TestReasonTable_HoldsNoCodeTwice(t *testing.T) {
	seen := map[int]bool{}
	for _, s := range reasonTable {
		if s.from > s.to || !s.reason.Valid() || s.reason == "" {
			t.Errorf("span %+v", s)
		}
		for code := s.from; code <= s.to && s.from == s.to; code++ {
			if seen[code] {
				t.Errorf("code %d is there twice", code)
			}
			seen[code] = true
		}
	}
}
