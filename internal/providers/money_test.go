package providers

import (
	"errors"
	"strings"
	"testing"
)

func TestObject_ReadsMoney_OnlyWithTheCurrencysDecimals(t *testing.T) {
	rows := []struct{ value, currency, want string }{
		{"500.00", "KGS", "500.00 KGS"}, {"500", "KGS", "500.00 KGS"}, {"12.220", "KZT", "12.22 KZT"}, {"0", "KZT", "0.00 KZT"}, {"33", "JPY", "33 JPY"},
		{"500.005", "KGS", ""}, {"33.5", "JPY", ""}, {"-1", "KGS", ""}, {"5e2", "KGS", ""}, {`"500.00"`, "KGS", ""}, {"1", "kgs", ""}, {"1", "", ""}, {"1", "XXX", ""},
		{"99999999999999999999999999999999", "KGS", ""}, {"null", "KGS", ""},
	}
	for _, row := range rows {
		money, err := object(t, `{"v":`+row.value+`}`).Money("v", row.currency)
		if row.want != "" && (err != nil || money.String() != row.want) {
			t.Errorf("%s %s: %s, error %v; want %s", row.value, row.currency, money, err, row.want)
		}
		var problem *FieldProblem
		if row.want == "" && (!errors.As(err, &problem) || problem.Path != "$.v" || money.Known()) {
			t.Errorf("%s %s: %s, error %v; want a problem of $.v", row.value, row.currency, money, err)
		}
		if err != nil && strings.Contains(err.Error(), row.value) && row.value != "1" && row.value != "-1" {
			t.Errorf("the value shows in %q", err)
		}
	}
}

func TestObject_ReadsAbsentMoneyAsNone_WhereItIsOptional(t *testing.T) {
	for _, text := range []string{`{}`, `{"v":null}`} {
		if money, err := object(t, text).OptionalMoney("v", "KZT"); err != nil || money.Known() {
			t.Errorf("%s: %s, error %v", text, money, err)
		}
	}
	if _, err := object(t, `{"v":"1"}`).OptionalMoney("v", "KZT"); err == nil {
		t.Error("text was read as money")
	}
	if money, err := object(t, `{"v":1.5}`).OptionalMoney("v", "KZT"); err != nil || money.String() != "1.50 KZT" {
		t.Errorf("%s, error %v; want 1.50 KZT", money, err)
	}
}
