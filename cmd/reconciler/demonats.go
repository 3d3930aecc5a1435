package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/config"
)

// demoClaim is a stream that is there while a demo uses somebody's broker, so that of
// two demos one is refused.
const demoClaim = "RECON_DEMO"

// borrow connects to somebody's broker that has nothing of ours, for one demo. What
// is on it under our names when the link is closed was made by the demo, and goes.
func borrow(ctx context.Context, s streams, f demoFlags, log zerolog.Logger) (link, error) {
	o, err := f.connectOptions()
	if err != nil {
		return link{}, err
	}
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := broker.Connect(limited, o, log)
	if err != nil {
		return link{}, fmt.Errorf("connect to the broker at --nats: %w", err)
	}
	js, err := jetstream.New(conn)
	if err == nil {
		err = claim(limited, js)
	}
	if err != nil {
		conn.Close()
		return link{}, err
	}
	return link{conn: conn, where: "--nats", close: func() { giveBack(ctx, s, f, conn, js) }}, nil
}

// connectOptions are the login of the configuration, if one is named, at --nats.
func (f demoFlags) connectOptions() (broker.ConnectOptions, error) {
	o := broker.ConnectOptions{Name: "reconciler-demo"}
	if f.config != "" {
		cfg, err := config.Load(f.config, os.LookupEnv)
		if err != nil {
			return o, err
		}
		o = cfg.ConnectOptions(o.Name)
	}
	o.URL = f.nats
	return o, nil
}

// replicasThere is how many copies the demo's streams have: as told, else three where
// --nats names as many servers.
func (f demoFlags) replicasThere() int {
	switch {
	case f.replicas > 0:
		return f.replicas
	case strings.Count(f.nats, ",") >= 2:
		return 3
	}
	return 1
}

// claim makes sure that nothing of ours is there, and that no other demo comes.
func claim(ctx context.Context, js jetstream.JetStream) error {
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: demoClaim, Description: "a demo of reconciler is running here: " + rand.Text(), // another demo's differs, and is refused
		Subjects: []string{"recon.demo.claim"}, Storage: jetstream.MemoryStorage, MaxMsgs: 1,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		there, listErr := ours(ctx, js)
		return errors.Join(occupied(append(there, demoClaim)), listErr)
	}
	if err != nil {
		return fmt.Errorf("look whether the broker is free: %w", err)
	}
	there, err := ours(ctx, js)
	if err == nil && len(there) == 0 {
		return nil
	}
	err = errors.Join(err, js.DeleteStream(ctx, demoClaim))
	if len(there) > 0 {
		err = errors.Join(occupied(there), err)
	}
	return err
}

// occupied refuses a broker that has streams under our names.
func occupied(there []string) error {
	return &usageError{fmt.Errorf("the broker at --nats has %s already: demo touches nothing that may be somebody's. "+
		"Give it a broker or an account of its own; what an earlier demo left behind goes with: nats stream rm -f NAME", strings.Join(there, ", "))}
}

// ours lists the streams and buckets that are there under our names, but not the claim.
func ours(ctx context.Context, js jetstream.JetStream) ([]string, error) {
	var there []string
	lister := js.StreamNames(ctx)
	for name := range lister.Name() {
		if slices.Contains(broker.Streams(), name) || strings.HasPrefix(name, "KV_RECON_") {
			there = append(there, name)
		}
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list the broker's streams: %w", err)
	}
	slices.Sort(there)
	return there, nil
}

// moreThan reports whether more payments were announced than the demo did: then what
// is there is no longer the demo's alone.
func moreThan(ctx context.Context, js jetstream.JetStream, payments int) (bool, error) {
	s, err := js.Stream(ctx, broker.StreamPayments)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whose payments are there: %w", err)
	}
	return s.CachedInfo().State.NumSubjects > uint64(payments), nil
}

// giveBackLimit is how long removing what a demo made may take.
const giveBackLimit = 30 * time.Second

// giveBack removes what the demo made, also when ctx has ended, and the claim last.
func giveBack(ctx context.Context, s streams, f demoFlags, conn *nats.Conn, js jetstream.JetStream) {
	defer conn.Close()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackLimit)
	defer cancel()
	made, err := ours(limited, js)
	shared, asked := moreThan(limited, js, f.payments)
	err = errors.Join(err, asked)
	switch {
	case f.keep:
		_, _ = fmt.Fprintf(s.err, "kept at --nats: %s\n", strings.Join(made, ", "))
		made = nil
	case shared || asked != nil:
		_, _ = fmt.Fprintf(s.err, "reconciler: somebody else may have announced payments at --nats while the demo ran, so nothing is removed: %s\n", strings.Join(made, ", "))
		made = nil
	}
	for _, name := range append(made, demoClaim) {
		if gone := js.DeleteStream(limited, name); gone != nil && !errors.Is(gone, jetstream.ErrStreamNotFound) {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", name, gone))
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "reconciler: not all that the demo made at --nats is removed, do it by hand (nats stream rm -f NAME): %v\n", err)
	}
}
