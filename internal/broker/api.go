package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stored is a message as a stream keeps it.
type Stored struct {
	Seq     uint64
	Subject string
	Header  nats.Header
	Body    []byte
	Time    time.Time
}

// api sends one request to JetStream's API and decodes the answer into answer,
// which may be nil. It is repeated while the failure is passing.
//
// It is not the client library's, for two reasons: a read there may go to any
// replica, and a filtered STREAM.INFO costs two requests.
func (b *Broker) api(ctx context.Context, verb string, request, answer any) error {
	var body []byte
	if request != nil { // some verbs refuse any body
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("encode a request to JetStream: %w", err)
		}
	}
	return b.Retry(ctx, "ask JetStream for "+verb, func(ctx context.Context) error { return b.ask(ctx, verb, body, answer) })
}

// ask is one attempt of api.
func (b *Broker) ask(ctx context.Context, verb string, body []byte, answer any) error {
	msg, err := b.conn.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+verb, body)
	if err != nil {
		return err
	}
	var status struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &status); err != nil {
		return fmt.Errorf("read the answer of JetStream: %w", err)
	}
	if status.Error != nil {
		return status.Error
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(msg.Data, answer)
}

type readRequest struct {
	Seq  uint64 `json:"seq,omitempty"`
	Last string `json:"last_by_subj,omitempty"`
	Next string `json:"next_by_subj,omitempty"`
}

// read asks the stream's leader for one message; ErrNotFound if there is none.
// Replicas are never asked: what they say may be stale, and a lost
// acknowledgement resolved by a stale answer is a guess.
func (b *Broker) read(ctx context.Context, stream string, request readRequest) (Stored, error) {
	var answer struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	err := b.api(ctx, "STREAM.MSG.GET."+stream, request, &answer)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return Stored{}, ErrNotFound
	}
	if err != nil {
		return Stored{}, err
	}
	m := answer.Message
	stored := Stored{Seq: m.Seq, Subject: m.Subject, Body: m.Data, Time: m.Time}
	if len(m.Header) > 0 {
		if stored.Header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return Stored{}, fmt.Errorf("read the header of %s message %d: %w", stream, m.Seq, err)
		}
	}
	return stored, nil
}
