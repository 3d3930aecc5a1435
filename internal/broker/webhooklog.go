package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// LogRecord is the record of one webhook attempt.
type LogRecord struct {
	// Subject is made by WebhookLogSubject.
	Subject string
	// ID names the attempt, the same whenever it is recorded.
	ID     string
	Header nats.Header
	Body   []byte
}

// AppendLog records an attempt once: an attempt whose acknowledgement was lost is
// looked up by its id before it is written again.
func (b *Broker) AppendLog(ctx context.Context, r LogRecord) error {
	_, of, err := ParseWebhookLogSubject(r.Subject)
	if err != nil {
		return fmt.Errorf("record a webhook attempt: %w", err)
	}
	if r.ID == "" {
		return errors.New("record a webhook attempt: an id is needed")
	}
	msg, err := message(StreamWebhookLog, r.Subject, r.Header, r.Body)
	if err != nil {
		return err
	}
	msg.Header.Set(headerID, r.ID)
	return b.publish(ctx, "record a webhook attempt", msg, func(ctx context.Context) bool {
		// The server's window for ids may pass while it can't be reached.
		_, last, err := b.LastLog(ctx, of)
		return err == nil && last.Header.Get(headerID) == r.ID
	})
}

// LastLog reads the last record of a webhook; ErrNotFound if there is none.
func (b *Broker) LastLog(ctx context.Context, of WebhookRef) (outcome string, record Stored, err error) {
	record, err = b.read(ctx, StreamWebhookLog, readRequest{Last: WebhookLogKey(of)})
	if err != nil {
		return "", Stored{}, err
	}
	outcome, _, err = ParseWebhookLogSubject(record.Subject)
	return outcome, record, err
}
