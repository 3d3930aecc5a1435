package broker_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/secret"
)

// counter keeps what is logged, from any goroutine.
type counter struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *counter) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

func TestConnect_RefusesSettingsAndNamesThem(t *testing.T) {
	hidden := secret.New("hunter2")
	for _, row := range []struct {
		name string
		o    broker.ConnectOptions
		says string
	}{
		{"no address", broker.ConnectOptions{}, "nats.url"},
		{"no address at all", broker.ConnectOptions{URL: "nats://%zz"}, "nats.url"},
		{"an address without host", broker.ConnectOptions{URL: "localhost"}, "nats.url"},
		{"a password in the address", broker.ConnectOptions{URL: "nats://me:hunter2@127.0.0.1:4222"}, "nats.password"},
		{"one in the second address", broker.ConnectOptions{URL: "nats://127.0.0.1:4222, nats://hunter2@127.0.0.1:4223"}, "nats.url"},
		{"two ways to say who we are", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", User: "me", Token: hidden}, "only one of"},
		{"a password without a user", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Password: hidden}, "nats.user"},
		{"half a certificate", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", TLS: broker.TLSOptions{CertFile: "x"}}, "nats.tls.key_file"},
		{"no such authority", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", TLS: broker.TLSOptions{CAFile: "/nowhere"}}, "nats.tls.ca_file"},
		{"an authority that is none", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", TLS: broker.TLSOptions{CAFile: "connect_test.go"}}, "nats.tls.ca_file"},
		{"no such certificate", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", TLS: broker.TLSOptions{CertFile: "/nowhere", KeyFile: "/nowhere"}}, "nats.tls.cert_file"},
		{"no such credentials", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", CredentialsFile: "/nowhere"}, "nats.credentials_file"},
		{"no such key", broker.ConnectOptions{URL: "nats://127.0.0.1:4222", NKeyFile: "/nowhere"}, "nats.nkey_file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := broker.Connect(brokertest.Context(t), row.o, zerolog.Nop())
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error does not name %q, or shows a secret: %v", row.says, err)
			}
		})
	}
}

func TestConnect_SaysWhichCredentialWasRefused(t *testing.T) {
	e, _ := brokertest.StartBare(t, brokertest.WithListen())
	user := foreign(t, server.Options{Username: "me", Password: "right"})
	for _, row := range []struct {
		name string
		o    broker.ConnectOptions
		says string
	}{
		{"a wrong token", broker.ConnectOptions{URL: e.URL(), Token: secret.New("hunter2")}, "nats.token"},
		{"none", broker.ConnectOptions{URL: e.URL()}, "none is set"},
		{"a wrong password", broker.ConnectOptions{URL: user.ClientURL(), User: "me", Password: secret.New("hunter2")}, "nats.password"},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := broker.Connect(brokertest.Context(t), row.o, zerolog.Nop())
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error does not name %q, or shows a secret: %v", row.says, err)
			}
		})
	}
}

func TestConnect_TakesTheRightCredential(t *testing.T) {
	dir := t.TempDir()
	e, _ := brokertest.StartBare(t, brokertest.WithListen(), brokertest.WithDataDir(dir))
	token, err := broker.LocalToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	user := foreign(t, server.Options{Username: "me", Password: "right"})
	for name, o := range map[string]broker.ConnectOptions{
		"token": {URL: e.URL(), Token: token},
		"user":  {URL: user.ClientURL(), User: "me", Password: secret.New("right")},
	} {
		conn, err := broker.Connect(brokertest.Context(t), o, zerolog.Nop())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
}

// nobody is a dialer to a server that is not there.
type nobody struct{}

func (nobody) Dial(string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

func TestConnect_TriesUntilItsContextEnds(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := broker.Connect(ctx, broker.ConnectOptions{URL: "nats://192.0.2.7:4222", Dialer: nobody{}}, zerolog.Nop())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nats.url") || strings.Contains(err.Error(), "192.0.2.7") {
			t.Errorf("connect: %v, want the context's error and the setting", err)
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("it tried for %v, want a minute", waited)
		}
	})
}

// late is a dialer to a server that comes up at its third call.
type late struct {
	server *broker.Embedded
	calls  int
}

func (l *late) Dial(network, address string) (net.Conn, error) {
	if l.calls++; l.calls < 3 {
		return nobody{}.Dial(network, address)
	}
	return l.server.InProcessConn()
}

func TestConnect_WaitsForAServerThatComesUp(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		e, _ := brokertest.StartBare(t)
		conn, err := broker.Connect(brokertest.Context(t), broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: &late{server: e}}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
}

// A server that is away for hours finds us again, and what was published
// meanwhile failed at once: nothing goes out late.
func TestConnect_ComesBackAfterHours_AndSendsNothingLate(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		w, b, beside := newWire(t)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		w.loseRequest("break")
		if err := errors.Join(b.Conn().Publish("break", nil), b.Conn().Flush()); err == nil {
			t.Fatal("the connection did not break")
		}
		heard, err := beside.Conn().SubscribeSync("late")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Conn().Publish("late", nil); !errors.Is(err, nats.ErrReconnectBufExceeded) {
			t.Errorf("publish while cut off: %v, want a refusal", err)
		}
		time.Sleep(6 * time.Hour)
		close(w.mended)
		if _, err := b.AppendStatus(ctx, change("p", 1, 0)); err != nil {
			t.Errorf("append after hours: %v", err)
		}
		if err := beside.Conn().Flush(); err != nil {
			t.Fatal(err)
		}
		if n, _, err := heard.Pending(); err != nil || n != 0 {
			t.Errorf("%d messages arrived late (%v)", n, err)
		}
	})
}

// gate is a server's door that can be shut.
type gate struct {
	shut   atomic.Bool
	turned chan struct{} // one for each client that was turned away
}

func (g *gate) Check(server.ClientAuthentication) bool {
	if !g.shut.Load() {
		return true
	}
	select {
	case g.turned <- struct{}{}:
	default:
	}
	return false
}

// The client library ends a connection for good when it is refused twice; a
// credential that is being changed must not end a worker.
func TestConnect_OutlastsRefusals_OnceItWasConnected(t *testing.T) {
	door := &gate{turned: make(chan struct{}, 3)}
	s := foreign(t, server.Options{CustomClientAuthentication: door})
	conn, err := broker.Connect(brokertest.Context(t), broker.ConnectOptions{URL: s.ClientURL(), Token: secret.New("t")}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	changed := conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
	door.shut.Store(true)
	if err := conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		select {
		case <-door.turned:
		case status := <-changed:
			t.Fatalf("the connection is %v", status)
		}
	}
	door.shut.Store(false)
	if status := <-changed; status != nats.CONNECTED {
		t.Errorf("the connection is %v", status)
	}
}
