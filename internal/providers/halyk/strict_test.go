package halyk

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// field is one that the adapter reads.
type field struct {
	path string
	// good is a value in the documented form, wrong are values of other types.
	good  string
	wrong []string
	// optional: absent and null are read as nothing.
	optional bool
}

// The values that fit no field of a kind. A code is a text or an integer.
var (
	notText   = []string{`1`, `-0.5`, `true`, `false`, `{}`, `{"":null}`, `[]`, `["x"]`, `1e999`}
	notCode   = []string{`1.5`, `1.0`, `1e2`, `true`, `false`, `{}`, `[]`, `["100"]`, `99999999999999999999`}
	notAmount = []string{`"1500.5"`, `""`, `"x"`, `true`, `{}`, `[]`, `[1500.5]`, `15005e-1`, `1e999999999`, `-1`, `1500.505`, `1` + strings.Repeat("0", 40)}
	notObject = []string{`"{}"`, `""`, `1`, `true`, `[]`, `[{}]`}
)

func answerFields() []field {
	return []field{
		{"$.resultCode", `"100"`, notCode, false},
		{"$.transaction", ``, notObject, false},
		{"$.transaction.invoiceID", `"` + testInvoice + `"`, notText, false},
		{"$.transaction.terminalID", `"` + testTerminal + `"`, notText, true},
		{"$.transaction.statusName", `"CHARGE"`, notText, false},
		{"$.transaction.currency", `"KZT"`, notText, true},
		{"$.transaction.amount", `1500.5`, notAmount, true},
		{"$.transaction.amountBonus", `0`, notAmount, true},
		{"$.transaction.payoutAmount", `0`, notAmount, true},
		{"$.transaction.orgAmount", `1500.5`, notAmount, true},
		{"$.transaction.reasonCode", `"00"`, notCode, true},
		{"$.transaction.id", `"t-1"`, notText, true},
		{"$.transaction.createdDate", `"2026-02-03T10:00:00+05:00"`, notText, true},
	}
}

// answerText writes an answer in which some fields have other values: none
// takes a field out, several make it a repeated key.
func answerText(other map[string][]string) string {
	var inner, outer []string
	put := func(into *[]string, f field, key string) {
		values, changed := other[f.path]
		if !changed {
			values = []string{f.good}
		}
		for _, v := range values {
			*into = append(*into, fmt.Sprintf("%q:%s", key, v))
		}
	}
	for _, f := range answerFields() {
		key, ok := strings.CutPrefix(f.path, "$.transaction.")
		switch {
		case ok:
			put(&inner, f, key)
		case f.good != "":
			put(&outer, f, strings.TrimPrefix(f.path, "$."))
		}
	}
	put(&outer, field{path: "$.transaction", good: "{" + strings.Join(inner, ",") + "}"}, "transaction")
	return "{" + strings.Join(outer, ",") + "}"
}

// checkUnreadable fails unless err is an unreadable answer that names the path.
func checkUnreadable(t *testing.T, what, path string, err error) {
	t.Helper()
	var problem *providers.FieldProblem
	if !errors.Is(err, providers.Unreadable) || !errors.As(err, &problem) || problem.Path != path || !strings.Contains(err.Error(), path+" ") {
		t.Errorf("%s: error %v, want unreadable at %s", what, err, path)
	}
}

func TestDecode_RefusesEveryWrongType_WithItsPath(t *testing.T) {
	read := func(other map[string][]string) error {
		obs, err := decode([]byte(answerText(other)), query(t), goodConfig())
		if checkSense(t, obs, err); err != nil {
			return err
		}
		if obs.Status != payment.Succeeded && len(other) == 0 {
			t.Fatalf("the answer as documented gives %+v", obs)
		}
		return nil
	}
	if err := read(nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range answerFields() {
		for _, wrong := range f.wrong {
			checkUnreadable(t, wrong, f.path, read(map[string][]string{f.path: {wrong}}))
			if f.good == "" {
				continue
			}
			// Of a repeated key the last counts, and its type as well.
			checkUnreadable(t, "repeated with "+wrong, f.path, read(map[string][]string{f.path: {f.good, wrong}}))
			if err := read(map[string][]string{f.path: {wrong, f.good}}); err != nil {
				t.Errorf("%s: %s before the good value: %v", f.path, wrong, err)
			}
		}
		for name, absent := range map[string][]string{"null": {"null"}, "missing": {}, "repeated with null": {f.good, "null"}} {
			if f.good == "" && len(absent) == 2 {
				continue
			}
			err := read(map[string][]string{f.path: absent})
			if f.optional && err != nil {
				t.Errorf("%s %s: %v", f.path, name, err)
			}
			if !f.optional {
				checkUnreadable(t, name, f.path, err)
			}
		}
	}
}

// Amounts are numbers even where no currency gives them a meaning.
func TestDecode_RefusesWrongAmounts_WithoutACurrency(t *testing.T) {
	for _, key := range []string{"amount", "amountBonus", "payoutAmount", "orgAmount"} {
		path := "$.transaction." + key
		_, err := decode([]byte(answerText(map[string][]string{"$.transaction.currency": {`""`}, path: {`"1"`}})), query(t), goodConfig())
		checkUnreadable(t, "a text", path, err)
	}
}

// An unknown currency is no money of any amount.
func TestDecode_RefusesAnUnknownCurrency(t *testing.T) {
	for _, currency := range []string{`"kzt"`, `"398"`, `"KZ"`, `"TENGE"`} {
		_, err := decode([]byte(answerText(map[string][]string{"$.transaction.currency": {currency}})), query(t), goodConfig())
		checkUnreadable(t, currency, "$.transaction.amount", err)
	}
}

func TestDecodeToken_RefusesEveryWrongType_WithItsPath(t *testing.T) {
	const form = `{"access_token":%s,"expires_in":%s}`
	rows := []struct {
		path, token, expires string
		wrong                []string
	}{
		{"$.access_token", "", `7200`, append([]string{`null`, `""`, `"a b"`, `"a\r\nb"`, `"ж"`, `"` + strings.Repeat("x", maxToken+1) + `"`}, notText...)},
		{"$.expires_in", `"t"`, "", append([]string{`-5`, `"-5"`, `"+5"`, `"soon"`, `"1200s"`, `"1200.5"`, `"0x10"`, `"1_200"`}, notCode...)},
	}
	for _, row := range rows {
		for _, wrong := range row.wrong {
			body := fmt.Sprintf(form, row.token+wrong, row.expires)
			if row.expires == "" {
				body = fmt.Sprintf(form, row.token, wrong)
			}
			_, _, err := decodeToken([]byte(body))
			checkUnreadable(t, wrong, row.path, err)
		}
	}
	_, _, err := decodeToken([]byte(`{"expires_in":7200}`))
	checkUnreadable(t, "missing", "$.access_token", err)
	_, _, err = decodeToken([]byte(`{"access_token":"t","access_token":null}`))
	checkUnreadable(t, "repeated with null", "$.access_token", err)
}
