package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"go/format"
	"regexp"
	"slices"
	"strings"
	"time"
)

// listOne is the published shape: one entry per country and currency.
type listOne struct {
	Published string  `xml:"Pblshd,attr"`
	Entries   []entry `xml:"CcyTbl>CcyNtry"`
}

type entry struct {
	Country string `xml:"CtryNm"`
	Code    string `xml:"Ccy"`
	Number  string `xml:"CcyNbr"`
	Units   string `xml:"CcyMnrUnts"`
}

// noUnits is what the list says of gold, drawing rights and the like.
const noUnits = "N.A."

// generate makes the Go file from the list's bytes.
func generate(data []byte) ([]byte, error) {
	var list listOne
	if err := xml.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read the XML: %w", err)
	}
	if _, err := time.Parse(time.DateOnly, list.Published); err != nil {
		return nil, fmt.Errorf("read the publication date: %w", err)
	}
	rows, err := collect(list.Entries)
	if err != nil {
		return nil, err
	}
	return format.Source(render(list.Published, rows))
}

// collect folds the entries of all countries into one row per code, by code.
func collect(entries []entry) ([]entry, error) {
	codes, numbers := map[string]entry{}, map[string]string{}
	for _, e := range entries {
		e = e.trimmed()
		if e.Code == "" && e.Number == "" && e.Units == "" {
			continue // a country without a currency of its own, such as Antarctica
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		if known, ok := codes[e.Code]; ok && (known.Number != e.Number || known.Units != e.Units) {
			return nil, fmt.Errorf("%s: the rows of %s and %s differ", e.Code, known.Country, e.Country)
		}
		if code, ok := numbers[e.Number]; ok && code != e.Code {
			return nil, fmt.Errorf("%s: number %s is also that of %s", e.Code, e.Number, code)
		}
		codes[e.Code], numbers[e.Number] = e, e.Code
	}
	rows := make([]entry, 0, len(codes))
	for _, e := range codes {
		if e.Units != noUnits {
			rows = append(rows, e)
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("the list holds no currency")
	}
	slices.SortFunc(rows, func(a, b entry) int { return strings.Compare(a.Code, b.Code) })
	return rows, nil
}

func (e entry) trimmed() entry {
	return entry{
		Country: strings.TrimSpace(e.Country), Code: strings.TrimSpace(e.Code),
		Number: strings.TrimSpace(e.Number), Units: strings.TrimSpace(e.Units),
	}
}

func (e entry) check() error {
	switch {
	case !regexp.MustCompile(`^[A-Z]{3}$`).MatchString(e.Code):
		return fmt.Errorf("%s: code %q is not three letters", e.Country, e.Code)
	case !regexp.MustCompile(`^[0-9]{3}$`).MatchString(e.Number):
		return fmt.Errorf("%s: number %q of %s is not three digits", e.Country, e.Number, e.Code)
	case e.Units != noUnits && !regexp.MustCompile(`^[0-4]$`).MatchString(e.Units):
		return fmt.Errorf("%s: minor units %q of %s are neither 0 to 4 nor %s", e.Country, e.Units, e.Code, noUnits)
	}
	return nil
}

func render(published string, rows []entry) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated from ISO 4217 List One of %s by go generate; DO NOT EDIT.\n\n", published)
	fmt.Fprintf(&b, "package payment\n\n")
	fmt.Fprintf(&b, "// CurrencyListDate is the day ISO 4217 List One, which the currencies come from, was published.\n")
	fmt.Fprintf(&b, "const CurrencyListDate = %q\n\n", published)
	fmt.Fprintf(&b, "// currencies are all codes of the list that have minor units, by letter code.\n")
	fmt.Fprintf(&b, "var currencies = [...]currency{\n")
	for _, e := range rows {
		fmt.Fprintf(&b, "{code: %q, number: %q, exponent: %s},\n", e.Code, e.Number, e.Units)
	}
	fmt.Fprintf(&b, "}\n")
	return b.Bytes()
}
