package ops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// BucketReplays is the key-value bucket that says how far each replay has come.
const BucketReplays = "RECON_REPLAYS"

// replaysKept is how long a replay is remembered after it last moved: longer than
// any event is kept by default.
const replaysKept = 365 * 24 * time.Hour

// replaySchema is the version of a replay's value. Version 1 is what replayRecord
// shows. A reader leaves a newer one alone.
const replaySchema = 1

// replayRecord is how far a replay has come: the value of its key, which is its name.
type replayRecord struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	// Run counts how often it was begun; each run sends everything anew.
	Run       int       `json:"run"`
	Selection Selection `json:"selection"`
	// To is the last sequence of the status stream that is looked at, Log and Dead
	// those of the webhook log and the dead letters. They are fixed when it begins,
	// so that a replay that is resumed means the same events, and one that goes on
	// while its webhooks end does not meet them again.
	To   uint64 `json:"to"`
	Log  uint64 `json:"log"`
	Dead uint64 `json:"dead"`
	// Position is the status sequence up to which all is done.
	Position uint64 `json:"position"`
	// Done are the endpoints for which the event behind Position is done, where the
	// run was interrupted between two of them.
	Done       []string     `json:"done,omitempty"`
	Counts     ReplayCounts `json:"counts"`
	StartedAt  time.Time    `json:"started_at"`
	FinishedAt time.Time    `json:"finished_at,omitzero"`

	revision uint64
}

// mark is what the run's jobs and records carry. No name holds a "#".
func (r replayRecord) mark() string {
	if r.Run == 1 {
		return r.Name
	}
	return r.Name + "#" + strconv.Itoa(r.Run)
}

var (
	errReplayNewer = errors.New("a newer version of this program keeps it: use that one")
	errReplayValue = errors.New("its value is not what this program writes: choose another name, or purge the key")
)

func parseReplay(name string, value []byte) (replayRecord, error) {
	// Before all else, because any other field may have another type by then.
	var peek struct {
		Schema int `json:"schema"`
	}
	if json.Unmarshal(value, &peek) == nil && peek.Schema > replaySchema {
		return replayRecord{}, errReplayNewer
	}
	var r replayRecord
	err := json.Unmarshal(value, &r)
	switch {
	case err != nil || r.Schema != replaySchema || r.Name != name || r.Run < 1:
		return replayRecord{}, errReplayValue
	}
	return r, nil
}

// load reads a replay; a Run of 0: there is none. It makes no bucket.
func (r *Replays) load(ctx context.Context, name string) (replayRecord, error) {
	bucket, err := r.o.Broker.JetStream().KeyValue(ctx, BucketReplays)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return replayRecord{}, nil
	}
	var entry jetstream.KeyValueEntry
	if err == nil {
		entry, err = bucket.Get(ctx, name)
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return replayRecord{}, nil
	}
	if err != nil {
		return replayRecord{}, fmt.Errorf("read replay %s: %w", name, err)
	}
	known, err := parseReplay(name, entry.Value())
	if err != nil {
		return replayRecord{}, fmt.Errorf("read replay %s: %w", name, err)
	}
	known.revision = entry.Revision()
	return known, nil
}

// save writes a replay down if nobody else did since it was read; the error is
// ErrReplayBusy then.
func (r *Replays) save(ctx context.Context, is *replayRecord) error {
	is.Schema = replaySchema
	value, err := json.Marshal(is)
	if err != nil {
		return fmt.Errorf("encode replay %s: %w", is.Name, err)
	}
	bucket, err := r.o.Broker.Bucket(ctx, broker.BucketOptions{
		Name: BucketReplays, Description: "how far each replay of webhooks has come", History: 1, TTL: replaysKept,
	})
	if err != nil {
		return err
	}
	if is.revision == 0 {
		is.revision, err = bucket.Create(ctx, is.Name, value)
	} else {
		is.revision, err = bucket.Update(ctx, is.Name, value, is.revision)
	}
	if broker.Overtaken(err) {
		return ErrReplayBusy
	}
	if err != nil {
		return fmt.Errorf("write down how far replay %s is: %w", is.Name, err)
	}
	return nil
}
