package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Extent is what a stream says of itself.
type Extent struct {
	// Made tells apart streams of one name: sequences begin again in a new one.
	Made time.Time
	// Last is the last sequence that was given to a message.
	Last uint64
}

// Extent asks a stream's leader how far the stream reaches.
func (b *Broker) Extent(ctx context.Context, stream string) (Extent, error) {
	is, err := b.streamState(ctx, stream)
	if err != nil {
		return Extent{}, fmt.Errorf("look how far %s reaches: %w", stream, err)
	}
	return Extent{Made: is.Created, Last: is.Last}, nil
}

// SweptTimer is a message on a timer's subject.
type SweptTimer struct {
	ArmedTimer
	Subject string
	// Fault says why it is none of our timers: it never fires, or to another
	// subject than its own due one. Then only Seq and Subject are set.
	Fault error
}

// NextTimer reads the first timer, of whatever kind, that is stored at a sequence
// or behind it; ErrNotFound if there is none. It asks the leader for one message
// and makes no consumer: on a work queue one that covers timers would acknowledge
// them away.
func (b *Broker) NextTimer(ctx context.Context, from uint64) (SweptTimer, error) {
	s, err := b.read(ctx, StreamWork, readRequest{Seq: max(from, 1), Next: FilterTimers})
	if err != nil {
		return SweptTimer{}, err
	}
	due, err := DueOf(s.Subject)
	if err != nil {
		return SweptTimer{}, err
	}
	t, err := decodeTimer(s)
	if err == nil && t.Target != due {
		err = errors.New("a timer fires to another subject than its own due one")
	}
	if err != nil {
		return SweptTimer{Subject: s.Subject, ArmedTimer: ArmedTimer{Seq: s.Seq}, Fault: err}, nil
	}
	return SweptTimer{Subject: s.Subject, ArmedTimer: t}, nil
}

// ArmIf sets the timer if its subject still holds the timer of the expected
// sequence; 0: if it holds none. A ConflictError means that it holds another one,
// or none any more, and that nothing was written.
//
// After a lost acknowledgement it may succeed although the timer on the subject is
// somebody else's: one is there in any case, or has fired.
func (b *Broker) ArmIf(ctx context.Context, t Timer, expected uint64) error {
	msg, err := timerMessage(t)
	if err != nil {
		return err
	}
	msg.Header.Set(headerExpected, strconv.FormatUint(expected, 10))
	msg.Header.Set(headerExpectedSubject, t.Subject)
	inDoubt := false
	for pace := b.pacer("arm a timer where none is"); ; {
		ack, err := b.send(ctx, msg)
		switch judge(ack, err) {
		case accepted:
			return nil
		case impossible:
			return fmt.Errorf("arm a timer where none is: %w", err)
		case refused:
			if inDoubt {
				return nil
			}
			return &ConflictError{Key: t.Subject, Expected: expected}
		case doubtful:
			inDoubt = true
		}
		if ended := pace.wait(ctx, err); ended != nil {
			return ended
		}
	}
}

// HasPoll reports whether a payment has a timer, a due poll, or one that is being
// worked on. It is one question, so that nothing moves from the one to the other
// between two: a timer is removed after its due message is stored, and a due
// message after the next timer is.
func (b *Broker) HasPoll(ctx context.Context, of PaymentRef) (bool, error) {
	found, err := b.subjects(ctx, StreamWork, pollSubjects(of))
	if err != nil {
		return false, fmt.Errorf("look for a payment's timer and due poll: %w", err)
	}
	return len(found) > 0, nil
}

// PollTakenOver reports whether somebody else has finished a due poll that was
// delivered at this sequence: the payment has a timer or a newer due poll, or the
// message is gone. Asking for the newer one first and for the timer then finds neither
// where the timer fires in between.
func (b *Broker) PollTakenOver(ctx context.Context, of PaymentRef, seq uint64) (bool, error) {
	due := PollDue(of.Account, of.Merchant, of.Payment)
	// Where there are two due polls at the first question and one at the second, the
	// newer one was finished in between: then there is a timer by now. It may as well
	// be an older one that is there all the time.
	for range 2 {
		found, err := b.subjects(ctx, StreamWork, pollSubjects(of))
		if err != nil {
			return false, fmt.Errorf("look for a payment's timer: %w", err)
		}
		if found[PollTimer(of.Account, of.Merchant, of.Payment)] > 0 {
			return true, nil
		}
		last, err := b.read(ctx, StreamWork, readRequest{Last: due})
		if errors.Is(err, ErrNotFound) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("look for a payment's last due poll: %w", err)
		}
		if last.Seq != seq {
			return true, nil
		}
		if found[due] == 1 {
			break
		}
	}
	return false, nil
}

// pollSubjects are those of a payment's timer and due poll.
func pollSubjects(of PaymentRef) string {
	return subject("recon.*.poll", of.Account, of.Merchant, of.Payment)
}
