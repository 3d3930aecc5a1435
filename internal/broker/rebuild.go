package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ConsumerState is a consumer as InspectConsumer found it.
type ConsumerState struct {
	// Created tells consumers of one name apart; zero: it is missing.
	Created time.Time
	// Floor is the stream sequence up to which everything is acknowledged.
	Floor uint64
	// Problem is what is wrong with it, Detail the same for people; empty: nothing.
	Problem Problem
	Detail  string
	// from is the sequence after which messages lie that it does not give.
	from uint64
}

// Same reports whether two looks found one problem of one consumer, and no progress
// in between. One look alone proves little: messages come and go while it asks.
func (s ConsumerState) Same(later ConsumerState) bool {
	return s.Created.Equal(later.Created) && s.Problem == later.Problem && s.from == later.from
}

// InspectConsumer looks whether a consumer is there, is as we make it, stands where
// it must, and gives what the stream holds for it. It changes nothing. The error
// says that this could not be found out.
func (b *Broker) InspectConsumer(ctx context.Context, o ConsumerOptions) (ConsumerState, error) {
	info, err := b.consumerInfo(ctx, o)
	if err != nil {
		return ConsumerState{}, err
	}
	if info == nil {
		return ConsumerState{Problem: ProblemMissing, Detail: "there is no such consumer"}, nil
	}
	s := ConsumerState{Created: info.Created, Floor: info.AckFloor.Stream}
	if faults := checkConsumer(o, info.Config); len(faults) > 0 {
		return s.with(ProblemNotOurs, lines(faults)), nil
	}
	faults, err := b.checkPlace(ctx, o, info)
	if err != nil {
		return ConsumerState{}, err
	}
	if len(faults) > 0 {
		return s.with(ProblemMisplaced, lines(faults)), nil
	}
	if info.Paused {
		return s.with(ProblemPaused, fmt.Sprintf("somebody paused it, for another %s: nats consumer resume %s %s", info.PauseRemaining.Round(time.Second), o.Stream, o.Name)), nil
	}
	// After the consumer's, so that new messages can't make it seem ahead.
	is, err := b.streamState(ctx, o.Stream)
	if err != nil {
		return ConsumerState{}, err
	}
	if info.Delivered.Stream > is.Last {
		return s.with(ProblemAhead, fmt.Sprintf("it stands at sequence %d, the stream ends at %d", info.Delivered.Stream, is.Last)), nil
	}
	if info.NumPending > 0 {
		return s, nil // it knows of messages and gives them to whoever pulls
	}
	if o.Stream == StreamWork {
		return b.stalledWork(ctx, o, info, s)
	}
	return b.stalledLog(ctx, o, info, s)
}

func (s ConsumerState) with(p Problem, detail string) ConsumerState {
	s.Problem, s.Detail = p, detail
	return s
}

// stalledLog looks behind what a consumer has given, on a stream that keeps its
// messages: nothing may lie there. Where none is in work, all that was given is
// acknowledged, and nothing may lie behind the floor.
func (b *Broker) stalledLog(ctx context.Context, o ConsumerOptions, info *jetstream.ConsumerInfo, s ConsumerState) (ConsumerState, error) {
	from := info.Delivered.Stream
	if info.NumAckPending == 0 {
		from = info.AckFloor.Stream
	}
	next, err := b.read(ctx, o.Stream, readRequest{Seq: from + 1, Next: o.Filter})
	if errors.Is(err, ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return ConsumerState{}, err
	}
	if !next.Time.Before(info.TimeStamp) { // it came while we asked
		return s, nil
	}
	s.from = from
	return s.with(ProblemStalled, fmt.Sprintf("it says that nothing is pending, but message %d lies behind %d", next.Seq, from)), nil
}

// stalledWork counts what a work queue holds for a consumer: whatever is there was
// not acknowledged, so all of it must be in work or on its way. What came or went
// while we counted shows in how many messages were given meanwhile.
func (b *Broker) stalledWork(ctx context.Context, o ConsumerOptions, before *jetstream.ConsumerInfo, s ConsumerState) (ConsumerState, error) {
	subjects, err := b.subjects(ctx, o.Stream, o.Filter)
	if err != nil {
		return ConsumerState{}, err
	}
	var held uint64
	for _, n := range subjects {
		held += n
	}
	after, err := b.consumerInfo(ctx, o)
	if err != nil || after == nil {
		return s, err
	}
	given := after.Delivered.Consumer - min(before.Delivered.Consumer, after.Delivered.Consumer)
	explained := uint64(before.NumAckPending) + given + after.NumPending
	if held <= explained || !after.Created.Equal(before.Created) {
		return s, nil
	}
	return s.with(ProblemStalled, fmt.Sprintf("the stream holds %d messages for it, it knows of %d", held, explained)), nil
}

// ErrNotOurs says that a consumer has our name on a stream that is not ours alone,
// and that it is not known to ever have been ours.
var ErrNotOurs = errors.New("broker: the consumer may be somebody else's")

// Rebuild deletes a consumer that has a problem and makes it anew: on a work queue
// it begins with all that is there, else where the old one stood, so that nothing is
// lost and nothing old comes again. What was in work is delivered again.
//
// It looks again before: false says that the problem is gone or the consumer is
// another, which is so when a worker was quicker. ErrNotOurs says that a person must
// decide; a SettingsError names the consumers that stand in the way.
func (b *Broker) Rebuild(ctx context.Context, o ConsumerOptions, seen ConsumerState) (bool, error) {
	now, err := b.InspectConsumer(ctx, o)
	if err != nil || !seen.Same(now) {
		return false, err
	}
	if err := b.prepare(ctx, o, now); err != nil {
		return false, err
	}
	if now.Problem != ProblemMissing {
		err := b.Retry(ctx, "delete consumer "+o.Name+" of "+o.Stream, func(ctx context.Context) error {
			err := b.js.DeleteConsumer(ctx, o.Stream, o.Name)
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return false, err
		}
	}
	_, err = b.Consumer(ctx, o)
	return err == nil, err
}

// prepare keeps the place of a consumer that is to be deleted. Only the floor of one
// that is truly ours and merely stalled can be believed.
func (b *Broker) prepare(ctx context.Context, o ConsumerOptions, is ConsumerState) error {
	switch {
	case o.Done == "":
		return nil
	case is.Problem == ProblemStalled:
		return b.KeepPlace(ctx, o, is)
	case is.Problem == ProblemNotOurs && o.Stream == StreamPayments:
		k, err := b.place(ctx, o)
		if err == nil && !k.found {
			err = ErrNotOurs
		}
		return err
	}
	return nil
}

// consumerInfo asks for a consumer; nil: there is none.
func (b *Broker) consumerInfo(ctx context.Context, o ConsumerOptions) (*jetstream.ConsumerInfo, error) {
	info := &jetstream.ConsumerInfo{}
	err := b.api(ctx, "CONSUMER.INFO."+o.Stream+"."+o.Name, nil, info)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeConsumerNotFound {
		return nil, nil
	}
	return info, err
}

func lines(faults []Fault) string {
	all := make([]string, len(faults))
	for i, f := range faults {
		all[i] = f.String()
	}
	return strings.Join(all, "; ")
}
