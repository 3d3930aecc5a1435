package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// streamState is what of a stream tells where a consumer has to begin.
type streamState struct {
	Created     time.Time
	First, Last uint64
	MaxAge      time.Duration
}

func (b *Broker) streamState(ctx context.Context, name string) (streamState, error) {
	var answer struct {
		Config  jetstream.StreamConfig `json:"config"`
		Created time.Time              `json:"created"`
		State   struct {
			First uint64 `json:"first_seq"`
			Last  uint64 `json:"last_seq"`
		} `json:"state"`
	}
	err := b.existing(ctx, "look at stream "+name, func(ctx context.Context) error {
		return b.ask(ctx, "STREAM.INFO."+name, nil, &answer)
	})
	return streamState{answer.Created, answer.State.First, answer.State.Last, answer.Config.MaxAge}, err
}

// startOf is the sequence at which a consumer begins that does not exist: where the
// one before it stood, and 0, the oldest message, where there never was one. The
// place is recorded before anybody creates the consumer, so that nobody takes the
// new one for a stranger's.
func (b *Broker) startOf(ctx context.Context, o ConsumerOptions) (uint64, error) {
	if o.Done == "" {
		return 0, nil
	}
	k, err := b.place(ctx, o)
	if err != nil {
		return 0, err
	}
	begin := k.Seq + 1
	if !k.found {
		begin = 0
	} else if !k.holds {
		if begin, err = b.firstSince(ctx, o, k.stream, k.At); err != nil {
			return 0, err
		}
	}
	known, err := b.known(ctx, o, k)
	if err != nil {
		return 0, err
	}
	if known > begin && k.found {
		b.log.Error().Bool("alarm", true).Str("event", "consumer.gap").Str("stream", o.Stream).Str("consumer", o.Name).
			Uint64("from", begin).Uint64("before", known).
			Msg("messages of these sequences may not have been handled; they are too old to tell, and are passed over")
	}
	begin = max(begin, known)
	if begin == 0 || k.holds && begin == k.Seq+1 {
		return begin, nil
	}
	return begin, b.save(ctx, o, k, begin-1, time.Time{})
}

// known is the sequence from which on the stream of records (Done) still tells
// whether a message was handled: handled again, older ones would have their effects
// again. 0: everything may be handled, because nothing ever was or nothing is
// forgotten.
//
// A record is younger than its message. A quarter of the time that records are kept
// is left for working off what begins there.
func (b *Broker) known(ctx context.Context, o ConsumerOptions, k kept) (uint64, error) {
	done, err := b.streamState(ctx, o.Done)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamNotFound {
		return 0, fmt.Errorf("begin consumer %s of %s: stream %s, which tells what was handled, is missing", o.Name, o.Stream, o.Done)
	}
	if err != nil || done.Last == 0 {
		return 0, err
	}
	var from time.Time
	if done.MaxAge > 0 {
		from = time.Now().Add(-done.MaxAge / 4 * 3)
	}
	if !k.found && done.Created.After(from) {
		from = done.Created // what was before it left no record here
	}
	seq, err := b.firstSince(ctx, o, k.stream, from)
	if err != nil || seq <= k.stream.First {
		return 0, err // all there is
	}
	return seq, nil
}

// firstSince finds the first message under the consumer's filter that was stored at
// t or later; the sequence after the last one if there is none.
func (b *Broker) firstSince(ctx context.Context, o ConsumerOptions, is streamState, t time.Time) (uint64, error) {
	low, high := max(is.First, 1), is.Last+1
	for low < high {
		middle := low + (high-low)/2
		m, err := b.read(ctx, o.Stream, readRequest{Seq: middle, Next: o.Filter})
		switch {
		case errors.Is(err, ErrNotFound) || err == nil && m.Seq >= high:
			high = middle
		case err != nil:
			return 0, fmt.Errorf("look where consumer %s of %s begins: %w", o.Name, o.Stream, err)
		case m.Time.Before(t):
			low = m.Seq + 1
		default:
			high = middle
		}
	}
	return low, nil
}
