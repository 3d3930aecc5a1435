package broker

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Fire ends a timer early.
type Fire struct {
	// Timer is the timer's subject, Due where it would have fired to.
	Timer, Due string
	// TimerSeq is the sequence of the timer as Timer read it.
	TimerSeq uint64
	Header   nats.Header
	Body     []byte
}

// FireNow makes a timer's job due at once and removes the timer, in one step,
// if the timer is still the one the caller read. Re-arming the timer for now
// instead could lose it, if it fires in the same moment.
//
// A ConflictError means that the timer fired, was replaced or removed: whatever
// the caller wanted to hasten is on its way, or has a new timer. After a lost
// acknowledgement it can also mean that this very job was already taken and
// finished.
func (b *Broker) FireNow(ctx context.Context, f Fire) error {
	msg, err := message(StreamWork, f.Due, f.Header, f.Body)
	if err != nil {
		return err
	}
	msg.Header.Set(headerScheduleNext, "purge")
	msg.Header.Set(headerScheduler, f.Timer)
	msg.Header.Set(headerExpected, strconv.FormatUint(f.TimerSeq, 10))
	msg.Header.Set(headerExpectedSubject, f.Timer)

	conflict := &ConflictError{Key: f.Timer, Expected: f.TimerSeq}
	inDoubt := false
	for pace := b.pacer("fire a timer early"); ; {
		ack, err := b.send(ctx, msg)
		switch judge(ack, err) {
		case accepted:
			return nil
		case impossible:
			return fmt.Errorf("fire a timer early: %w", err)
		case refused:
			if inDoubt && b.firedByUs(ctx, f) {
				return nil
			}
			return conflict
		case doubtful:
			inDoubt = true
		}
		// Asking again is safe: the broker takes it only while the timer is there.
		if ended := pace.wait(ctx, err); ended != nil {
			return ended
		}
	}
}

// firedByUs looks for our job on the due subject. Not finding it proves nothing:
// it may be finished already.
func (b *Broker) firedByUs(ctx context.Context, f Fire) bool {
	due, err := b.read(ctx, StreamWork, readRequest{Last: f.Due})
	return err == nil && due.Header.Get(headerScheduler) == f.Timer &&
		due.Header.Get(headerExpected) == strconv.FormatUint(f.TimerSeq, 10) && bytes.Equal(due.Body, f.Body)
}

// PendingState says where a webhook's job is. Both may be true for a moment.
type PendingState struct {
	Armed bool // waits for its timer
	Due   bool // waits for a worker, or is being worked on
}

// PendingWebhooks tells which versions of a payment still have a webhook to be
// delivered to an endpoint, in one request.
func (b *Broker) PendingWebhooks(ctx context.Context, merchant, endpoint, payment string) (map[int]PendingState, error) {
	subjects, err := b.subjects(ctx, StreamWork, subject("recon.*.webhook", merchant, endpoint, payment)+".*")
	if err != nil {
		return nil, fmt.Errorf("look for pending webhooks: %w", err)
	}
	pending := make(map[int]PendingState, len(subjects))
	for s := range subjects {
		ref, err := ParseWebhook(s)
		if err != nil {
			continue // nobody of ours wrote it; the consumer makes it a dead letter
		}
		state := pending[ref.Version]
		if sideOf(s) == "recon.timer" {
			state.Armed = true
		} else {
			state.Due = true
		}
		pending[ref.Version] = state
	}
	return pending, nil
}

// subjects gives the subjects of a stream that match, with their counts of messages.
func (b *Broker) subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	var answer struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	request := struct {
		Filter string `json:"subjects_filter"`
	}{filter}
	err := b.api(ctx, "STREAM.INFO."+stream, request, &answer)
	return answer.State.Subjects, err
}

// AckFloor is the stream sequence up to which a consumer has everything
// acknowledged.
func (b *Broker) AckFloor(ctx context.Context, stream, consumer string) (uint64, error) {
	var answer struct {
		AckFloor struct {
			Stream uint64 `json:"stream_seq"`
		} `json:"ack_floor"`
	}
	if err := b.api(ctx, "CONSUMER.INFO."+stream+"."+consumer, nil, &answer); err != nil {
		return 0, fmt.Errorf("read how far %s has come: %w", consumer, err)
	}
	return answer.AckFloor.Stream, nil
}
