package audit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
)

// marks are how far everything was when the audit began. They are read before all else:
// what lies before them has had all its effects.
type marks struct {
	// taken is the sequence of PAYMENTS up to which all created events were handled,
	// dispatched that of PAYMENT_STATUS up to which all events have had their jobs.
	taken, dispatched uint64
	// The streams' first and last messages at that time.
	payments, status, log, dead jetstream.StreamState
}

// shortened reports whether a stream has lost messages to age.
func shortened(s jetstream.StreamState) bool { return s.FirstSeq > 1 }

func (r *run) readMarks(ctx context.Context) error {
	var err error
	if r.marks.taken, err = consumer.TakenIn(ctx, r.o.Broker); err != nil {
		return fmt.Errorf("read how far payments are: %w", err)
	}
	if r.marks.dispatched, err = consumer.Dispatched(ctx, r.o.Broker); err != nil {
		return fmt.Errorf("read how far webhooks are: %w", err)
	}
	for stream, state := range map[string]*jetstream.StreamState{
		broker.StreamPayments: &r.marks.payments, broker.StreamStatus: &r.marks.status,
		broker.StreamWebhookLog: &r.marks.log, broker.StreamDead: &r.marks.dead,
	} {
		s, err := r.o.Broker.JetStream().Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("open %s: %w", stream, err)
		}
		*state = s.CachedInfo().State
		if stream != broker.StreamPayments && state.NumDeleted > 0 {
			if err := r.deleted(ctx, s, stream); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostNamed is how many deleted messages are named.
const mostNamed = 10

// deleted notes messages that were taken out of a log by hand: age takes them from the
// beginning only. What they were nobody can tell; a payment's gap is a finding of its own.
func (r *run) deleted(ctx context.Context, s jetstream.Stream, stream string) error {
	info, err := s.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return fmt.Errorf("look for what was deleted from %s: %w", stream, err)
	}
	text := ""
	for i, seq := range info.State.Deleted {
		if i == mostNamed {
			text += ", ..."
			break
		}
		if i > 0 {
			text += ", "
		}
		text += strconv.FormatUint(seq, 10)
	}
	r.report.Notes = append(r.report.Notes, fmt.Sprintf("%d messages were deleted from %s by hand: sequence %s", info.State.NumDeleted, stream, text))
	return nil
}
