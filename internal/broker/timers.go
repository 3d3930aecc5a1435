package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// Timer is a message the broker publishes later.
type Timer struct {
	// Subject is the timer's own (PollTimer, WebhookTimer): one timer each,
	// arming again replaces it. Target is where it fires to (PollDue, WebhookDue).
	Subject, Target string
	// At is when; the broker looks four times a second. A past time fires at once.
	At     time.Time
	Header nats.Header
	Body   []byte
}

// Arm sets the timer, replacing the one on that subject, and returns once the
// broker keeps it.
//
// A timer that is replaced in the moment it fires may be lost although Arm
// succeeded; the due message of the old one is there then.
//
// Where an attempt fails, what it was may have come about all the same: the timer
// was stored, and has fired meanwhile; or another delivery of the same message was
// quicker, when the broker had no room for longer than it waits for an
// acknowledgement. So it looks before it tries again, and replaces only what it has
// seen: else the next look would come twice, before the provider may be asked
// again. Where clocks disagree by more than an attempt takes, a timer that was there
// before may be left in its place; there is one in any case.
func (b *Broker) Arm(ctx context.Context, t Timer) error {
	msg, err := timerMessage(t)
	if err != nil {
		return err
	}
	began := time.Now()
	for pace := b.pacer("arm a timer"); ; {
		ack, err := b.send(ctx, msg)
		switch judge(ack, err) {
		case accepted, repeated:
			return nil
		case refused:
			return nil // somebody armed one since we looked
		case impossible:
			return fmt.Errorf("arm a timer: %w", err)
		}
		for looked := false; !looked; {
			if ended := pace.wait(ctx, err); ended != nil {
				return ended
			}
			var armed bool
			var last uint64
			armed, last, err = b.armed(ctx, t, began)
			if armed {
				return nil
			}
			msg.Header.Set(headerExpected, strconv.FormatUint(last, 10))
			msg.Header.Set(headerExpectedSubject, t.Subject)
			looked = err == nil
		}
	}
}

// armed reports whether a timer was armed since we began to: it is there, or what it
// made due is, and whoever takes that arms the next. If not, last is the sequence of
// the timer that is there; 0: none is.
func (b *Broker) armed(ctx context.Context, t Timer, began time.Time) (armed bool, last uint64, err error) {
	is, err := b.read(ctx, StreamWork, readRequest{Last: t.Subject})
	switch {
	case err == nil:
		return is.Time.After(began), is.Seq, nil
	case !errors.Is(err, ErrNotFound):
		return false, 0, err
	}
	due, err := b.read(ctx, StreamWork, readRequest{Last: t.Target})
	if errors.Is(err, ErrNotFound) {
		return false, 0, nil
	}
	return err == nil && due.Time.After(began), 0, err
}

// timerMessage is a timer as the broker is told of it.
func timerMessage(t Timer) (*nats.Msg, error) {
	if t.At.Year() < 1970 || t.At.Year() > 2200 {
		// The server takes the zero time for "no schedule" and would keep the
		// message for ever without firing it.
		return nil, fmt.Errorf("arm a timer: %d is no year to fire in", t.At.Year())
	}
	msg, err := message(StreamWork, t.Subject, t.Header, t.Body)
	if err != nil {
		return nil, err
	}
	msg.Header.Set(headerSchedule, scheduleAt+t.At.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerScheduleTarget, t.Target)
	// No Nats-Schedule-Rollup, although it would keep a due subject down to one
	// message: each firing then purges that subject, and a purge makes the broker
	// forget which messages its consumers have to deliver again at once (2.15.2,
	// consumer.purge): handed back, they came after the whole ack wait.
	return msg, nil
}

const scheduleAt = "@at "

// ArmedTimer is a timer the broker keeps.
type ArmedTimer struct {
	// Seq is its place in RECON_WORK: what FireNow expects.
	Seq    uint64
	At     time.Time
	Target string
	Header nats.Header
	Body   []byte
}

// Timer reads the timer on a subject; ErrNotFound if none is armed.
func (b *Broker) Timer(ctx context.Context, subject string) (ArmedTimer, error) {
	s, err := b.read(ctx, StreamWork, readRequest{Last: subject})
	if err != nil {
		return ArmedTimer{}, err
	}
	return decodeTimer(s)
}

func decodeTimer(s Stored) (ArmedTimer, error) {
	at, err := ScheduledAt(s.Header)
	if err != nil {
		return ArmedTimer{}, fmt.Errorf("message %d of %s on a timer's subject: %w", s.Seq, StreamWork, err)
	}
	return ArmedTimer{Seq: s.Seq, At: at, Target: s.Header.Get(headerScheduleTarget), Header: plain(s.Header), Body: s.Body}, nil
}

// plain drops what belongs to the broker, so that a header read may be armed again.
func plain(h nats.Header) nats.Header {
	own := make(nats.Header, len(h))
	for name, values := range h {
		if !brokerHeader(name) {
			own[name] = values
		}
	}
	return own
}

// Due is a message put on a due subject without a timer.
type Due struct {
	Subject string
	// ID, if set, names the job: a second one of that id is dropped while the
	// first waits, or within two minutes. Nothing may rest on it.
	ID     string
	Header nats.Header
	Body   []byte
}

// PublishDue makes a job due at once. It does not replace one that waits on the
// same subject, for the reason given in Arm: handlers see both.
func (b *Broker) PublishDue(ctx context.Context, d Due) error {
	msg, err := message(StreamWork, d.Subject, d.Header, d.Body)
	if err != nil {
		return err
	}
	if d.ID == "" {
		return b.publish(ctx, "put a job on its due subject", msg, nil)
	}
	msg.Header.Set(headerID, d.ID)
	return b.publish(ctx, "put a job on its due subject", msg, func(ctx context.Context) bool {
		due, err := b.read(ctx, StreamWork, readRequest{Last: d.Subject})
		return err == nil && due.Header.Get(headerID) == d.ID
	})
}

// HasDue reports whether a job waits on the due subject or is being worked on.
func (b *Broker) HasDue(ctx context.Context, subject string) (bool, error) {
	_, err := b.read(ctx, StreamWork, readRequest{Last: subject})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
