package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ReplayState is a replay that was begun at some time.
type ReplayState struct {
	Name      string    `json:"name"`
	Run       int       `json:"run,omitempty"`
	Selection Selection `json:"selection,omitzero"`
	// Position is the status sequence up to which all is done, To the last one meant.
	Position  uint64       `json:"position"`
	To        uint64       `json:"to"`
	Counts    ReplayCounts `json:"counts,omitzero"`
	StartedAt time.Time    `json:"started_at,omitzero"`
	// MovedAt is when it went on for the last time, FinishedAt when it was done; zero:
	// it is under way, or was interrupted.
	MovedAt    time.Time `json:"moved_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	// Problem is why nothing more can be said of it.
	Problem string `json:"problem,omitempty"`
}

// List gives every replay that is remembered, the one that moved last first. It
// changes nothing.
func (r *Replays) List(ctx context.Context) ([]ReplayState, error) {
	all := []ReplayState{}
	bucket, err := r.o.Broker.JetStream().KeyValue(ctx, BucketReplays)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return all, nil
	}
	var keys jetstream.KeyLister
	if err == nil {
		keys, err = bucket.ListKeys(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("list the replays: %w", err)
	}
	defer func() { _ = keys.Stop() }()
	for name := range keys.Keys() {
		entry, err := bucket.Get(ctx, name)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read replay %s: %w", name, err)
		}
		all = append(all, listed(name, entry))
	}
	if ctx.Err() != nil { // the names may have ended early
		return nil, fmt.Errorf("list the replays: %w", context.Cause(ctx))
	}
	slices.SortFunc(all, func(a, b ReplayState) int { return cmp.Or(b.MovedAt.Compare(a.MovedAt), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

func listed(name string, entry jetstream.KeyValueEntry) ReplayState {
	is, err := parseReplay(name, entry.Value())
	if err != nil {
		return ReplayState{Name: name, MovedAt: entry.Created(), Problem: err.Error()}
	}
	return ReplayState{
		Name: name, Run: is.Run, Selection: is.Selection, Position: is.Position, To: is.To, Counts: is.Counts,
		StartedAt: is.StartedAt, MovedAt: entry.Created(), FinishedAt: is.FinishedAt,
	}
}
