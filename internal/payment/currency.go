package payment

// Exponent is the number of decimals of a currency by ISO 4217 List One. It is
// false for a code that is not on the list and for those the list gives no
// minor unit (XAU, XDR, XXX ...): they are no money a payment can be made in.
func Exponent(code string) (int, bool) {
	exponent, ok := map[string]int{"EUR": 2, "USD": 2, "KZT": 2, "UAH": 2, "KGS": 2, "JPY": 0}[code]
	return exponent, ok
}
