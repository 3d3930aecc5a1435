package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
)

// Pending reads timers and due messages. They are read one by one, while
// timers still fire, and what fires moves to the end of the stream. So what was
// read only counts if the stream was the same afterwards: the workers must be
// stopped or have nothing to do, and it comes to rest when the last timer has fired.
//
// No consumer may look at them: it would acknowledge them away.
func Pending(ctx context.Context, b *broker.Broker) ([]invariant.Pending, error) {
	// A worker's last acknowledgements may be on their way over this connection.
	if err := b.Conn().FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", broker.StreamWork, err)
	}
	stream, err := b.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", broker.StreamWork, err)
	}
	for before := stateOf(stream.CachedInfo()); ; {
		pending, err := allPending(ctx, stream)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", broker.StreamWork, err)
		}
		info, err := stream.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask about %s: %w", broker.StreamWork, err)
		}
		after := stateOf(info)
		if after == before {
			return pending, nil
		}
		before = after
	}
}

// workState changes with every message that is stored or removed.
type workState struct{ messages, last uint64 }

func stateOf(info *jetstream.StreamInfo) workState {
	return workState{messages: info.State.Msgs, last: info.State.LastSeq}
}

// allPending reads every message that is there, one after the other.
func allPending(ctx context.Context, stream jetstream.Stream) ([]invariant.Pending, error) {
	var all []invariant.Pending
	for next := uint64(1); ; {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		p, err := pendingOf(msg.Subject, msg.Header)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", msg.Sequence, err)
		}
		p.Body, p.Answered = msg.Data, answeredLooks(msg.Data)
		all = append(all, p)
		next = msg.Sequence + 1
	}
}

// answeredLooks is what a poll's watch counts; 0 where the body is another one.
func answeredLooks(body []byte) int {
	var watch struct {
		Answered int `json:"answered"`
	}
	_ = json.Unmarshal(body, &watch) // what can't be read counts nothing
	return watch.Answered
}

func pendingOf(subject string, header nats.Header) (invariant.Pending, error) {
	p := invariant.Pending{Queue: invariant.QueueDue}
	if strings.HasPrefix(subject, "recon.timer.") {
		at, err := broker.ScheduledAt(header)
		if err != nil {
			return invariant.Pending{}, err
		}
		p.Queue, p.DueAt = invariant.QueueTimer, at
	}
	if poll, err := broker.ParsePoll(subject); err == nil {
		p.Kind, p.Account, p.Merchant, p.Payment = invariant.KindPoll, poll.Account, poll.Merchant, poll.Payment
		return p, nil
	}
	hook, err := broker.ParseWebhook(subject)
	if err != nil {
		return invariant.Pending{}, err
	}
	p.Kind, p.Merchant, p.Endpoint, p.Payment, p.Version = invariant.KindWebhook, hook.Merchant, hook.Endpoint, hook.Payment, hook.Version
	return p, nil
}
