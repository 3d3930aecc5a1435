package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// exponents are the decimal places of the currencies the sandbox deals in, by
// ISO 4217. The list is the sandbox's own: a judge that shared the worker's
// table would share its mistakes.
var exponents = map[string]int{
	"AED": 2, "AZN": 2, "BHD": 3, "CZK": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KGS": 2, "KRW": 0, "KWD": 3,
	"KZT": 2, "MYR": 2, "PLN": 2, "TRY": 2, "UAH": 2, "USD": 2, "UZS": 2, "VND": 0,
}

// Exponent gives a currency's number of decimal places; false for a currency
// the sandbox does not deal in.
func Exponent(currency string) (int, bool) {
	e, ok := exponents[currency]
	return e, ok
}

// Major writes minor units in major units with all decimal places: 50000 as "500.00".
func Major(minor int64, exponent int) string {
	if exponent == 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	text := fmt.Sprintf("%0*d", exponent+1, minor)
	return sign + text[:len(text)-exponent] + "." + text[len(text)-exponent:]
}

// Number is a JSON number in major units, written in one of the ways seen in
// the providers' documents: 0 with all places (500.00), 1 as short as can be
// (500, 120.5), 2 short but with a decimal point (500.0, 120.5), 3 with a zero
// too many (500.000, 120.500).
func Number(minor int64, exponent, manner int) json.Number {
	text := Major(minor, exponent)
	switch {
	case manner == 0 || exponent == 0:
		return json.Number(text)
	case manner == 3:
		return json.Number(text + "0")
	}
	text = strings.TrimRight(text, "0")
	if strings.HasSuffix(text, ".") {
		if manner == 2 {
			return json.Number(text + "0")
		}
		text = strings.TrimSuffix(text, ".")
	}
	return json.Number(text)
}

// ParseMajor reads an amount as a person writes it, "33.00" or "33", into
// minor units. The error completes the sentence "amount ...".
func ParseMajor(text string, exponent int) (int64, error) {
	whole, places, dotted := strings.Cut(text, ".")
	if whole == "" || len(whole) > 12 || !digits(whole) {
		return 0, fmt.Errorf("must be a decimal number of at most 12 digits, such as \"33.00\"")
	}
	if dotted && (places == "" || !digits(places)) {
		return 0, fmt.Errorf("must have digits after the point, such as \"33.00\"")
	}
	if len(places) > exponent {
		return 0, fmt.Errorf("has %d decimal places, the currency has %d", len(places), exponent)
	}
	minor, err := strconv.ParseInt(whole+places+strings.Repeat("0", exponent-len(places)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("is too large")
	}
	return minor, nil
}

func digits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}
