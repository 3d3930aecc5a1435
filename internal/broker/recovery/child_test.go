package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
)

const (
	roleLive    = "live"
	roleRecover = "recover"
	roleEmpty   = "empty" // only starts
)

// play is the process: it does its part and goes on until its parent closes
// standard input, or dies, or kills it. Then it stops in order.
func play(role, data string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	began := time.Now()
	stopProfile, err := profile(role)
	if err != nil {
		return err
	}
	if err := tell(report{Stage: stageStarted}); err != nil {
		return err
	}
	o := broker.EmbedOptions{DataDir: data}
	if role == roleLive {
		// A process that is killed leaves the same files whether it syncs them or
		// not. Two minutes is how often the broker compacts in production, too.
		o.SyncEvery = 2 * time.Minute
	}
	e, err := broker.Embed(ctx, o, zerolog.New(os.Stderr).Level(zerolog.WarnLevel))
	if err != nil {
		return err
	}
	switch role {
	case roleRecover:
		err = recovered(ctx, e, began)
	case roleLive:
		err = live(ctx, e)
	default:
		err = tell(report{Stage: stageReady})
	}
	stopProfile()
	if err == nil {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return errors.Join(err, e.Shutdown(ctx))
}

// profile begins a CPU profile of a recovery if one is asked for.
func profile(role string) (stop func(), err error) {
	name, err := setting[string]("profile")
	if err != nil || name == "" || role != roleRecover {
		return func() {}, err
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// recovered does what a worker does at its start, as far as it concerns the
// broker, and reports until a timer that fired since then is delivered.
func recovered(ctx context.Context, e *broker.Embedded, began time.Time) error {
	if err := tell(report{Stage: stageReady}); err != nil {
		return err
	}
	c, err := open(ctx, e)
	if err != nil {
		return err
	}
	defer c.close()
	state, err := c.state(ctx)
	if err != nil {
		return err
	}
	if err := tell(report{Stage: stageAnswers, Messages: state.Msgs, Last: state.LastSeq}); err != nil {
		return err
	}
	messages, err := c.due(ctx)
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("wait for a timer to fire: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Timestamp.After(began) {
			return tell(report{Stage: stageWorking})
		}
	}
}
