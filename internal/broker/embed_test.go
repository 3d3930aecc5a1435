package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/secret"
)

func TestEmbed_RefusesWhatWouldBeUnsafe(t *testing.T) {
	token := secret.New("a token nobody guesses")
	for _, row := range []struct {
		name string
		o    broker.EmbedOptions
		says string
	}{
		{"no data directory", broker.EmbedOptions{}, "data directory"},
		{"a socket without a token", broker.EmbedOptions{DataDir: "x", Listen: "127.0.0.1:0"}, "token"},
		{"a socket for every machine", broker.EmbedOptions{DataDir: "x", Listen: "0.0.0.0:0", Token: token}, "loopback"},
		{"a socket for every machine, short", broker.EmbedOptions{DataDir: "x", Listen: ":4222", Token: token}, "loopback"},
		{"a socket for the network", broker.EmbedOptions{DataDir: "x", Listen: "10.0.0.1:4222", Token: token}, "loopback"},
		{"a name that may resolve to anything", broker.EmbedOptions{DataDir: "x", Listen: "broker:4222", Token: token}, "loopback"},
		{"no port", broker.EmbedOptions{DataDir: "x", Listen: "127.0.0.1", Token: token}, "host:port"},
		{"no such port", broker.EmbedOptions{DataDir: "x", Listen: "127.0.0.1:65536", Token: token}, "port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			e, err := broker.Embed(t.Context(), row.o, zerolog.Nop())
			if err == nil {
				brokertest.Shutdown(t, e)
				t.Fatal("the server started")
			}
			if !strings.Contains(err.Error(), row.says) {
				t.Errorf("the error does not say %q: %v", row.says, err)
			}
			if _, err := os.Stat("x"); err == nil {
				t.Error("a data directory was made all the same")
			}
		})
	}
}

func TestEmbed_KeepsItsDataToItself(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "data")
	brokertest.StartBare(t, brokertest.WithDataDir(dir))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory has mode %v, %v; want 0700", info.Mode().Perm(), err)
	}
}

func TestEmbed_WritesToDiskBeforeItAcknowledges(t *testing.T) {
	e, _ := brokertest.StartBare(t, brokertest.WithSync())
	if !broker.SyncsAlways(e) {
		t.Error("the store is not synced on every write")
	}
}

func TestEmbed_RefusesADirectoryInUse_UntilItsServerIsDown(t *testing.T) {
	dir := t.TempDir()
	first, _ := brokertest.StartBare(t, brokertest.WithDataDir(dir))
	if second, err := broker.Embed(t.Context(), broker.EmbedOptions{DataDir: dir}, zerolog.Nop()); err == nil {
		brokertest.Shutdown(t, second)
		t.Fatal("two servers write one store")
	}
	brokertest.StartBare(t) // another directory is free
	brokertest.Shutdown(t, first)
	brokertest.Shutdown(t, first) // again, as deferred calls do
	brokertest.StartBare(t, brokertest.WithDataDir(dir))
}

func TestEmbed_AsksForItsToken(t *testing.T) {
	dir := t.TempDir()
	e, _ := brokertest.StartBare(t, brokertest.WithListen(), brokertest.WithDataDir(dir))
	token, err := broker.LocalToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		o    []nats.Option
		ok   bool
	}{
		{"none", nil, false},
		{"empty", []nats.Option{nats.Token("")}, false},
		{"wrong", []nats.Option{nats.Token("wrong")}, false},
		{"a user with the token as password", []nats.Option{nats.UserInfo("x", token.Reveal())}, false},
		{"right", []nats.Option{nats.Token(token.Reveal())}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			conn, err := nats.Connect(e.URL(), row.o...)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != row.ok {
				t.Errorf("connect: %v, want success %t", err, row.ok)
			}
		})
	}
}

func TestEmbed_OpensNoSocket_WithoutAnAddress(t *testing.T) {
	e, conn := brokertest.StartBare(t)
	if e.URL() != "" {
		t.Errorf("it listens on %s", e.URL())
	}
	if !conn.IsConnected() {
		t.Error("no connection inside the process")
	}
}

func TestEmbed_SaysWhyItDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nats"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := broker.Embed(t.Context(), broker.EmbedOptions{DataDir: dir}, zerolog.Nop())
	if err == nil {
		brokertest.Shutdown(t, e)
		t.Fatal("started with a file where its store belongs")
	}
	if !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("the error gives no reason: %v", err)
	}
}
