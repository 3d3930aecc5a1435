package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// foreign starts a server with settings Embed never uses.
func foreign(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.NoSigs, o.NoLog, o.Host, o.Port = true, true, "127.0.0.1", server.RANDOM_PORT
	if o.JetStream {
		o.StoreDir = t.TempDir()
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not come up")
	}
	return s
}

func TestNew_RefusesAServerItCanNotWorkWith(t *testing.T) {
	for _, row := range []struct {
		name string
		o    server.Options
		want error
	}{
		{"without JetStream", server.Options{}, broker.ErrJetStreamOff},
		{"that takes malformed requests", server.Options{JetStream: true, NoJetStreamStrict: true}, broker.ErrNotStrict},
		{"as we like it", server.Options{JetStream: true}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := foreign(t, row.o)
			conn, err := nats.Connect(s.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = broker.New(brokertest.Context(t), broker.Options{Conn: conn, Log: zerolog.Nop()})
			if !errors.Is(err, row.want) || (row.want == nil) != (err == nil) {
				t.Errorf("New: %v, want %v", err, row.want)
			}
		})
	}
}

func TestNew_WarnsOfNothing_OnTheServerWeEmbed(t *testing.T) {
	var lines counter
	e, err := broker.Embed(brokertest.Context(t), broker.EmbedOptions{DataDir: t.TempDir()}, zerolog.New(&lines).Level(zerolog.InfoLevel))
	if err != nil {
		t.Fatal(err)
	}
	defer brokertest.Shutdown(t, e)
	conn, err := e.Connect(brokertest.Context(t), broker.ConnectOptions{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := broker.New(brokertest.Context(t), broker.Options{Conn: conn, Log: zerolog.New(&lines)}); err != nil {
		t.Fatal(err)
	}
	if got := lines.text(); got != "" {
		t.Errorf("the log says: %s", got)
	}
}

func TestNew_NeedsAConnection(t *testing.T) {
	if _, err := broker.New(t.Context(), broker.Options{}); err == nil {
		t.Error("a broker without a connection was made")
	}
}
