package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/callback"
	"reconciler/internal/config"
	"reconciler/internal/providers"
	"reconciler/internal/worker"
)

// doorbell is the server that takes providers' callbacks. The zero value takes none.
type doorbell struct {
	server   *http.Server
	listener net.Listener
	log      zerolog.Logger
	done     chan struct{} // nil before serve
}

// openDoorbell opens the address of the configuration, if it names one, so that
// one that can't be had is known before anything runs. It answers from serve on.
func openDoorbell(ctx context.Context, c config.Callbacks, w *worker.Worker, o worker.Options) (*doorbell, error) {
	d := &doorbell{log: o.Log}
	if c.Listen == "" {
		return d, nil
	}
	accounts := map[string]providers.Provider{}
	for _, a := range o.Accounts {
		accounts[a.Name] = a.Provider
	}
	handler, err := callback.New(callback.Options{
		Accounts: accounts, Hint: w.Hinter().Hint, UnverifiedRate: c.UnverifiedRate, Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("set up callbacks: %w", err)
	}
	var listen net.ListenConfig
	if d.listener, err = listen.Listen(ctx, "tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listen for callbacks: %w", err)
	}
	d.server = callback.NewServer(handler, o.Log)
	line := o.Log.Info()
	if handler.Accounts() == 0 {
		line = o.Log.Warn()
	}
	line.Str("event", "callbacks.listening").Str("address", d.listener.Addr().String()).Int("accounts", handler.Accounts()).
		Msg("callbacks are taken for the accounts whose provider sends them")
	return d, nil
}

// serve answers until stop. Should it fail, the worker goes on: hints are a
// comfort, the polls are the promise.
func (d *doorbell) serve() {
	if d.server == nil {
		return
	}
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error().Err(err).Str("event", "callbacks.ended").Bool("alarm", true).Msg("callbacks are not taken any more")
		}
	}()
}

// doorbellLimit is how long a stop waits for the callbacks in hand; providers
// repeat what is cut off.
const doorbellLimit = 3 * time.Second

// stop takes no more callbacks and lets those in hand finish. It comes before the
// worker's stop, so that nothing is hastened that nobody will poll. It may be
// called without serve, and again.
func (d *doorbell) stop(ctx context.Context) {
	if d.server == nil {
		return
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), doorbellLimit)
	defer cancel()
	if err := d.server.Shutdown(limited); err != nil {
		_ = d.server.Close() // the rest is cut off
	}
	_ = d.listener.Close() // the server knows it only once it serves
	if d.done != nil {
		<-d.done
	}
}
