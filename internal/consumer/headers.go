package consumer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// Header names of status events. The first group is CloudEvents 1.0 in binary
// mode (NATS protocol binding): attribute names with the prefix "ce-".
const (
	headerID             = "ce-id"
	headerType           = "ce-type"
	headerSource         = "ce-source"
	headerSubject        = "ce-subject"
	headerTime           = "ce-time"
	headerSpecVersion    = "ce-specversion"
	headerContentType    = "content-type"
	headerVersion        = "ce-version"
	headerPreviousStatus = "ce-previousstatus"
	headerProvider       = "ce-provider"

	// headerOrigin holds payment.Origin as JSON: with it a payment's timer can be
	// armed again from its last event alone.
	headerOrigin = "Recon-Origin"
	// headerTrace is the W3C trace context of the created event.
	headerTrace = "traceparent"
)

// eventSource is the CloudEvents source of everything we publish.
const eventSource = "/reconciler"

// eventHeader makes the headers of a status event.
func eventHeader(e payment.Event, origin payment.Origin, trace string) (nats.Header, error) {
	encoded, err := json.Marshal(origin)
	if err != nil {
		return nil, fmt.Errorf("encode the origin of payment %q: %w", e.Data.PaymentID, err)
	}
	h := nats.Header{}
	h.Set(headerID, e.ID())
	h.Set(headerType, e.Type)
	h.Set(headerSource, eventSource)
	h.Set(headerSubject, broker.Token(e.Data.PaymentID))
	h.Set(headerTime, e.Timestamp.Format(time.RFC3339Nano))
	h.Set(headerSpecVersion, "1.0")
	h.Set(headerContentType, "application/json")
	h.Set(headerVersion, strconv.Itoa(e.Data.Version))
	h.Set(headerPreviousStatus, string(e.Data.PreviousStatus))
	h.Set(headerProvider, broker.Token(e.Data.Account))
	h.Set(headerOrigin, string(encoded))
	if trace != "" {
		h.Set(headerTrace, trace)
	}
	return h, nil
}

// forgedError is a message on our own subjects that we did not write: whoever
// may publish anywhere in the account can forge one through a reply subject.
type forgedError struct{ field, problem string }

func (e *forgedError) Error() string { return e.field + " " + e.problem }

// readEvent reads a status event and believes it only if subject, headers and
// body agree. The error is a *payment.NewerSchemaError where newer code wrote it.
func readEvent(subject string, header nats.Header, body []byte) (payment.Event, payment.Origin, error) {
	event, err := payment.ParseEvent(body)
	if err != nil {
		return payment.Event{}, payment.Origin{}, err
	}
	d := event.Data
	if subject != broker.StatusSubject(string(d.Status), d.Account, d.MerchantID, d.PaymentID) {
		return payment.Event{}, payment.Origin{}, &forgedError{field: "subject", problem: "is not that of the body's payment and status"}
	}
	if header.Get(headerID) != event.ID() {
		return payment.Event{}, payment.Origin{}, &forgedError{field: headerID, problem: "is not the id of the body's payment and version"}
	}
	var origin payment.Origin
	if err := json.Unmarshal([]byte(header.Get(headerOrigin)), &origin); err != nil || origin.Digest == "" {
		return payment.Event{}, payment.Origin{}, &forgedError{field: headerOrigin, problem: "is missing or unreadable"}
	}
	return event, origin, nil
}
