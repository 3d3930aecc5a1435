package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestTable_IsFresh(t *testing.T) {
	list, err := os.ReadFile("list-one.xml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(list)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../currency_table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("currency_table.go is not what the generator makes of list-one.xml; run: go generate ./internal/payment")
	}
}

func TestRun_WritesTheTable(t *testing.T) {
	out := t.TempDir() + "/table.go"
	if err := run("list-one.xml", out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, []byte("// Code generated from ISO 4217 List One of ")) {
		t.Errorf("the table begins with %.60q", got)
	}
}

func TestRun_LeavesTheTable_WhenTheListIsFaulty(t *testing.T) {
	dir := t.TempDir()
	list, out := dir+"/list.xml", dir+"/table.go"
	if err := os.WriteFile(list, document(row("A", "EURO", "978", "2")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(list, out); err == nil {
		t.Error("a faulty list was taken")
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a table was written from a faulty list (stat: %v)", err)
	}
}

func TestGenerate_SortsFoldsAndLeavesOut(t *testing.T) {
	got, err := generate(document(
		row("Z", "USD", "840", "2"), row("A", "JPY ", " 392", "0"), row("B", "USD", "840", "2"),
		row("Z08", "XAU", "959", "N.A."), row("ANTARCTICA", "", "", "")))
	if err != nil {
		t.Fatal(err)
	}
	jpy := strings.Index(string(got), `{code: "JPY", number: "392", exponent: 0}`)
	usd := strings.Index(string(got), `{code: "USD", number: "840", exponent: 2}`)
	if jpy < 0 || usd < jpy || strings.Count(string(got), "USD") != 1 || strings.Contains(string(got), "XAU") {
		t.Errorf("wanted JPY and USD once each, in this order, and no XAU:\n%s", got)
	}
}

func TestGenerate_RefusesWhatItCannotRead(t *testing.T) {
	usd := row("A", "USD", "840", "2")
	for name, list := range map[string][]byte{
		"not XML":                    []byte("currency,USD"),
		"no publication date":        bytes.Replace(document(usd), []byte("2026-01-01"), nil, 1),
		"no currency":                document(row("Z08", "XAU", "959", "N.A.")),
		"code of two letters":        document(usd, row("B", "EU", "978", "2")),
		"code in lower case":         document(usd, row("B", "eur", "978", "2")),
		"number of two digits":       document(usd, row("B", "EUR", "97", "2")),
		"number without a code":      document(usd, row("B", "", "978", "2")),
		"no minor units":             document(usd, row("B", "EUR", "978", "")),
		"minor units beyond four":    document(usd, row("B", "EUR", "978", "5")),
		"one code, two minor units":  document(usd, row("B", "USD", "840", "3")),
		"one code, two numbers":      document(usd, row("B", "USD", "841", "2")),
		"one number, two currencies": document(usd, row("B", "EUR", "840", "2")),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := generate(list); err == nil {
				t.Errorf("made a table:\n%s", got)
			}
		})
	}
}

func document(rows ...string) []byte {
	return []byte(`<ISO_4217 Pblshd="2026-01-01"><CcyTbl>` + strings.Join(rows, "") + `</CcyTbl></ISO_4217>`)
}

func row(country, code, number, units string) string {
	return "<CcyNtry><CtryNm>" + country + "</CtryNm><Ccy>" + code + "</Ccy><CcyNbr>" + number +
		"</CcyNbr><CcyMnrUnts>" + units + "</CcyMnrUnts></CcyNtry>"
}
