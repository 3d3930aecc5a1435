package endpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
)

// EventType is what an operational event tells: a closed set.
type EventType string

// The types.
const (
	// TypeFailing: nothing but failures for 50 or 75 % of the time that disables.
	TypeFailing EventType = "webhook.endpoint_failing"
	// TypeDisabled: the endpoint was disabled, by its failures or its 410. What an
	// operator does is no event: the operator knows.
	TypeDisabled EventType = "webhook.endpoint_disabled"
	// TypeRecovered: the first success after one of the two.
	TypeRecovered EventType = "webhook.endpoint_recovered"
)

// word is the type's token in a subject.
func (t EventType) word() string { return strings.TrimPrefix(string(t), "webhook.endpoint_") }

// Event is one operational event, as it is owed.
type Event struct {
	// ID is one per event, whoever publishes it and however often.
	ID   string    `json:"id,omitempty"`
	Type EventType `json:"type"`
	At   time.Time `json:"at"`
	// Share is of the way to being disabled, in percent.
	Share        int       `json:"share,omitempty"`
	Reason       Reason    `json:"reason,omitempty"`
	FailingSince time.Time `json:"failing_since,omitzero"`
	// DisablesAt is when failures disable the endpoint, if nothing succeeds before.
	DisablesAt time.Time `json:"disables_at,omitzero"`
}

func (e Event) id(of name) string {
	whole := strings.Join([]string{of.about("event", string(e.Type)), strconv.FormatInt(e.At.UnixNano(), 10), strconv.Itoa(e.Share)}, "\n")
	sum := sha256.Sum256([]byte(whole))
	return "evt_" + hex.EncodeToString(sum[:12])
}

// eventSubjects are the first two tokens of every operational event. Records of
// attempts have six tokens, these have five, so no filter for one takes the other.
const eventSubjects = "webhooks.endpoint."

// EventSubject is where an operational event of an endpoint is published:
// webhooks.endpoint.<failing, disabled or recovered>.<merchant>.<endpoint>.
func EventSubject(t EventType, merchant, id string) string {
	return eventSubjects + broker.Token(t.word()) + "." + broker.Token(merchant) + "." + broker.Token(id)
}

// IsEventSubject tells operational events from the records of attempts, which
// stand in the same stream.
func IsEventSubject(subject string) bool {
	rest, ok := strings.CutPrefix(subject, eventSubjects)
	return ok && strings.Count(rest, ".") == 2
}

// eventSchema is the version of an event's data. Version 1 is what eventData shows.
const eventSchema = 1

type eventBody struct {
	Type      EventType `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	MerchantID    string    `json:"merchant_id"`
	Endpoint      string    `json:"endpoint"`
	Share         int       `json:"share,omitempty"`
	Reason        Reason    `json:"reason,omitempty"`
	FailingSince  time.Time `json:"failing_since,omitzero"`
	DisablesAt    time.Time `json:"disables_at,omitzero"`
	SchemaVersion int       `json:"schema_version"`
}

// message is the event as it is published, with the headers of CloudEvents 1.0
// that events of payments have.
func (e Event) message(of name) (*nats.Msg, error) {
	body, err := json.Marshal(eventBody{Type: e.Type, Timestamp: e.At, Data: eventData{
		MerchantID: of.merchant, Endpoint: of.id, Share: e.Share, Reason: e.Reason,
		FailingSince: e.FailingSince, DisablesAt: e.DisablesAt, SchemaVersion: eventSchema,
	}})
	if err != nil {
		return nil, fmt.Errorf("encode an event of an endpoint: %w", err)
	}
	msg := nats.NewMsg(EventSubject(e.Type, of.merchant, of.id))
	msg.Data = body
	for header, value := range map[string]string{
		"ce-id": e.ID, "ce-type": string(e.Type), "ce-source": "/reconciler", "ce-subject": broker.Token(of.id),
		"ce-time": e.At.Format(time.RFC3339Nano), "ce-specversion": "1.0", "content-type": "application/json",
	} {
		msg.Header.Set(header, value)
	}
	return msg, nil
}
