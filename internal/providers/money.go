package providers

import "reconciler/internal/payment"

// Money reads a required amount in major units, a JSON number in plain
// notation, as money of the given ISO 4217 currency. More decimals than the
// currency has, a negative amount and an unknown currency are refused: the
// error is a *FieldProblem that names the amount's path.
func (o Object) Money(key, currency string) (payment.Money, error) {
	amount, err := o.Decimal(key)
	if err != nil {
		return payment.Money{}, err
	}
	money, err := payment.DecimalMoney(amount, currency)
	if err != nil {
		// A *payment.MoneyError says which half is wrong and never holds the value.
		return payment.Money{}, &FieldProblem{Path: o.at(key), Problem: "is no money: " + err.Error()}
	}
	return money, nil
}

// OptionalMoney is Money for a field that may be absent or null: then the
// money is absent too.
func (o Object) OptionalMoney(key, currency string) (payment.Money, error) {
	if !o.Has(key) {
		return payment.Money{}, nil
	}
	return o.Money(key, currency)
}
