package payment

import (
	"slices"
	"strings"
)

//go:generate go run ./iso4217 -list iso4217/list-one.xml -out currency_table.go

// currency is a row of the list: letter code, three-digit numeric code and the
// number of decimals.
type currency struct {
	code     string
	number   string
	exponent int
}

// Exponent is the number of decimals of a currency by ISO 4217 List One of
// CurrencyListDate; other lists, such as CLDR's, name fewer for some (PKR, UZS,
// RSD, IQD ...). It is false for a code that is not on the list, is not written in
// upper case, or is given no minor unit there (XAU, XDR, XXX ...): that is no
// money a payment can be made in.
func Exponent(code string) (int, bool) {
	i, ok := slices.BinarySearchFunc(currencies[:], code, func(c currency, code string) int {
		return strings.Compare(c.code, code)
	})
	if !ok {
		return 0, false
	}
	return currencies[i].exponent, true
}

// CurrencyByNumber is the letter code of a currency that a provider names by its
// three-digit ISO 4217 number: "980" is "UAH". It is false for everything that
// Exponent is false for.
func CurrencyByNumber(number string) (code string, ok bool) {
	for i := range currencies {
		if currencies[i].number == number {
			return currencies[i].code, true
		}
	}
	return "", false
}
