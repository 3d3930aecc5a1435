package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/config"
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
