// Package brokertest gives tests a real broker: a JetStream server inside the
// process, on a store of its own that goes with the test.
//
// Everything a test starts here ends with the test, in the reverse order, and a
// failure to start fails the test. Nothing is shared between tests, so they may
// run in parallel. For test code only.
package brokertest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
)

// Option changes what a test gets.
type Option func(*setup)

type setup struct {
	embed     broker.EmbedOptions
	provision broker.ProvisionOptions
	broker    broker.Options
}

// WithListen opens a socket on a free loopback port; Token is the data
// directory's local one.
func WithListen() Option { return func(s *setup) { s.embed.Listen = "127.0.0.1:0" } }

// WithDataDir keeps the store in dir, so that a second server can be started on
// it after the first was shut down.
func WithDataDir(dir string) Option { return func(s *setup) { s.embed.DataDir = dir } }

// WithSync writes to disk before each acknowledgement, as production does. Tests
// do without it by default: they lose no power.
func WithSync() Option { return func(s *setup) { s.embed.SyncEvery = 0 } }

// WithMaxStore gives the store so many bytes; what would exceed them is refused.
func WithMaxStore(bytes int64) Option { return func(s *setup) { s.embed.MaxStore = bytes } }

// WithProvision sets what Start provisions.
func WithProvision(o broker.ProvisionOptions) Option { return func(s *setup) { s.provision = o } }

// WithBroker sets the options of the broker; its connection and log are filled in.
func WithBroker(o broker.Options) Option { return func(s *setup) { s.broker = o } }

func settings(t testing.TB, options []Option) setup {
	t.Helper()
	s := setup{embed: broker.EmbedOptions{SyncEvery: time.Hour}}
	for _, o := range options {
		o(&s)
	}
	if s.embed.DataDir == "" {
		s.embed.DataDir = t.TempDir()
	}
	if s.embed.Listen != "" {
		token, err := broker.LocalToken(s.embed.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		s.embed.Token = token
	}
	return s
}

// Start gives a broker with all streams provisioned.
func Start(t testing.TB, options ...Option) *broker.Broker {
	t.Helper()
	s := settings(t, options)
	_, conn := start(t, s)
	return provisioned(t, conn, s)
}

// StartServer is Start for tests that also need the server, to stop it.
func StartServer(t testing.TB, options ...Option) (*broker.Embedded, *broker.Broker) {
	t.Helper()
	s := settings(t, options)
	e, conn := start(t, s)
	return e, provisioned(t, conn, s)
}

// StartBare gives a server without streams, and a connection to it.
func StartBare(t testing.TB, options ...Option) (*broker.Embedded, *nats.Conn) {
	t.Helper()
	return start(t, settings(t, options))
}

func start(t testing.TB, s setup) (*broker.Embedded, *nats.Conn) {
	t.Helper()
	ctx := Context(t)
	e, err := broker.Embed(ctx, s.embed, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Shutdown(t, e) })
	conn, err := e.Connect(ctx, broker.ConnectOptions{Name: t.Name()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return e, conn
}

func provisioned(t testing.TB, conn *nats.Conn, s setup) *broker.Broker {
	t.Helper()
	ctx := Context(t)
	s.broker.Conn = conn
	b, err := broker.New(ctx, s.broker)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Provision(ctx, s.provision); err != nil {
		t.Fatal(err)
	}
	return b
}

// Shutdown stops a server before its test ends; the test fails if it does not stop.
func Shutdown(t testing.TB, e *broker.Embedded) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// limit bounds every wait of a test: far longer than anything takes, so that it
// decides only whether a hanging test ends.
const limit = time.Minute

// Context ends with the test, or when something has hung for a minute.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errHung)
	t.Cleanup(cancel)
	return ctx
}

var errHung = errors.New("the test hangs: nothing came for a minute")

// Bubble runs f in a synctest bubble in which a broker can be started: time
// there is virtual, and days pass as fast as nothing happens in them. Inside,
// Context's minute is virtual too: waits of hours need a context of their own.
//
// A test that uses it must not be parallel to others that use NATS: the client
// library keeps timers in a pool of the whole process, and a timer that crosses
// a bubble's border ends the process.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	storeUsers.Add(1)
	defer storeUsers.Add(-1)
	emptyPools()
	defer emptyPools()
	defer nudgeStoreTime()()
	synctest.Test(t, func(t *testing.T) {
		keepStoreTime(t)
		f(t)
	})
}

// emptyPools drops what sync.Pools hold: each survives one collection.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}
