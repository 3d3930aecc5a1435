package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"reconciler/internal/config"
	"reconciler/internal/worker"
)

const runHelp = `Run the worker: take created events, poll the configured accounts, publish
changes of status, deliver webhooks. Stops gracefully on SIGINT and SIGTERM:
what is in hand is finished within worker.stop_limit, the rest is handed back.

With callbacks.listen, providers' callbacks (POST /callbacks/<account>) make that
payment's poll due at once. What they say is not believed.

With health.listen, GET /livez and GET /readyz tell whether it lives and whether it
can work.

With an empty nats.url the broker runs inside this process and keeps its store
in nats.data_dir.`

func newRun(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "run", Short: "Run the worker", Long: runHelp, Args: noArguments,
		Example: "  reconciler run --config configs/reconciler.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), s, path)
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// configFlag adds --config.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "configs/reconciler.yaml", "configuration file")
}

func run(ctx context.Context, s streams, path string) error {
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return err
	}
	log := newLog(s, cfg.Log)
	warnOfCertificates(log, cfg.Certificates())
	link, err := openBroker(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer link.close()
	o, err := cfg.WorkerOptions(newTransport)
	if err != nil {
		return err
	}
	o.Conn, o.Log, o.Random = link.conn, log, newRandom()
	w, err := worker.New(ctx, o)
	if err != nil {
		return err
	}
	bell, err := openDoorbell(ctx, cfg.Callbacks, w, o)
	if err != nil {
		return errors.Join(err, stopWorker(ctx, w, cfg.Worker.StopLimit, log))
	}
	defer bell.stop(ctx)
	watched, err := openMonitor(ctx, cfg.Health, w, log)
	if err != nil {
		return errors.Join(err, stopWorker(ctx, w, cfg.Worker.StopLimit, log))
	}
	defer watched.close()
	w.Start()
	bell.serve()
	log.Info().Str("event", "worker.started").Int("accounts", len(o.Accounts)).Int("endpoints", len(o.Endpoints)).
		Str("broker", link.where).Msg("worker started")
	<-ctx.Done()
	watched.stops()
	bell.stop(ctx)
	return stopWorker(ctx, w, cfg.Worker.StopLimit, log)
}

// stopWorker stops within the limit; work that was cut short is no failure,
// another worker does it.
func stopWorker(ctx context.Context, w *worker.Worker, limit time.Duration, log zerolog.Logger) error {
	log.Info().Str("event", "worker.stopping").Dur("limit", limit).Msg("stopping: finishing what is in hand")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := w.Stop(stopping)
	if err != nil && !errors.Is(err, worker.ErrCutShort) {
		return fmt.Errorf("stop the worker: %w", err)
	}
	log.Info().Str("event", "worker.stopped").Bool("cut_short", err != nil).Msg("worker stopped")
	return nil
}

// newLog logs to standard error, so that standard output stays a command's answer.
func newLog(s streams, c config.Log) zerolog.Logger {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		level = zerolog.InfoLevel // the configuration was checked
	}
	if c.Format == "console" {
		console := zerolog.ConsoleWriter{Out: s.err, TimeFormat: time.TimeOnly, NoColor: !isTerminal(s.err)}
		return zerolog.New(console).Level(level).With().Timestamp().Logger()
	}
	return zerolog.New(s.err).Level(level).With().Timestamp().Logger()
}

// isTerminal reports whether what is written to w is seen by a person at once.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// newTransport makes the transport of one provider account: one account's dead
// connections never use up another's.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		// The body is bounded by the caller; headers are bounded here.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// newRandom gives numbers in [0,1) for jitter, safe for concurrent use.
func newRandom() func() float64 {
	var mu sync.Mutex
	source := rand.New(rand.NewChaCha8(seed()))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Float64()
	}
}

// seed is a fresh seed from the operating system.
func seed() (s [32]byte) {
	_, _ = crand.Read(s[:]) // never fails, by its contract
	return s
}
