package ecommpay

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func TestTables_HoldEveryRowOnce(t *testing.T) {
	providertest.CheckRules(t, statusTable, normal)
	providertest.CheckRules(t, codeTable, strings.TrimSpace)
	profile := (&Adapter{}).Profile()
	seen := map[[3]string]bool{}
	cases := map[[2]string][]string{}
	for _, row := range profile.Table {
		key := [3]string{row.Field, row.Raw, row.Case}
		if seen[key] {
			t.Errorf("%v is there twice", key)
		}
		seen[key] = true
		cases[[2]string{row.Field, row.Raw}] = append(cases[[2]string{row.Field, row.Raw}], row.Case)
	}
	for word, all := range cases {
		if i := slices.Index(all, ""); i >= 0 && i != len(all)-1 {
			t.Errorf("%v: the row without a case is not the last one: %q", word, all)
		}
	}
	if len(profile.Table) != len(statusTable)+len(codeTable)+len(reasonTable) {
		t.Errorf("%d rows", len(profile.Table))
	}
	if profile.Name != "ecommpay" || profile.Absence != providers.AbsenceAfterExpiry || profile.MappingVersion != "ecommpay/2" {
		t.Errorf("profile %+v", profile)
	}
}

// A search by request must not come within 10 s of the payment request. Nobody
// knows a request's id before that request was answered, and the worker arms a
// payment's first look no earlier than the floor after it heard of the payment.
func TestProfile_KeepsTheDocumentedDistanceFromThePaymentRequest(t *testing.T) {
	if got := (&Adapter{}).Profile().Floor; got < 10e9 {
		t.Errorf("floor %s", got)
	}
}

// words are every status of the documents with what it means where nothing
// speaks against it; empty: an unknown status.
func words() map[string]payment.Status {
	return map[string]payment.Status{
		"processing": payment.Processing, "external processing": payment.Processing,
		"scheduled recurring processing": payment.Processing, "awaiting confirmation": payment.Processing,
		"awaiting finalization": payment.Processing, "awaiting clearing": payment.Processing,
		"awaiting partially clearing": payment.Processing, "clearing processing": payment.Processing,
		"awaiting 3ds result": payment.RequiresAction, "awaiting redirect result": payment.RequiresAction,
		"awaiting customer": payment.RequiresAction, "awaiting customer action": payment.RequiresAction,
		"awaiting approval": payment.RequiresAction, "awaiting clarification": payment.RequiresAction,
		"awaiting clarify data": payment.RequiresAction, "awaiting merchant auth": payment.RequiresAction,
		"awaiting payment": payment.RequiresAction, "awaiting retry": payment.RequiresAction, "invoice sent": payment.RequiresAction,
		"awaiting capture": payment.Authorized, "success": payment.Succeeded, "partially paid": "", "partially paid out": "",
		"decline": payment.Failed, "decline renewal": "", "error": payment.Failed, "internal error": payment.Failed,
		"external error": payment.Failed, "expired": payment.Expired, "canceled": payment.Canceled,
		"cancelled": payment.Canceled, "invoice cancelled": payment.Canceled, "reversed": payment.Voided,
		"partially reversed": payment.PartiallyRefunded, "partially refunded": payment.PartiallyRefunded,
		"refunded": payment.Refunded, "initial": "",
		// In no document.
		"awaiting teleport": "", "chargeback": "", "disputed": "", "": "", "sucсess": "",
	}
}

func TestFindStatus_KnowsEveryDocumentedWord(t *testing.T) {
	for word, want := range words() {
		for _, spelled := range []string{word, strings.ToUpper(word), " " + word + "\n"} {
			got := findStatus(facts{status: spelled})
			if got.Status != want || want == "" && got.Kind != providers.UnknownStatus {
				t.Errorf("%q is %+v, want %q", spelled, got, want)
			}
		}
	}
	for _, row := range statusTable {
		if _, ok := words()[row.Raw]; !ok {
			t.Errorf("%q is in the table and in no document", row.Raw)
		}
	}
}

func TestFindStatus_LooksAtTheCase(t *testing.T) {
	charged := func(minor int64) movements {
		m, _ := payment.MinorMoney(minor, "EUR")
		return movements{operations: 1, taken: total{count: 1, sum: m}}
	}
	notKnown := []string{"3061"}
	rows := []struct {
		name string
		facts
		status payment.Status
		kind   providers.Kind
	}{
		{"a purchase", facts{status: "success", kind: "purchase"}, payment.Succeeded, 0},
		{"a recurring one", facts{status: "success", kind: "Recurring"}, payment.Succeeded, 0},
		{"a payout", facts{status: "success", kind: "payout"}, "", providers.UnknownStatus},
		{"an account verification", facts{status: "success", kind: "account verification"}, "", providers.UnknownStatus},
		{"a payout declined", facts{status: "decline", kind: "payout"}, payment.Failed, 0},
		{"success without a charge", facts{status: "success", money: movements{operations: 1}}, payment.Review, 0},
		{"decline beside a charge", facts{status: "decline", money: charged(1)}, payment.Review, 0},
		{"waiting beside a charge", facts{status: "processing", money: charged(1)}, payment.Processing, 0},
		{"a part paid, shown", facts{status: "partially paid", money: charged(1)}, payment.PartiallyCaptured, 0},
		{"a part paid, not shown", facts{status: "partially paid", money: movements{operations: 1}}, "", providers.UnknownStatus},
		{"not known", facts{status: "error", errors: notKnown}, "", providers.NotFound},
		{"not known, and there by its id", facts{status: "error", errors: notKnown, id: "p"}, "", providers.Inconsistent},
		{"not known, and there by its operations", facts{status: "error", errors: notKnown, operations: make([]operation, 1)}, "", providers.Inconsistent},
		{"an error of the payment", facts{status: "error", errors: []string{"3003"}, id: "p"}, payment.Failed, 0},
		{"an error that may be paid", facts{status: "error", id: "p", config: Config{ErrorMayBePaid: true}}, payment.Processing, 0},
		{"not known, where errors may be paid", facts{status: "error", errors: notKnown, config: Config{ErrorMayBePaid: true}}, "", providers.NotFound},
		{"an error of the platform", facts{status: "internal error", config: Config{ErrorMayBePaid: true}}, payment.Failed, 0},
		{"the customer, as the plugin has it", facts{status: "awaiting customer", config: Config{AwaitingCustomerDeclined: true}}, payment.Failed, 0},
		{"the same beside a charge", facts{status: "awaiting customer", money: charged(1), config: Config{AwaitingCustomerDeclined: true}}, payment.Review, 0},
		{"the customer beside a charge", facts{status: "awaiting customer", money: charged(1)}, payment.RequiresAction, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := findStatus(row.facts); got.Status != row.status || got.Kind != row.kind {
				t.Errorf("got %+v", got.Row)
			}
		})
	}
}

func TestFailByCode_KnowsEveryDocumentedCode(t *testing.T) {
	rows := map[providers.Kind][]string{
		providers.NotFound: {"3061"}, providers.Throttled: {"3062", "2147"},
		providers.Unavailable:      {"501", "601", "602", "314"},
		providers.Misconfigured:    {"3261", "3262", "2442", "303", "310", "3299", "2003", "2004", "502", "702"},
		providers.InvalidReference: {"3024"}, providers.UnknownStatus: {"3003", "9876", ""},
	}
	for kind, codes := range rows {
		for _, code := range codes {
			if got := failByCode(question{}, code, envelope{signed: true}); got.Kind != kind || got.Raw != code {
				t.Errorf("%s is %v, want %s", code, got, kind)
			}
		}
	}
	if got := failByCode(question{}, "3061", envelope{}); got.Kind != providers.UnknownStatus {
		t.Errorf("3061 unsigned is %v", got)
	}
}

// The ranges are those of the provider's register as the reasons were given to it.
func TestDeclineReason_KnowsEveryDocumentedCode(t *testing.T) {
	type span = [2]int
	one := func(codes ...int) (all []span) {
		for _, c := range codes {
			all = append(all, span{c, c})
		}
		return all
	}
	rows := map[payment.Reason][]span{
		payment.ReasonDeclined:             one(0, 9999, 19999, 29999, 20802, 20899, 100, 10000, 20000, 10100, 20100, 10201, 10203),
		payment.ReasonAuthenticationFailed: one(104, 108, 2466, 10104, 10114, 10205, 10709, 10722, 10403),
		payment.ReasonInsufficientFunds:    one(10105, 10112, 10113, 20105),
		payment.ReasonLimitExceeded:        one(10101, 20101, 309, 2642, 1422, 1433, 3355, 3357),
		payment.ReasonFraudSuspected: append(one(402, 1499, 10401, 10402, 10404, 10405, 10807, 20401, 20402, 20203),
			span{1401, 1415}, span{1431, 1432}, span{1434, 1437}),
		payment.ReasonComplianceRejected: append(one(1441, 3199), span{1450, 1460}),
		payment.ReasonInvalidCard:        one(10102, 10103, 10107, 3101, 3141, 3161, 10812, 20102, 20106),
		payment.ReasonExpiredCard:        one(10106, 3021),
		payment.ReasonAVSFailed:          one(109, 2061),
		payment.ReasonCanceled:           one(301, 10301, 20301, 30000, 30100, 603),
		payment.ReasonProviderError:      one(10202, 10505, 20202, 314, 10501, 10502, 20501, 20502, 10503, 20503, 501, 602),
		payment.ReasonTimedOut:           one(10602, 20602, 10601, 20601, 10603, 20603, 3198, 604),
		payment.ReasonRestricted:         one(10204, 10206, 20201, 3105, 3356, 10805, 10806, 10810, 10811),
		payment.ReasonProviderOther:      append(one(1416, 1430, 1438, 1449, 1461, 77777), span{30301, 30303}),
	}
	known := map[string]bool{anyOther: true}
	for want, spans := range rows {
		for _, s := range spans {
			for code := s[0]; code <= s[1]; code++ {
				text := strconv.Itoa(code)
				known[text] = true
				if got := declineReason(text); got != want {
					t.Errorf("code %s is %s, want %s", text, got, want)
				}
			}
		}
	}
	for code, want := range map[string]payment.Reason{"": payment.ReasonDeclined, "abc": payment.ReasonProviderOther, "-0": payment.ReasonProviderOther} {
		if got := declineReason(code); got != want {
			t.Errorf("code %q is %s, want %s", code, got, want)
		}
	}
	for _, row := range reasonTable {
		if !known[row.Raw] || !strings.HasSuffix(row.Case, " "+string(row.reason)) || !row.reason.Valid() {
			t.Errorf("row %+v", row)
		}
	}
}
