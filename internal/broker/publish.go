package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers the server acts on. None may come from a caller: each is a power.
const (
	headerID              = nats.MsgIdHdr
	headerExpectedStream  = "Nats-Expected-Stream"
	headerExpected        = "Nats-Expected-Last-Subject-Sequence"
	headerExpectedSubject = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerSchedule        = "Nats-Schedule"
	headerScheduleTarget  = "Nats-Schedule-Target"
	headerScheduleNext    = "Nats-Schedule-Next"
	headerScheduler       = "Nats-Scheduler"
)

// message copies the caller's header and names the stream that must take the
// message, so that a stream of somebody else can't swallow it unseen.
func message(stream, subject string, header nats.Header, body []byte) (*nats.Msg, error) {
	own := make(nats.Header, len(header)+4)
	for name, values := range header {
		if brokerHeader(name) {
			return nil, fmt.Errorf("publish to %s: header %s belongs to the broker and can't be set by a caller", stream, name)
		}
		own[name] = values
	}
	own.Set(headerExpectedStream, stream)
	return &nats.Msg{Subject: subject, Header: own, Data: body}, nil
}

func brokerHeader(name string) bool {
	return len(name) >= 5 && strings.EqualFold(name[:5], "Nats-")
}

// send publishes once and waits for the acknowledgement, at most the publish timeout.
func (b *Broker) send(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	var ack *jetstream.PubAck
	err := b.attempt(ctx, func(ctx context.Context) error {
		var err error
		ack, err = b.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
		return err
	})
	if ctx.Err() == nil && b.conn.IsConnected() { // what was broken off or never arrived says nothing of the stream
		b.writes.note(msg.Header.Get(headerExpectedStream), judge(ack, err), err)
	}
	return ack, err
}

// publish repeats until the broker has the message. After an attempt in doubt
// stored, if given, says whether the message is there for certain; else it is
// sent again, and may be stored twice.
func (b *Broker) publish(ctx context.Context, name string, msg *nats.Msg, stored func(context.Context) bool) error {
	for pace := b.pacer(name); ; {
		ack, err := b.send(ctx, msg)
		told := judge(ack, err)
		switch told {
		case accepted, repeated:
			return nil
		case impossible:
			return fmt.Errorf("%s: %w", name, err)
		}
		if ended := pace.wait(ctx, err); ended != nil {
			return ended
		}
		if told == doubtful && stored != nil && stored(ctx) {
			return nil
		}
	}
}

// verdict is what one attempt to publish tells.
type verdict int

const (
	accepted   verdict = iota // stored by this attempt
	refused                   // certainly not stored: the expected sequence is not the last
	busy                      // not stored by this attempt; somebody is in flight
	doubtful                  // nobody knows
	repeated                  // the server knows the id already; what is stored must be read
	unable                    // not stored, but may be later
	impossible                // not stored, and never will be
)

func judge(ack *jetstream.PubAck, err error) verdict {
	if err == nil {
		if ack.Duplicate {
			return repeated
		}
		return accepted
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch {
		case api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
			return refused
		case api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant, api.ErrorCode == codeDuplicateInFlight:
			return busy
		case passing(err):
			return unable
		}
		return impossible
	}
	if passing(err) || errors.Is(err, context.Canceled) || errors.Is(err, jetstream.ErrInvalidJSAck) {
		return doubtful
	}
	return impossible
}
