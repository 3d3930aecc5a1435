package ecommpay

import (
	"fmt"
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
	raises       // reserves more
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
	case "incremental":
		return raises
	case "cancel":
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
	// request is the id of the request that began it; "" where it is not told.
	request string
	object  providers.Object
	path    string
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
		if operations[i], err = readOperation(item, fmt.Sprintf("$.operations[%d]", i)); err != nil {
			return nil, err
		}
	}
	return operations, nil
}

func readOperation(item providers.Object, path string) (operation, error) {
	var texts [3]string
	for i, key := range []string{"type", "status", "request_id"} {
		var err error
		if texts[i], err = item.OptionalString(key); err != nil {
			return operation{}, err
		}
	}
	code, err := item.OptionalCode("code")
	if err != nil {
		return operation{}, err
	}
	created, err := readDate(item, "created_date")
	return operation{
		role: roleOf(normal(texts[0])), success: normal(texts[1]) == "success", code: code,
		created: created, request: texts[2], object: item, path: path,
	}, err
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
	for _, key := range []string{"sum_initial", "sum"} {
		s, err := readSum(o.object, o.path, key)
		if err != nil {
			return payment.Money{}, err
		}
		if s.given() {
			return s.money()
		}
	}
	return payment.Money{}, nil
}
