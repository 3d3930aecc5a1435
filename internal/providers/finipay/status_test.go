package finipay

import (
	"errors"
	"fmt"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

func TestTable_EveryWordIsFoundAndHasAMeaningInEveryCase(t *testing.T) {
	providertest.CheckRules(t, rules, providers.PlainWord)
}

// TestTable_EveryRowIsReached proves that no row is hidden by one above it and
// that the decoder does what the visible table says.
func TestTable_EveryRowIsReached(t *testing.T) {
	card := func(code, word, rest string) string {
		return fmt.Sprintf(`{"code":%q,"data":{"orderNumber":"ORDER-1001","amount":100,"currency":"KGS","status":%q%s}}`, code, word, rest)
	}
	qr := func(code, word string) string { return fmt.Sprintf(`{"code":%q,"data":%q}`, code, word) }
	// One answer per row, in the order of the table.
	answers := []string{
		card("110", " created ", ""), card("120", "Confirmed", ""), card("100", "CHARGE", ""), card("204", "Charge", ""), card("1", "REJECT", ""),
		card("204", "REFUND", ""), card("204", "REFUND", `,"refunded":0,"refundable":100`),
		card("204", "REFUND", `,"refunded":1,"refundable":99.00`), card("204", "refund", `,"refunded":100.0,"refundable":0`),
		qr("100", "created"), qr("100", "\u0421REATED"), qr("200", "Successful"), qr("100", "SUCCESSFUL"),
		`{"errorCode":"5"}`, `{"errorCode":6}`, `{"errorCode":"7"}`,
	}
	rows := providers.Lines(rules)
	if len(answers) != len(rows) {
		t.Fatalf("%d answers for %d rows", len(answers), len(rows))
	}
	for i, row := range rows {
		t.Run(fmt.Sprintf("%s %s %d", row.Field, row.Raw, i), func(t *testing.T) {
			var obs payment.Observation
			var err error
			if row.Field == fieldQR {
				obs, err = decodeQR([]byte(answers[i]), false)
			} else {
				obs, err = decodeCard([]byte(answers[i]), cardQuery(t))
			}
			if row.Kind != 0 && !errors.Is(err, row.Kind) {
				t.Errorf("error %v, want kind %s", err, row.Kind)
			}
			if row.Kind == 0 && (err != nil || obs.Status != row.Status) {
				t.Errorf("status %q, error %v; want %q", obs.Status, err, row.Status)
			}
		})
	}
}

func TestDecodeCard_TellsTheProvidersNumber(t *testing.T) {
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
			obs, err := decodeCard([]byte(body), q)
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
