package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/ops"
)

// link is a connection to the broker, with what has to be closed behind it.
type link struct {
	conn  *nats.Conn
	where string // for people: "embedded in data" or "nats.url"
	close func()
}

// connectLimit is how long a server may take to accept us at start.
const connectLimit = 30 * time.Second

// openBroker connects to nats.url, or starts the broker inside this process.
func openBroker(ctx context.Context, cfg *config.Config, log zerolog.Logger) (link, error) {
	if cfg.NATS.URL != "" {
		limited, cancel := context.WithTimeout(ctx, connectLimit)
		defer cancel()
		conn, err := broker.Connect(limited, cfg.ConnectOptions("reconciler"), log)
		if err != nil {
			return link{}, fmt.Errorf("connect to the broker: %w", err)
		}
		return link{conn: conn, where: "nats.url", close: conn.Close}, nil
	}
	return embed(ctx, broker.EmbedOptions{DataDir: cfg.NATS.DataDir, Listen: cfg.NATS.Listen}, log)
}

// embed starts a broker in this process. With an address to listen on, the
// token for clients of this machine is made or read first.
func embed(ctx context.Context, o broker.EmbedOptions, log zerolog.Logger) (link, error) {
	if o.Listen != "" {
		token, err := broker.LocalToken(o.DataDir)
		if err != nil {
			return link{}, fmt.Errorf("prepare the token of the embedded broker: %w", err)
		}
		o.Token = token
	}
	server, err := broker.Embed(ctx, o, log)
	if err != nil {
		return link{}, fmt.Errorf("start the embedded broker: %w", err)
	}
	stop := func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectLimit)
		defer cancel()
		if err := server.Shutdown(limited); err != nil {
			log.Error().Err(err).Msg("the embedded broker did not stop in time")
		}
	}
	conn, err := server.Connect(ctx, broker.ConnectOptions{Name: "reconciler"}, log)
	if err != nil {
		stop()
		return link{}, fmt.Errorf("connect to the embedded broker: %w", err)
	}
	return link{conn: conn, where: "embedded in " + o.DataDir, close: func() { conn.Close(); stop() }}, nil
}

// dialBroker connects as a client of a running worker: to nats.url or, where
// the broker is embedded in `run`, to its listening address with its token.
func dialBroker(ctx context.Context, cfg *config.Config, log zerolog.Logger) (*nats.Conn, error) {
	o := cfg.ConnectOptions("reconciler-cli")
	if o.URL == "" {
		if cfg.NATS.Listen == "" {
			return nil, errors.New("nats.listen is not set: the broker inside `reconciler run` takes no clients; set it to 127.0.0.1:4222 and start `run` again")
		}
		token, err := broker.LocalToken(cfg.NATS.DataDir)
		if err != nil {
			return nil, fmt.Errorf("read the token of the embedded broker: %w", err)
		}
		o.URL, o.Token = "nats://"+cfg.NATS.Listen, token
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := broker.Connect(limited, o, log)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker (is `reconciler run` up?): %w", err)
	}
	return conn, nil
}

// onBroker connects as the configuration says and does what is asked, for as long
// as it takes. The file is needed for more than the connection: endpoints that stand
// in it can be known from nowhere else.
func onBroker(ctx context.Context, file string, do func(*broker.Broker, *ops.Endpoints) error) error {
	return onStore(ctx, file, func(_ *config.Config, b *broker.Broker, o ops.Options) error { return do(b, ops.NewEndpoints(o)) })
}

// onStore is onBroker for what needs more of the file; the options lack what sends.
// Faults of what was asked for are the caller's.
func onStore(ctx context.Context, file string, do func(*config.Config, *broker.Broker, ops.Options) error) error {
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		return err
	}
	conn, err := dialBroker(ctx, cfg, zerolog.Nop())
	if err != nil {
		return err
	}
	defer conn.Close()
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	b, err := broker.New(limited, broker.Options{Conn: conn, Log: zerolog.Nop(), Replicas: cfg.NATS.Replicas})
	if err != nil {
		return fmt.Errorf("set up the broker: %w", err)
	}
	o := cfg.EndpointOptions()
	store, err := endpoint.OpenStore(limited, endpoint.StoreOptions{Broker: b, Keys: o.Keys, AllowHTTP: o.AllowHTTP})
	if err != nil {
		return err
	}
	err = do(cfg, b, ops.Options{Store: store, Configured: o.Configured, AllowHTTP: o.AllowHTTP})
	var faults *ops.FaultsError
	if errors.As(err, &faults) {
		return &usageError{err}
	}
	return err
}
