package payment

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/shopspring/decimal"
)

// maxAmountLength bounds an amount's text: 15 digits before the point, the
// point and 4 digits behind it hold every real amount of every currency, and
// still fit an int64 of minor units.
const maxAmountLength = 20

// Money is an amount in the minor units of an ISO 4217 currency (cents, tenge
// tiyn, whole yen). The zero value is absent money: nothing was said. Two
// values are the same money exactly if they are equal with ==.
type Money struct {
	minor    int64
	currency string
}

// MoneyError says which half of a money value is wrong, and how.
type MoneyError struct {
	// Field is "amount" or "currency".
	Field string
	// Problem completes the sentence "amount ...", without the value itself.
	Problem string
}

// Error names the field and the problem.
func (e *MoneyError) Error() string { return e.Field + " " + e.Problem }

// ParseMoney reads an amount in major units as decimal text: digits, at most
// one dot with digits on both sides, no sign, no exponent, at most 20
// characters, and no more decimals than the currency has (trailing zeros
// beyond them are refused too: an over-precise amount is a unit mistake). The
// error is a *MoneyError.
func ParseMoney(amount, currency string) (Money, error) {
	exponent, ok := Exponent(currency)
	if !ok {
		return Money{}, &MoneyError{Field: "currency", Problem: "is not an ISO 4217 code with minor units, such as EUR"}
	}
	if err := checkAmount(amount); err != nil {
		return Money{}, err
	}
	d, err := decimal.NewFromString(amount)
	if err != nil {
		return Money{}, &MoneyError{Field: "amount", Problem: "is not a decimal number such as 33.00"}
	}
	if int(-d.Exponent()) > exponent {
		return Money{}, &MoneyError{Field: "amount", Problem: fmt.Sprintf("has more than the %d decimals of %s", exponent, currency)}
	}
	return DecimalMoney(d, currency)
}

// checkAmount holds the grammar of amounts. It exists because
// decimal.NewFromString also reads signs, exponents and ".5".
func checkAmount(amount string) error {
	if amount == "" {
		return &MoneyError{Field: "amount", Problem: "is empty; wanted a decimal number such as 33.00"}
	}
	if len(amount) > maxAmountLength {
		return &MoneyError{Field: "amount", Problem: fmt.Sprintf("is longer than %d characters", maxAmountLength)}
	}
	dots := 0
	for i, c := range []byte(amount) {
		switch {
		case c >= '0' && c <= '9':
		case c == '.' && dots == 0 && i > 0 && i < len(amount)-1:
			dots++
		case c == '-' && i == 0:
			return &MoneyError{Field: "amount", Problem: "is negative"}
		default:
			return &MoneyError{Field: "amount", Problem: "is not a decimal number such as 33.00 (digits and one dot only)"}
		}
	}
	return nil
}

// DecimalMoney makes money from an amount in major units that was read as a
// decimal, never through a float. The error is a *MoneyError.
func DecimalMoney(amount decimal.Decimal, currency string) (Money, error) {
	exponent, ok := Exponent(currency)
	if !ok {
		return Money{}, &MoneyError{Field: "currency", Problem: "is not an ISO 4217 code with minor units, such as EUR"}
	}
	// A decimal may carry a huge exponent from outside; shifting it would
	// allocate by that exponent before any bound is looked at.
	if amount.Exponent() > 18 || amount.Exponent() < -18 {
		return Money{}, &MoneyError{Field: "amount", Problem: "is out of range"}
	}
	minor := amount.Shift(int32(exponent))
	if !minor.IsInteger() {
		return Money{}, &MoneyError{Field: "amount", Problem: fmt.Sprintf("has more than the %d decimals of %s", exponent, currency)}
	}
	if minor.IsNegative() {
		return Money{}, &MoneyError{Field: "amount", Problem: "is negative"}
	}
	if minor.GreaterThan(decimal.NewFromInt(math.MaxInt64)) {
		return Money{}, &MoneyError{Field: "amount", Problem: "is out of range"}
	}
	return Money{minor: minor.IntPart(), currency: currency}, nil
}

// MinorMoney makes money from minor units. The error is a *MoneyError.
func MinorMoney(minor int64, currency string) (Money, error) {
	if _, ok := Exponent(currency); !ok {
		return Money{}, &MoneyError{Field: "currency", Problem: "is not an ISO 4217 code with minor units, such as EUR"}
	}
	if minor < 0 {
		return Money{}, &MoneyError{Field: "amount", Problem: "is negative"}
	}
	return Money{minor: minor, currency: currency}, nil
}

// Known reports whether anything was said: false for the zero value.
func (m Money) Known() bool { return m.currency != "" }

// Minor is the amount in minor units.
func (m Money) Minor() int64 { return m.minor }

// Currency is the ISO 4217 letter code, empty for absent money.
func (m Money) Currency() string { return m.currency }

// Amount is the amount in major units with all the currency's decimals: "33.00".
// It is empty for absent money, which is not the same as none.
func (m Money) Amount() string {
	if !m.Known() {
		return ""
	}
	exponent, _ := Exponent(m.currency)
	return decimal.New(m.minor, int32(-exponent)).StringFixed(int32(exponent))
}

// String is for people: "33.00 USD".
func (m Money) String() string {
	if !m.Known() {
		return "no amount"
	}
	return m.Amount() + " " + m.currency
}

// Less reports whether m is the smaller amount of the same currency; it is
// false where the currencies differ or one of the two is absent.
func (m Money) Less(other Money) bool {
	return m.Known() && m.currency == other.currency && m.minor < other.minor
}

// Plus adds money of the same currency. The error is a *MoneyError.
func (m Money) Plus(other Money) (Money, error) {
	if m.currency != other.currency {
		return Money{}, &MoneyError{Field: "currency", Problem: fmt.Sprintf("differs: %s and %s", m.currency, other.currency)}
	}
	if other.minor > math.MaxInt64-m.minor {
		return Money{}, &MoneyError{Field: "amount", Problem: "is out of range"}
	}
	return Money{minor: m.minor + other.minor, currency: m.currency}, nil
}

// Minus subtracts money of the same currency; less than nothing is an error.
// The error is a *MoneyError.
func (m Money) Minus(other Money) (Money, error) {
	if m.currency != other.currency {
		return Money{}, &MoneyError{Field: "currency", Problem: fmt.Sprintf("differs: %s and %s", m.currency, other.currency)}
	}
	if other.minor > m.minor {
		return Money{}, &MoneyError{Field: "amount", Problem: "is negative"}
	}
	return Money{minor: m.minor - other.minor, currency: m.currency}, nil
}

// moneyJSON is the shape of money in events: {"amount":"33.00","minor":3300,"currency":"USD"}.
type moneyJSON struct {
	Amount   string `json:"amount"`
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// MarshalJSON writes {"amount":"33.00","minor":3300,"currency":"USD"}, or null
// for absent money.
func (m Money) MarshalJSON() ([]byte, error) {
	if !m.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(moneyJSON{Amount: m.Amount(), Minor: m.minor, Currency: m.currency})
}

// UnmarshalJSON reads what MarshalJSON writes and refuses an amount that does
// not equal its minor units.
func (m *Money) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*m = Money{}
		return nil
	}
	var raw moneyJSON
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("read money: %w", err)
	}
	read, err := ParseMoney(raw.Amount, raw.Currency)
	if err != nil {
		return err
	}
	if read.minor != raw.Minor {
		return &MoneyError{Field: "amount", Problem: "does not equal its minor units"}
	}
	*m = read
	return nil
}

// IsZero reports whether the money is absent, so that omitzero leaves it out.
func (m Money) IsZero() bool { return !m.Known() }
