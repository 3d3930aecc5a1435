package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Append is one change for the status log.
type Append struct {
	// Subject is made by StatusSubject, Key by PaymentKey or StatusKey.
	Subject, Key string
	// Expected is the sequence of Key's last message as the caller read it; 0
	// means that there is none.
	Expected uint64
	// ID names the change (payment and version), the same at every attempt. It
	// becomes Nats-Msg-Id.
	ID     string
	Header nats.Header
	Body   []byte
}

// AppendStatus appends a change if Key's last message is still Expected and
// returns the sequence it is stored under. A ConflictError means that another
// change is stored in its place: read the state, decide again. A change that an
// earlier attempt stored, and whose acknowledgement was lost, is recognised by
// id and bytes and is a success. Any other error (the context ended, the
// connection was closed) leaves it open whether the change is stored: read
// LastStatus before deciding again.
func (b *Broker) AppendStatus(ctx context.Context, a Append) (uint64, error) {
	if a.ID == "" || a.Key == "" {
		return 0, errors.New("append a status: an id and a key are needed")
	}
	return b.compareAndSet(ctx, StreamStatus, a)
}

// LastStatus reads the last message that key covers, from the stream's leader;
// ErrNotFound if there is none.
func (b *Broker) LastStatus(ctx context.Context, key string) (Stored, error) {
	return b.read(ctx, StreamStatus, readRequest{Last: key})
}

// StatusAt reads one message of the status log; ErrNotFound if it is not there.
func (b *Broker) StatusAt(ctx context.Context, seq uint64) (Stored, error) {
	return b.read(ctx, StreamStatus, readRequest{Seq: seq})
}

// compareAndSet publishes until it is certain what became of the message.
//
// What is stored counts as ours only after an attempt whose answer was lost.
// Without one a message in the way is somebody else's, be it the same to the
// byte; an id the server knows already, or somebody in flight, says no more than
// that the state must be read.
func (b *Broker) compareAndSet(ctx context.Context, stream string, a Append) (uint64, error) {
	msg, err := message(stream, a.Subject, a.Header, a.Body)
	if err != nil {
		return 0, err
	}
	if a.ID != "" {
		msg.Header.Set(headerID, a.ID)
	}
	msg.Header.Set(headerExpected, strconv.FormatUint(a.Expected, 10))
	msg.Header.Set(headerExpectedSubject, a.Key)

	conflict := &ConflictError{Key: a.Key, Expected: a.Expected}
	inDoubt := false
	for pace := b.pacer("append to " + stream); ; {
		ack, err := b.send(ctx, msg)
		switch judge(ack, err) {
		case accepted:
			return ack.Sequence, nil
		case impossible:
			return 0, fmt.Errorf("append to %s: %w", stream, err)
		case refused:
			if !inDoubt {
				return 0, conflict
			}
		case doubtful:
			inDoubt = true
		}
		if ended := pace.wait(ctx, err); ended != nil {
			return 0, ended
		}
		seq, decided, err := b.resolve(ctx, stream, a, inDoubt)
		if err != nil {
			return 0, fmt.Errorf("find out what became of a message for %s: %w", stream, err)
		}
		if decided && seq == 0 {
			return 0, conflict
		}
		if decided {
			return seq, nil
		}
	}
}

// resolve looks at what follows Expected on the leader. Decided with a sequence:
// ours is stored there. Decided without: something else is in its place. Not
// decided: nothing has happened yet, although an attempt may still be on its way.
func (b *Broker) resolve(ctx context.Context, stream string, a Append, inDoubt bool) (seq uint64, decided bool, err error) {
	last, err := b.read(ctx, stream, readRequest{Last: a.Key})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, false, err
	}
	if last.Seq == a.Expected {
		return 0, false, nil
	}
	if !inDoubt {
		return 0, true, nil
	}
	// Not the last message but the direct successor of Expected tells, since
	// others may have gone on from ours: the broker let exactly one follow it.
	next, err := b.read(ctx, stream, readRequest{Seq: a.Expected + 1, Next: a.Key})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, false, err
	}
	if a.is(next) {
		return next.Seq, true, nil
	}
	return 0, true, nil
}

// is compares id, subject and every byte: an id alone is shared by two workers
// who saw different things and wrote the same version.
func (a Append) is(s Stored) bool {
	return s.Seq != 0 && s.Subject == a.Subject && s.Header.Get(headerID) == a.ID && bytes.Equal(s.Body, a.Body)
}
