package finipay

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func TestTable_EveryWordIsFoundAndHasAMeaningInEveryCase(t *testing.T) {
	providertest.CheckRules(t, rules, providers.PlainWord)
}

// TestTable_EveryRowIsReached proves that no row is hidden by one above it and
// that the decoder does what the visible table says.
func TestTable_EveryRowIsReached(t *testing.T) {
	body := func(code, word, rest string) string {
		return fmt.Sprintf(`{"code":%q,"data":{"orderNumber":"ORDER-1001","amount":100,"currency":"KGS","status":%q%s}}`, code, word, rest)
	}
	qr := func(code, word string) string { return fmt.Sprintf(`{"code":%q,"data":%q}`, code, word) }
	const wallet = "wallet:"
	// One answer per row, in the order of the table.
	answers := []string{
		wallet + body("110", "Created", ""), body("110", " created ", ""), wallet + body("120", "CONFIRMED", ""), body("120", "Confirmed", ""),
		body("100", "CHARGE", ""), body("200", "CHARGE", `,"refundable":99`), body("204", "Charge", ""), body("1", "REJECT", ""),
		body("204", "REFUND", ""), body("204", "REFUND", `,"refunded":0,"refundable":100`),
		body("204", "REFUND", `,"refunded":1,"refundable":99.00`), body("204", "refund", `,"refunded":100.0,"refundable":0`),
		qr("100", "created"), qr("100", "\u0421REATED"), qr("200", "Successful"), qr("100", "SUCCESSFUL"),
		`{"code":"100"}`, `{"code":110,"data":null}`, `{"code":"120"}`, `{"code":"200"}`, `{"code":"204"}`,
		`{"errorCode":0}`, `{"errorCode":"5"}`, `{"errorCode":6}`, `{"errorCode":"7"}`,
	}
	rows := providers.Lines(rules)
	if len(answers) != len(rows) {
		t.Fatalf("%d answers for %d rows", len(answers), len(rows))
	}
	for i, row := range rows {
		t.Run(fmt.Sprintf("%s %s %d", row.Field, row.Raw, i), func(t *testing.T) {
			q := cardQuery(t)
			answer, ofWallet := strings.CutPrefix(answers[i], wallet)
			if ofWallet {
				q.Reference[kindKey] = kindMbank
			}
			obs, err := decodeStatus([]byte(answer), q, ofWallet)
			if row.Field == fieldQR {
				obs, err = decodeQR([]byte(answer), false)
			}
			if row.Kind != 0 && !errors.Is(err, row.Kind) {
				t.Errorf("error %v, want kind %s", err, row.Kind)
			}
			if row.Kind == providers.Inconsistent && !strings.Contains(err.Error(), row.Case) {
				t.Errorf("error %v does not tell the case", err)
			}
			if row.Kind == 0 && (err != nil || obs.Status != row.Status || obs.Reason != rules[i].Reason) {
				t.Errorf("status %q, reason %q, error %v; want %q, %q", obs.Status, obs.Reason, err, row.Status, rules[i].Reason)
			}
		})
	}
}

// TestTable_SaysTheCase_WhereAWordHasSeveralRows: else nobody could tell which
// of them counted.
func TestTable_SaysTheCase_WhereAWordHasSeveralRows(t *testing.T) {
	rows := map[[2]string]int{}
	for _, r := range rules {
		rows[[2]string{r.Field, r.Raw}]++
	}
	for _, r := range rules {
		if rows[[2]string{r.Field, r.Raw}] > 1 && r.Case == "" {
			t.Errorf("a row of %s %s has no case", r.Field, r.Raw)
		}
	}
}

// TestTable_KnowsNoNumericStatus: they are the gateway's, and its amounts are in
// other units.
func TestTable_KnowsNoNumericStatus(t *testing.T) {
	for status := range 7 {
		if rules.Knows(fieldStatus, fmt.Sprint(status)) {
			t.Errorf("status %d is in the table", status)
		}
	}
}

func TestDecodeStatus_TellsTheProvidersNumber(t *testing.T) {
	const bound = "Fp00000000000001"
	rows := []struct {
		name, number, bound, want string
		kind                      providers.Kind
	}{
		{"echo", "ORDER-1001", "", "", 0},
		{"echo after binding", "ORDER-1001", bound, bound, 0},
		{"first sight", bound, "", bound, 0},
		{"first sight in other case", "FP00000000000001", "", "FP00000000000001", 0},
		{"again", bound, bound, bound, 0},
		{"changed", "Fp00000000000002", bound, "", providers.IdentityMismatch},
		{"changed in case only", "fp00000000000001", bound, "", providers.IdentityMismatch},
		{"another order", "ORDER-1002", "", "", providers.IdentityMismatch},
		{"prefix alone", "Fp", "", "", providers.IdentityMismatch},
		{"foreign characters", "Fp1\u00a00", "", "", providers.IdentityMismatch},
		{"empty", "", "", "", providers.IdentityMismatch},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			q := cardQuery(t)
			q.Bound = row.bound
			body := fmt.Sprintf(`{"code":"110","data":{"orderNumber":%q,"status":"CREATED"}}`, row.number)
			obs, err := decodeStatus([]byte(body), q, false)
			if row.kind != 0 {
				if !errors.Is(err, row.kind) {
					t.Errorf("error %v, want kind %s", err, row.kind)
				}
				return
			}
			if err != nil || obs.ProviderReference != row.want {
				t.Errorf("reference %q, error %v; want %q", obs.ProviderReference, err, row.want)
			}
		})
	}
}
