package ecommpay

import (
	"slices"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// facts is what an answer says about the payment, and how the account wants it
// read. It is all that the status table decides by.
type facts struct {
	id, status, kind string
	date             time.Time
	operations       []operation
	errors           []string
	// sum and sumReal are the payment's own.
	sum, sumReal sum
	money        movements
	config       Config
	// trusted takes the status by its word alone.
	trusted bool
}

// readFacts reads the fields we know; the error is a *providers.FieldProblem.
func (r reader) readFacts(answer providers.Object) (facts, error) {
	f := facts{config: r.config}
	object, err := answer.Object("payment")
	if err != nil {
		return facts{}, err
	}
	if err := f.readPayment(object); err != nil {
		return facts{}, err
	}
	if f.operations, err = readOperations(answer); err != nil {
		return facts{}, err
	}
	if f.money, err = tally(f.operations); err != nil {
		return facts{}, err
	}
	f.errors, err = readErrors(answer)
	return f, err
}

func (f *facts) readPayment(object providers.Object) error {
	var err error
	if f.status, err = object.String("status"); err != nil {
		return err
	}
	if f.id, err = object.OptionalCode("id"); err != nil {
		return err
	}
	if f.kind, err = object.OptionalString("type"); err != nil {
		return err
	}
	if f.date, err = readDate(object, "date"); err != nil {
		return err
	}
	if f.sum, err = readSum(object, "$.payment", "sum"); err != nil {
		return err
	}
	f.sumReal, err = readSum(object, "$.payment", "sum_real")
	return err
}

// readErrors reads errors[].code; the messages are free text.
func readErrors(answer providers.Object) ([]string, error) {
	items, err := answer.Objects("errors")
	if err != nil {
		return nil, err
	}
	codes := make([]string, len(items))
	for i, item := range items {
		if codes[i], err = item.Code("code"); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// otherType: the payment is a payout, an account verification or the like. An
// absent type is legal, projects choose their fields.
func (f facts) otherType() bool {
	kind := normal(f.kind)
	return kind != "" && kind != "purchase" && kind != "recurring"
}

// nameless: the answer tells of no payment.
func (f facts) nameless() bool { return f.id == "" && len(f.operations) == 0 }

// refused: the answer is an error of the request and tells of no payment. Where
// it tells of one, the status error is the payment's own.
func (f facts) refused() bool {
	return normal(f.status) == "error" && len(f.errors) > 0 && f.nameless()
}

// absent: one of the errors is that the payment is not known.
func (f facts) absent() bool { return slices.Contains(f.errors, codeNotFound) }

// isOfOtherRequests: every operation names the request that began it, and none
// names this one.
func (f facts) isOfOtherRequests(id string) bool {
	for _, o := range f.operations {
		if o.request == "" || o.request == id {
			return false
		}
	}
	return len(f.operations) > 0
}

// doubt is why the operations rule a status out; "": they don't.
func (f facts) doubt(s payment.Status) payment.Reason {
	if f.trusted {
		return ""
	}
	return f.money.doubt(s, f)
}

// readDate reads a date such as 2019-12-12T15:46:51+0000, which is not RFC 3339
// for want of a colon; that is read too. A text in another form is absent, and
// so is a date that no event could hold: when it happened decides no status.
// The error is a *providers.FieldProblem: something else than a text.
func readDate(o providers.Object, key string) (time.Time, error) {
	text, err := o.OptionalString(key)
	if err != nil {
		return time.Time{}, err
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.UTC().Year() >= 1970 && at.UTC().Year() <= 9998 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, nil
}
