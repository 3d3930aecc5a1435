package payment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SchemaVersion is the version of the event body. Version 1 is what Data
// shows; a reader that meets a newer one leaves it to newer code.
const SchemaVersion = 1

// Trigger says what made us look.
type Trigger string

// The triggers. The first event of a payment has none: nobody looked.
const (
	TriggerPoll   Trigger = "poll"
	TriggerHint   Trigger = "hint"
	TriggerManual Trigger = "manual"
	TriggerGiveUp Trigger = "give_up"
)

// Event is one change of a payment's status. Subscribers and merchants get the
// same bytes: Body.
type Event struct {
	// Type is "payment." and the status.
	Type string `json:"type"`
	// Timestamp is when we observed the change.
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is what an event says about the payment, complete in itself: the last
// event of a payment is its state.
type Data struct {
	PaymentID  string `json:"payment_id"`
	MerchantID string `json:"merchant_id"`
	// Account is the configured provider account.
	Account string `json:"provider"`
	// Version counts a payment's events from 1, without a gap.
	Version int    `json:"version"`
	Status  Status `json:"status"`
	// PreviousStatus is empty in version 1.
	PreviousStatus Status `json:"previous_status,omitempty"`
	// Implied are the statuses that were skipped between two polls, in order.
	Implied []Status `json:"implied,omitempty"`
	// Final says that the payment is decided (see Status.Final).
	Final bool `json:"final"`
	// Late says that money came after the payment had been closed.
	Late bool `json:"late,omitempty"`
	// Trigger is empty in version 1.
	Trigger Trigger `json:"trigger,omitempty"`
	// Expected is the money of the created event, Reported what the provider
	// names for the whole payment, Captured and Refunded what moved.
	Expected Money `json:"expected"`
	Reported Money `json:"reported,omitzero"`
	Captured Money `json:"captured,omitzero"`
	Refunded Money `json:"refunded,omitzero"`
	// Reason is of the closed list (see Reasons), or empty.
	Reason Reason `json:"reason,omitempty"`
	// The provider's own words, for people.
	ProviderStatus    string `json:"provider_status,omitempty"`
	ProviderCode      string `json:"provider_code,omitempty"`
	ProviderMessage   string `json:"provider_message,omitempty"`
	ProviderReference string `json:"provider_reference,omitempty"`
	MappingVersion    string `json:"mapping_version,omitempty"`
	// OccurredAt is the provider's clock, ObservedAt ours.
	OccurredAt    time.Time       `json:"occurred_at,omitzero"`
	ObservedAt    time.Time       `json:"observed_at"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
	SchemaVersion int             `json:"schema_version"`
}

// Origin is what a payment was created with and its events do not tell: it
// travels in a header of each event, so that a lost timer can be armed again
// from the log alone.
type Origin struct {
	CreatedID string    `json:"created_id"`
	Digest    string    `json:"digest"`
	Reference Reference `json:"reference"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// TypeOf is the event type that announces a status.
func TypeOf(s Status) string { return "payment." + string(s) }

// ID is the event's id: one per payment and version, at every attempt and
// replay. It holds nothing from outside in the clear, because the Standard
// Webhooks signature forbids a "." in it.
func (e Event) ID() string { return EventID(e.Data.MerchantID, e.Data.PaymentID, e.Data.Version) }

// EventID is the id of a payment's event of that version.
func EventID(merchantID, paymentID string, version int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(merchantID)) + ":" + merchantID + ":" + paymentID))
	return "evt_" + hex.EncodeToString(sum[:12]) + "_" + strconv.Itoa(version)
}

// Body encodes the event. It is called once, when the event is made; from then
// on the bytes themselves travel.
func (e Event) Body() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event version %d: %w", e.Data.Version, err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// NewerSchemaError is a body written by a newer version of this program.
type NewerSchemaError struct{ Version int }

// Error names the version.
func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("schema version %d is newer than what this program reads", e.Version)
}

// ParseEvent reads an event's body and checks that it is one: type, status,
// version and money agree. The error is a *NewerSchemaError, a *FieldError or
// the decoder's.
func ParseEvent(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		if newer := newerSchema(body); newer != nil {
			return Event{}, newer
		}
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	d := e.Data
	switch {
	case d.SchemaVersion > SchemaVersion:
		return Event{}, &NewerSchemaError{Version: d.SchemaVersion}
	case d.SchemaVersion < 1:
		return Event{}, &FieldError{Field: "data.schema_version", Problem: "is missing"}
	case CheckID(d.PaymentID) != "":
		return Event{}, &FieldError{Field: "data.payment_id", Problem: CheckID(d.PaymentID)}
	case CheckID(d.MerchantID) != "":
		return Event{}, &FieldError{Field: "data.merchant_id", Problem: CheckID(d.MerchantID)}
	case CheckID(d.Account) != "":
		return Event{}, &FieldError{Field: "data.provider", Problem: CheckID(d.Account)}
	case !d.Status.Valid() || e.Type != TypeOf(d.Status):
		return Event{}, &FieldError{Field: "data.status", Problem: "is not the status that the type announces"}
	case d.Version < 1 || (d.Version == 1) != (d.PreviousStatus == ""):
		return Event{}, &FieldError{Field: "data.version", Problem: "does not fit previous_status"}
	case d.PreviousStatus != "" && !d.PreviousStatus.Valid():
		return Event{}, &FieldError{Field: "data.previous_status", Problem: "is no status"}
	case !d.Expected.Known():
		return Event{}, &FieldError{Field: "data.expected", Problem: "is missing"}
	case !d.Reason.Valid():
		return Event{}, &FieldError{Field: "data.reason", Problem: "is not on the list"}
	}
	return e, nil
}

// newerSchema tells a body that a newer program wrote, whose fields may have
// other types by now, from one that is broken.
func newerSchema(body []byte) error {
	var e struct {
		Data struct {
			SchemaVersion int `json:"schema_version"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &e) != nil || e.Data.SchemaVersion <= SchemaVersion {
		return nil
	}
	return &NewerSchemaError{Version: e.Data.SchemaVersion}
}

// StatusOf is the status that an event type announces, or false.
func StatusOf(eventType string) (Status, bool) {
	s, ok := strings.CutPrefix(eventType, "payment.")
	return Status(s), ok && Status(s).Valid()
}
