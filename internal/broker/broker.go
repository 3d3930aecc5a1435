// Package broker carries bytes over NATS JetStream: it connects or embeds a
// server, provisions the streams, builds subjects, appends to the log of status
// changes, arms timers and keeps dead letters. It decides nothing about
// payments.
//
// What it guarantees:
//   - An append to the status log succeeds only if nobody changed that payment
//     since the caller looked. A lost acknowledgement is resolved by reading
//     what follows on the stream's leader, never by guessing, so success means
//     stored and a conflict means refused or overtaken.
//   - A timer, a due message, a record and a dead letter may be published again
//     without harm, so that every publish is repeated until the broker
//     acknowledged it or the context ends.
//   - A dead letter holds its message whole, however large, exactly once per
//     stage and source message.
//   - Nothing is created over something that exists: a stream or consumer whose
//     settings we can't work with is refused, with every fault at once.
//     Only Rebuild deletes: a consumer of ours with a problem, and its successor
//     begins where it stood.
//
// What it does not guarantee: a due message may be delivered more than once,
// and a timer re-armed in the very moment it fires may be lost, although its
// publish was acknowledged. Whoever receives a due message therefore re-arms
// the timer or ends the watch.
//
// All methods are safe for concurrent use. Every call ends when its context
// does; without a deadline it goes on until the broker answers.
package broker

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Options are what New needs.
type Options struct {
	// Conn is an open connection; the caller closes it after the last call.
	Conn *nats.Conn
	Log  zerolog.Logger
	// Replicas of the streams that Provision creates: 1 (the default), 3 or 5.
	Replicas int
	// PublishTimeout is how long one attempt waits for its answer before it
	// counts as lost and is resolved. 0 means 5 s.
	PublishTimeout time.Duration
	// Rand gives numbers in [0,1) for the jitter of retries and must be safe
	// for concurrent use. Nil takes them from the operating system.
	Rand func() float64
}

// Broker is a JetStream account we can work with.
type Broker struct {
	conn     *nats.Conn
	js       jetstream.JetStream
	log      zerolog.Logger
	replicas int
	timeout  time.Duration
	rand     func() float64
	version  version
	writes   writes
}

// New checks the server behind the connection: its version (VersionError),
// that JetStream is on (ErrJetStreamOff) and strict (ErrNotStrict). It creates
// nothing; see Provision.
func New(ctx context.Context, o Options) (*Broker, error) {
	if o.Conn == nil {
		return nil, errors.New("broker: no connection given")
	}
	js, err := jetstream.New(o.Conn)
	if err != nil {
		return nil, fmt.Errorf("set up JetStream: %w", err)
	}
	b := &Broker{conn: o.Conn, js: js, log: o.Log, replicas: o.Replicas, timeout: o.PublishTimeout, rand: o.Rand}
	if b.replicas == 0 {
		b.replicas = 1
	}
	if b.timeout <= 0 {
		b.timeout = 5 * time.Second
	}
	if b.rand == nil {
		b.rand = systemRand
	}
	if err := b.checkServer(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// JetStream gives the client for what this package does not wrap.
func (b *Broker) JetStream() jetstream.JetStream { return b.js }

// Conn is the connection given to New.
func (b *Broker) Conn() *nats.Conn { return b.conn }

func (b *Broker) checkServer(ctx context.Context) error {
	found := b.conn.ConnectedServerVersion()
	warning, err := CheckVersion(found)
	if err != nil {
		return err
	}
	if warning != "" {
		b.log.Warn().Str("version", found).Msg(warning)
	}
	b.version, _ = parseVersion(found)
	if err := b.checkJetStream(ctx); err != nil {
		return err
	}
	return b.checkStrict(ctx)
}

func (b *Broker) checkJetStream(ctx context.Context) error {
	return b.Retry(ctx, "ask for the JetStream account", func(ctx context.Context) error {
		_, err := b.js.AccountInfo(ctx)
		// Without JetStream nobody listens on its API, which is also what a
		// cluster without a leader looks like; only the clear answers count as off.
		if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
			return &permanentError{ErrJetStreamOff}
		}
		return err
	})
}

// systemRand needs no seed and no lock; it is asked only when something is
// tried again.
func systemRand() float64 {
	var raw [8]byte
	_, _ = crand.Read(raw[:]) // never fails, by its contract
	return float64(binary.LittleEndian.Uint64(raw[:])>>11) / (1 << 53)
}
