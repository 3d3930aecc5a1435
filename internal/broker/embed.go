package broker

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/secret"
)

// MaxPayload is the largest message an embedded server takes.
const MaxPayload = 8 << 20

// EmbedOptions say where an embedded server keeps its data and who reaches it.
type EmbedOptions struct {
	// DataDir is made (0700) if it is missing. One process at a time may use it.
	DataDir string
	// Listen is a loopback address with a port ("127.0.0.1:4222"; port 0 takes
	// any free one). Empty opens no socket: only Connect reaches the server.
	Listen string
	// Token is what clients of the socket must show; required with Listen.
	Token secret.Text
	// SyncEvery, if set, writes to disk only that often. What was acknowledged
	// since is lost with the power; for simulations and tests. 0 writes to disk
	// before each acknowledgement.
	SyncEvery time.Duration
	// MaxStore is how many bytes of the disk the store may take; what would exceed
	// it is refused. 0: as much as is free.
	MaxStore int64
}

// Embedded is a running server inside this process.
type Embedded struct {
	server *server.Server
	token  secret.Text
	lock   *dirLock
	stop   atomic.Bool   // the one who sets it shuts down; a sync.Once would hold its lock meanwhile
	down   chan struct{} // closed once the server is down
}

// startLimit bounds the wait for a server that recovers a large store; far above
// what was measured (12 s for 3,000,000 messages after a kill).
const startLimit = 5 * time.Minute

// Embed starts a server with JetStream on its own store. It writes nothing to
// standard output and takes no signals; its warnings go to log.
func Embed(ctx context.Context, o EmbedOptions, log zerolog.Logger) (*Embedded, error) {
	options, err := serverOptions(o)
	if err != nil {
		return nil, fmt.Errorf("embed a NATS server: %w", err)
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return nil, fmt.Errorf("embed a NATS server: %w", err)
	}
	e, err := start(ctx, options, log)
	if err != nil {
		lock.release()
		return nil, fmt.Errorf("embed a NATS server: %w", err)
	}
	e.lock, e.token = lock, o.Token
	return e, nil
}

func start(ctx context.Context, options *server.Options, log zerolog.Logger) (*Embedded, error) {
	s, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	logger := &serverLog{log: log}
	s.SetLoggerV2(logger, false, false, false)
	e := &Embedded{server: s, down: make(chan struct{})}

	ready := make(chan bool, 1)
	go func() {
		s.Start() // returns when the store is recovered and the socket open
		// After a fatal error it would never be ready, only late to say so.
		ready <- logger.fatal() == "" && s.ReadyForConnections(startLimit)
	}()
	select {
	case ok := <-ready:
		if ok && s.JetStreamEnabled() {
			return e, nil
		}
		err = fmt.Errorf("the server did not come up: %s", orNone(logger.fatal()))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	e.shutdown()
	return nil, err
}

func serverOptions(o EmbedOptions) (*server.Options, error) {
	if o.DataDir == "" {
		return nil, errors.New("a data directory is needed")
	}
	options := &server.Options{
		ServerName: "reconciler", JetStream: true, StoreDir: filepath.Join(o.DataDir, "nats"),
		SyncAlways: o.SyncEvery == 0, SyncInterval: o.SyncEvery,
		JetStreamMaxStore: o.MaxStore,
		MaxPayload:        MaxPayload, NoSigs: true, NoLog: true, DontListen: o.Listen == "",
	}
	if o.Listen == "" {
		return options, nil
	}
	if o.Token.IsZero() {
		return nil, errors.New("a token is needed where the server listens on a socket")
	}
	host, port, err := loopback(o.Listen)
	if err != nil {
		return nil, err
	}
	options.Host, options.Port = host, port
	options.CustomClientAuthentication = tokenCheck{o.Token}
	return options, nil
}

// loopback refuses addresses that other machines reach: the embedded server has
// no TLS and one token for everything.
func loopback(listen string) (host string, port int, err error) {
	host, number, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, errors.New("the address to listen on is not host:port")
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, errors.New("the embedded server listens on loopback addresses only; run a NATS server of your own for other machines")
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return "", 0, errors.New("the port to listen on is no number from 0 to 65535")
	}
	if n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

// tokenCheck keeps the token out of the server's options, which it may print,
// and compares in constant time.
type tokenCheck struct{ token secret.Text }

// Check is called by the server for each new connection.
func (t tokenCheck) Check(c server.ClientAuthentication) bool {
	return subtle.ConstantTimeCompare([]byte(c.GetOpts().Token), []byte(t.token.Reveal())) == 1
}

// URL is the address of the socket, or "" without one.
func (e *Embedded) URL() string {
	addr, ok := e.server.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	return "nats://" + addr.String()
}

// Connect opens a connection inside the process. Of the options only Name and
// Rand are used.
func (e *Embedded) Connect(ctx context.Context, o ConnectOptions, log zerolog.Logger) (*nats.Conn, error) {
	o = ConnectOptions{Name: o.Name, Rand: o.Rand, Token: e.token, inProcess: e.server}
	return Connect(ctx, o, log)
}

// InProcessConn opens the server's end of a pipe, for a dialer of the caller's
// own; it makes Embedded usable wherever nats.InProcessConnProvider is asked for.
func (e *Embedded) InProcessConn() (net.Conn, error) { return e.server.InProcessConn() }

// Shutdown stops the server, flushes its store and frees the data directory. It
// may be called again; a context that ends leaves it going on by itself.
func (e *Embedded) Shutdown(ctx context.Context) error {
	go e.shutdown()
	select {
	case <-e.down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the embedded NATS server: %w", context.Cause(ctx))
	}
}

func (e *Embedded) shutdown() {
	if !e.stop.CompareAndSwap(false, true) {
		return
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
	if e.lock != nil {
		e.lock.release()
	}
	close(e.down)
}
