package ecommpay

import (
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// role is what an operation does to the money.
type role int

const (
	// other: not known to us, so it may have done anything.
	other   role = iota
	holds        // reserves it
	takes        // takes it
	returns      // gives it back
	retakes      // undoes a giving back
	idle         // moves none
)

// roleOf gives the role of an operation's type. Types beyond this list exist
// (payment confirmation, invoice, manual change ...); none is an error.
func roleOf(kind string) role {
	switch kind {
	case "auth":
		return holds
	case "sale", "recurring", "capture":
		return takes
	case "refund", "reversal":
		return returns
	case "refund reverse":
		return retakes
	case "cancel", "incremental":
		return idle
	}
	return other
}

// operation is one step of a payment.
type operation struct {
	role    role
	success bool
	code    string
	created time.Time
	object  providers.Object
}

// readOperations reads operations[]; an absent list is empty. Sums are read
// only where they count. The error is a *providers.FieldProblem.
func readOperations(answer providers.Object) ([]operation, error) {
	items, err := answer.Objects("operations")
	if err != nil {
		return nil, err
	}
	operations := make([]operation, len(items))
	for i, item := range items {
		kind, err := item.OptionalString("type")
		if err != nil {
			return nil, err
		}
		status, err := item.OptionalString("status")
		if err != nil {
			return nil, err
		}
		code, err := item.OptionalCode("code")
		if err != nil {
			return nil, err
		}
		operations[i] = operation{
			role: roleOf(normal(kind)), success: normal(status) == "success", code: code,
			created: readDate(item, "created_date"), object: item,
		}
	}
	return operations, nil
}

// deciding is the operation whose code tells about the payment: the last one by
// created_date that gives nothing back; the later in the list where the dates
// are equal, or where any of them can't be read. A declined refund of a paid
// payment must not look like a decline.
func deciding(operations []operation) operation {
	var last operation
	dated := true
	for _, o := range operations {
		dated = dated && !o.created.IsZero()
	}
	for _, o := range operations {
		if o.role != returns && o.role != retakes && (!dated || !o.created.Before(last.created)) {
			last = o
		}
	}
	return last
}

// sum is the operation's amount as requested: sum_initial, or sum as in the
// sample of the status page. sum_converted is in the channel's currency and is
// never ours to compare. Absent: the zero value.
func (o operation) sum() (payment.Money, error) {
	m, err := readSum(o.object, "sum_initial")
	if err != nil || m.Known() {
		return m, err
	}
	return readSum(o.object, "sum")
}

// readSum reads an optional {"amount":<minor units>,"currency":"EUR"}. The
// error is a *providers.FieldProblem.
func readSum(o providers.Object, key string) (payment.Money, error) {
	if !o.Has(key) {
		return payment.Money{}, nil
	}
	sum, err := o.Object(key)
	if err != nil {
		return payment.Money{}, err
	}
	minor, err := sum.Integer("amount")
	if err != nil {
		return payment.Money{}, err
	}
	currency, err := sum.String("currency")
	if err != nil {
		return payment.Money{}, err
	}
	m, err := payment.MinorMoney(minor, currency)
	if err != nil {
		return payment.Money{}, &providers.FieldProblem{Path: key, Problem: "is no money: " + err.Error()}
	}
	return m, nil
}

// readSumIn is readSum for one currency: a sum in another is absent.
func readSumIn(o providers.Object, key, currency string) (payment.Money, error) {
	if !o.Has(key) {
		return payment.Money{}, nil
	}
	sum, err := o.Object(key)
	if err != nil {
		return payment.Money{}, err
	}
	if named, err := sum.OptionalString("currency"); err != nil || named != currency {
		return payment.Money{}, err
	}
	return readSum(o, key)
}
