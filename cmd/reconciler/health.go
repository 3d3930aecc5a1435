package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/rs/zerolog"

	"reconciler/internal/config"
	"reconciler/internal/health"
	"reconciler/internal/worker"
)

// monitor is the server that tells how the worker does. The zero value tells nobody.
type monitor struct {
	server   *http.Server
	stopping atomic.Bool
	done     chan struct{}
}

// openMonitor opens the address of the configuration, if it names one, and answers
// from now on. Should that fail later, the worker goes on.
func openMonitor(ctx context.Context, c config.Health, w *worker.Worker, log zerolog.Logger) (*monitor, error) {
	m := &monitor{}
	if c.Listen == "" {
		return m, nil
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for health: %w", err)
	}
	m.server, m.done = health.NewServer(health.New(func() health.State { return m.state(w) }), log), make(chan struct{})
	go func() {
		defer close(m.done)
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Str("event", "health.ended").Bool("alarm", true).Msg("/livez and /readyz are not answered any more")
		}
	}()
	log.Info().Str("event", "health.listening").Str("address", listener.Addr().String()).Msg("/livez and /readyz are answered")
	return m, nil
}

func (m *monitor) state(w *worker.Worker) health.State {
	is := w.Snapshot()
	return health.State{Connected: is.Connected, Stopping: m.stopping.Load(), Watch: is.Health, Loops: is.Loops}
}

// stops says from now on that the worker stops, so that nobody sends it anything.
func (m *monitor) stops() { m.stopping.Store(true) }

// close ends it, whoever is being answered. It comes last.
func (m *monitor) close() {
	if m.server == nil {
		return
	}
	_ = m.server.Close()
	<-m.done
}
