package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Error codes of the JetStream API that nats.go has no name for
// (nats-server server/errors.json).
const (
	codeAccountResources  jetstream.ErrorCode = 10002
	codeInsufficient      jetstream.ErrorCode = 10023
	codeInvalidJSON       jetstream.ErrorCode = 10025
	codeStorageExceeded   jetstream.ErrorCode = 10047
	codeStoreFailed       jetstream.ErrorCode = 10077
	codeDuplicateInFlight jetstream.ErrorCode = 10158
	// codeConsumerNotMade is also what a server says whose disk still loses the files of
	// a consumer of that name: "rename ...: no such file or directory" (2.15.2).
	codeConsumerNotMade jetstream.ErrorCode = 10012
)

// permanentError ends a retry at once; retry takes it off again.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// pacer spaces out attempts: 25 ms, doubling to 2 s, each between half and one
// and a half of that. It says so in the log when that goes on.
type pacer struct {
	name  string // what is being tried
	log   zerolog.Logger
	steps *backoff.ExponentialBackOff
	rand  func() float64
	waits int
}

func (b *Broker) pacer(name string) *pacer { return newPacer(name, b.log, b.rand) }

func newPacer(name string, log zerolog.Logger, rand func() float64) *pacer {
	return &pacer{name: name, log: log, rand: rand, steps: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(25*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(0),       // the context is the only bound
		backoff.WithRandomizationFactor(0)), // its own jitter comes from the global source
	}
}

// A wait is logged the 6th time (after a second or two) and then every minute.
const (
	logFirst = 6
	logEvery = 30
)

// wait sleeps until the next attempt is due; cause is why the last one did not
// do. When the context ends first, the error says both.
func (p *pacer) wait(ctx context.Context, cause error) error {
	p.waits++
	if p.waits%logEvery == logFirst {
		p.log.Warn().Err(cause).Str("trying", p.name).Int("attempts", p.waits).Msg("the broker does not do it, trying on")
	}
	timer := time.NewTimer(time.Duration(float64(p.steps.NextBackOff()) * (0.5 + p.rand())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	if cause == nil {
		return fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w (the last attempt: %w)", p.name, context.Cause(ctx), cause)
}

// Retry repeats what until it succeeds, fails for good or the context ends. Each
// attempt has the publish timeout. what must be harmless when done twice.
func (b *Broker) Retry(ctx context.Context, name string, what func(context.Context) error) error {
	for pace := b.pacer(name); ; {
		err := b.attempt(ctx, what)
		if err == nil {
			return nil
		}
		var final *permanentError
		if errors.As(err, &final) {
			return final.error
		}
		if !passing(err) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ended := pace.wait(ctx, err); ended != nil {
			return ended
		}
	}
}

// making is how long a server may take to make what has been asked for.
const making = 15 * time.Second

// existing is Retry for what is known to be there, or being made: a server of a
// cluster that has begun to make a stream or a consumer says until the end that there
// is none (nats-server 2.15.2, jsStreamInfoRequest), also to whom another one has
// said that the name is in use. It is believed when it says so for as long as making.
func (b *Broker) existing(ctx context.Context, name string, what func(context.Context) error) error {
	end := time.Now().Add(making)
	return b.Retry(ctx, name, func(ctx context.Context) error {
		err := what(ctx)
		if missing(err) && time.Now().Before(end) {
			return &makingError{err}
		}
		return err
	})
}

// makingError says that something is missing, and may be there soon.
type makingError struct{ error }

func (e *makingError) Unwrap() error { return e.error }

func missing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound)
}

func (b *Broker) attempt(ctx context.Context, what func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	return what(ctx)
}

// passing reports whether the same request may succeed later: the server could
// not be asked, did not answer in time, has no leader or no room, or is still busy
// with a consumer that was deleted.
func passing(err error) bool {
	var begun *makingError
	if errors.As(err, &begun) {
		return true
	}
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		return refused.Code == 503 || refused.Code == 429 || refused.ErrorCode == codeAccountResources ||
			refused.Code == 500 && refused.ErrorCode == codeConsumerNotMade
	}
	for _, known := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse,
		nats.ErrConnectionReconnecting, nats.ErrDisconnected, nats.ErrReconnectBufExceeded, nats.ErrStaleConnection,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
