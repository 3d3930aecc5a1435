package ecommpay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// sum is an amount as an answer writes it: {"amount":<minor units>,"currency":
// "EUR"}. It is money only where it is needed, because a channel's currency may
// be one that we don't know. The zero value is absent.
type sum struct {
	path     string
	minor    int64
	currency string
}

// readSum reads an optional sum of the object at a path. The error is a
// *providers.FieldProblem.
func readSum(o providers.Object, path, key string) (sum, error) {
	if !o.Has(key) {
		return sum{}, nil
	}
	object, err := o.Object(key)
	if err != nil {
		return sum{}, err
	}
	s := sum{path: path + "." + key}
	if s.minor, err = object.Integer("amount"); err != nil {
		return sum{}, err
	}
	if s.minor < 0 {
		return sum{}, &providers.FieldProblem{Path: s.path + ".amount", Problem: "is negative"}
	}
	s.currency, err = object.String("currency")
	return s, err
}

func (s sum) given() bool { return s.path != "" }

// money is the sum as money; the error is a *providers.FieldProblem.
func (s sum) money() (payment.Money, error) {
	m, err := payment.MinorMoney(s.minor, s.currency)
	if err != nil {
		return payment.Money{}, &providers.FieldProblem{Path: s.path, Problem: "is no money: " + err.Error()}
	}
	return m, nil
}

// in is the sum where it is in that currency, else absent.
func (s sum) in(currency string) payment.Money {
	if s.currency != currency {
		return payment.Money{}
	}
	m, err := s.money()
	if err != nil {
		return payment.Money{} // a currency that we don't know is not ours
	}
	return m
}
