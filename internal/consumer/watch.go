package consumer

import (
	"encoding/json"
	"fmt"
	"time"

	"reconciler/internal/payment"
)

// watchSchema is the version of a poll timer's body. Version 1 is what watch shows.
const watchSchema = 1

// watch is the body of a poll timer: all that the next poll needs, so that a
// poll that finds nothing new reads nothing and writes one message.
type watch struct {
	Schema     int               `json:"schema"`
	MerchantID string            `json:"merchant_id"`
	PaymentID  string            `json:"payment_id"`
	Account    string            `json:"provider"`
	Reference  payment.Reference `json:"reference"`
	Expected   payment.Money     `json:"expected"`
	CreatedAt  time.Time         `json:"created_at"`
	ExpiresAt  time.Time         `json:"expires_at,omitzero"`

	// The payment's last event as the arming worker knew it. Seq is its
	// position in the status stream: a change is only published if it still is.
	Seq      uint64         `json:"seq"`
	Version  int            `json:"version"`
	Status   payment.Status `json:"status"`
	Since    time.Time      `json:"since"`
	Captured payment.Money  `json:"captured,omitzero"`
	Refunded payment.Money  `json:"refunded,omitzero"`
	// Bound is the provider's own number for the payment, once seen.
	Bound string `json:"bound,omitempty"`

	// Clock is the give-up clock: the time watched while the provider answered.
	Clock time.Duration `json:"clock"`
	// Planned is the interval this timer was armed with. The clock runs by it
	// and not by what really passed: what is more was an outage or a closed tap.
	Planned time.Duration `json:"planned"`
	// Answered counts the looks the provider answered.
	Answered int    `json:"answered"`
	Doubt    *doubt `json:"doubt,omitempty"`
	Looks    looks  `json:"looks,omitempty"`
}

// doubt is a disagreement that is not believed yet: it becomes a review when
// it is the answer several times in a row over some time.
type doubt struct {
	Reason payment.Reason `json:"reason"`
	Count  int            `json:"count"`
	First  time.Time      `json:"first"`
}

// newWatch is the watch of a payment whose last event has the sequence seq.
func newWatch(s payment.State, seq uint64) watch {
	w := watch{
		Schema: watchSchema, MerchantID: s.Last.MerchantID, PaymentID: s.Last.PaymentID, Account: s.Last.Account,
		Reference: s.Origin.Reference, Expected: s.Last.Expected,
		CreatedAt: s.Origin.CreatedAt, ExpiresAt: s.Origin.ExpiresAt,
	}
	return w.at(s.Last, seq)
}

// at is the watch moved to another last event.
func (w watch) at(last payment.Data, seq uint64) watch {
	if last.Status != w.Status {
		w.Since = last.ObservedAt
	}
	w.Seq, w.Version, w.Status = seq, last.Version, last.Status
	w.Captured, w.Refunded = last.Captured, last.Refunded
	if last.ProviderReference != "" {
		w.Bound = last.ProviderReference
	}
	return w
}

// state is the part of the payment's state that deciding needs. The whole
// state is read only to publish a change.
func (w watch) state() payment.State {
	return payment.State{Last: payment.Data{
		PaymentID: w.PaymentID, MerchantID: w.MerchantID, Account: w.Account,
		Version: w.Version, Status: w.Status, Expected: w.Expected,
		Captured: w.Captured, Refunded: w.Refunded, ProviderReference: w.Bound,
	}}
}

func (w watch) encode() ([]byte, error) {
	body, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode the timer of payment %q: %w", w.PaymentID, err)
	}
	return body, nil
}

// checkSchema leaves what a newer worker wrote to one. It comes before all
// other reading, because any other field may have another type by then.
func checkSchema(encoded []byte, known int) error {
	var of struct {
		Schema int `json:"schema"`
	}
	if json.Unmarshal(encoded, &of) == nil && of.Schema > known {
		return &payment.NewerSchemaError{Version: of.Schema}
	}
	return nil
}

// parseWatch reads a timer's body and checks what a forged one would lack. The
// error is a *payment.NewerSchemaError where newer code wrote it.
func parseWatch(body []byte) (watch, error) {
	if err := checkSchema(body, watchSchema); err != nil {
		return watch{}, err
	}
	var w watch
	if err := json.Unmarshal(body, &w); err != nil {
		return watch{}, fmt.Errorf("read timer: %w", err)
	}
	switch {
	case w.Schema < 1:
		return watch{}, &payment.FieldError{Field: "schema", Problem: "is missing"}
	case payment.CheckID(w.MerchantID) != "":
		return watch{}, &payment.FieldError{Field: "merchant_id", Problem: payment.CheckID(w.MerchantID)}
	case payment.CheckID(w.PaymentID) != "":
		return watch{}, &payment.FieldError{Field: "payment_id", Problem: payment.CheckID(w.PaymentID)}
	case !w.Status.Valid():
		return watch{}, &payment.FieldError{Field: "status", Problem: "is no status"}
	case !w.Expected.Known():
		return watch{}, &payment.FieldError{Field: "expected", Problem: "is missing"}
	case w.Clock < 0 || w.Planned < 0:
		return watch{}, &payment.FieldError{Field: "clock", Problem: "is negative"}
	}
	return w, nil
}
