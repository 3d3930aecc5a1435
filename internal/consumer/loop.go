package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/pause"
	"reconciler/internal/payment"
)

// permit is the permission to take one message from the broker and work on it.
type permit interface {
	// Return gives it back, once.
	Return()
	// Closed ends a wait for messages that could not be worked on any more. Nil:
	// there is no such thing.
	Closed() <-chan struct{}
}

// gate hands out permits before messages are pulled, so that a message is only
// taken from the broker when it can be worked on.
type gate[P permit] interface {
	// Acquire blocks until one message may be worked on, or ctx ends.
	Acquire(ctx context.Context) (P, error)
	// TryAcquire gives a further permit without waiting.
	TryAcquire() (P, bool)
}

// loop pulls messages of one consumer as far as the gate permits and runs each
// in a goroutine of its own.
type loop[P permit] struct {
	name string
	// consumer looks the durable consumer up, creating it if it is absent. It is
	// called again when pulling fails for good.
	consumer func(context.Context) (jetstream.Consumer, error)
	gate     gate[P]
	// handle works on one message and acknowledges it. With an error the message
	// is handed back and comes again. It must return the permit on every path.
	handle func(context.Context, jetstream.Msg, P) error
	batch  int
	// wait is how long one request for messages stands at the broker.
	wait time.Duration
	// rest is the least time before a message that failed is delivered again.
	rest time.Duration
	// ackWait is after how long in hand a message is somebody else's.
	ackWait time.Duration
	log     zerolog.Logger
	// turning tells how it does.
	turning turning
}

// Trouble with the broker is seldom over at once, so what failed rests before it
// is delivered again, and longer each time: a message that fails for ever must
// not keep anybody busy.
const (
	shortestRest = 2 * time.Second
	longestRest  = 5 * time.Minute
)

// run pulls until pull ends, then waits for the messages in hand. They run
// under work, which the caller ends later: that is the limit of a graceful stop.
func (l *loop[P]) run(pull, work context.Context) {
	var inHand sync.WaitGroup
	defer inHand.Wait()
	for pull.Err() == nil {
		l.turning.waits()
		consumer, err := l.consumer(pull)
		if err != nil {
			if pull.Err() == nil {
				l.log.Error().Err(err).Str("loop", l.name).Msg("consumer is not available, trying again")
			}
			pause.For(pull, shortestRest)
			continue
		}
		err = l.drain(pull, work, consumer, &inHand)
		if err != nil && pull.Err() == nil {
			l.log.Warn().Err(err).Str("loop", l.name).Msg("pulling failed, looking the consumer up again")
			pause.For(pull, shortestRest)
		}
	}
}

// drain pulls batch after batch until pulling fails or ends.
func (l *loop[P]) drain(pull, work context.Context, c jetstream.Consumer, inHand *sync.WaitGroup) error {
	for {
		l.turning.waits()
		permits, err := l.permits(pull)
		if err != nil {
			return err
		}
		l.turning.turns()
		if err := l.take(pull, work, pulling[P]{c, permits, inHand}); err != nil {
			return fmt.Errorf("pull from %s: %w", l.name, err)
		}
		if err := pull.Err(); err != nil {
			return err
		}
	}
}

// permits waits for one permit and takes what else is free, up to a batch.
func (l *loop[P]) permits(ctx context.Context) ([]P, error) {
	first, err := l.gate.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	permits := []P{first}
	for len(permits) < l.batch {
		p, ok := l.gate.TryAcquire()
		if !ok {
			break
		}
		permits = append(permits, p)
	}
	return permits, nil
}

// work runs the handler and hands the message back if it fails.
func (l *loop[P]) work(ctx context.Context, msg jetstream.Msg, p P) {
	taken := time.Now()
	err := l.safely(ctx, msg, p)
	if err == nil {
		return
	}
	rest := l.restOf(msg)
	var newer *payment.NewerSchemaError
	event := l.log.Error()
	if errors.As(err, &newer) {
		l.turning.leftForNewer.Add(1)
		event = l.log.Info()
	}
	if ctx.Err() != nil {
		event = l.log.Info()
	}
	event = event.Err(err).Str("loop", l.name).Str("subject", msg.Subject())
	if time.Since(taken) >= l.ackWait {
		// Handing it back would take it from who works on it now, in the broker's eyes,
		// and give it to a third.
		event.Msg("message left to who has it by now")
		return
	}
	event.Dur("again_in", rest).Msg("message handed back")
	l.handBack(msg, rest)
}

// safely makes a panic an error like any other: one payment must not stop the
// others.
func (l *loop[P]) safely(ctx context.Context, msg jetstream.Msg, p P) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the handler of %s panicked: %v\n%s", l.name, cause, debug.Stack())
		}
	}()
	return l.handle(ctx, msg, p)
}

// restOf is how long a message rests: twice as long after each delivery.
func (l *loop[P]) restOf(msg jetstream.Msg) time.Duration {
	rest := shortestRest
	if meta, err := msg.Metadata(); err == nil {
		for n := uint64(1); n < meta.NumDelivered && rest < longestRest; n++ {
			rest *= 2
		}
	}
	return max(min(rest, longestRest), l.rest)
}

// handBack returns a message to the broker, for another worker or a later time.
func (l *loop[P]) handBack(msg jetstream.Msg, rest time.Duration) {
	var err error
	if rest > 0 {
		err = msg.NakWithDelay(rest)
	} else {
		err = msg.Nak()
	}
	if err != nil {
		// The ack wait brings the message back all the same.
		l.log.Warn().Err(err).Str("loop", l.name).Msg("a message could not be handed back")
	}
}
