package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Problem is what can be wrong with a stream or consumer.
type Problem string

// The problems. The worker mends the first five by itself.
const (
	// ProblemMissing: the leader says that it does not exist.
	ProblemMissing Problem = "missing"
	// ProblemNotOurs: a consumer has our name and another filter, kind or acknowledgement.
	ProblemNotOurs Problem = "not_ours"
	// ProblemMisplaced: a consumer that is not the one before would skip or repeat messages.
	ProblemMisplaced Problem = "misplaced"
	// ProblemAhead: a consumer stands behind the end of its stream.
	ProblemAhead Problem = "ahead"
	// ProblemStalled: a consumer says that nothing is pending while messages lie there for it.
	ProblemStalled Problem = "stalled"
	// ProblemPaused: somebody paused a consumer.
	ProblemPaused Problem = "paused"
	// ProblemBlocked: a consumer can't be made, because others stand in its way.
	ProblemBlocked Problem = "blocked"
	// ProblemSettings: a stream or a strange consumer has settings we can't work with.
	ProblemSettings Problem = "settings"
	// ProblemUnreadable: the broker could not be asked.
	ProblemUnreadable Problem = "unreadable"
	// ProblemUnwritable: what we publish into a stream is not taken.
	ProblemUnwritable Problem = "unwritable"
)

// Cause is why a stream is unwritable, as far as the last attempt tells.
type Cause string

// The causes.
const (
	// CauseNoRoom: the disk, the server's or the account's store, or the stream is full.
	CauseNoRoom Cause = "no_room"
	// CauseNoLeader: nobody answers for the stream: too few servers of its cluster are
	// up, one is being elected, or JetStream does not run.
	CauseNoLeader Cause = "no_leader"
	// CauseNoAnswer: the broker did not answer in time.
	CauseNoAnswer Cause = "no_answer"
	// CauseRefused: the broker refuses what is published, and will.
	CauseRefused Cause = "refused"
)

// Trouble is one problem of one stream, or of one of its consumers.
type Trouble struct {
	Stream string
	// Consumer is empty where the stream itself is meant.
	Consumer string
	Problem  Problem
	// Cause is empty unless the problem is that a stream is unwritable.
	Cause Cause
	// Detail says more, for people.
	Detail string
	// Since is when it was first seen; zero where only this look is known.
	Since time.Time
}

// StreamTroubles looks at all streams as Provision would: what is missing, has
// settings we can't work with, or can't be asked. It changes nothing.
func (b *Broker) StreamTroubles(ctx context.Context, o ProvisionOptions) []Trouble {
	o = o.withDefaults(b.replicas)
	var all []Trouble
	for _, w := range definitions(o) {
		found, ok, err := b.lookup(ctx, w.Name)
		switch {
		case err != nil:
			all = append(all, Trouble{Stream: w.Name, Problem: ProblemUnreadable, Detail: err.Error()})
			continue
		case !ok:
			all = append(all, Trouble{Stream: w.Name, Problem: ProblemMissing, Detail: "there is no such stream"})
			continue
		}
		if faults := check(found, w, o, b.version); len(faults) > 0 {
			all = append(all, Trouble{Stream: w.Name, Problem: ProblemSettings, Detail: lines(faults)})
		}
		if w.Name == StreamWork {
			all = append(all, b.strangers(ctx)...)
		}
	}
	return all
}

// strangers are consumers of the work queue that acknowledge timers away.
func (b *Broker) strangers(ctx context.Context) []Trouble {
	faults, err := b.checkWorkConsumers(ctx)
	if err != nil {
		return []Trouble{{Stream: StreamWork, Problem: ProblemUnreadable, Detail: err.Error()}}
	}
	var all []Trouble
	for _, f := range faults {
		all = append(all, Trouble{Stream: f.Stream, Consumer: f.Consumer, Problem: ProblemSettings, Detail: f.String() + removal(f)})
	}
	return all
}

// A stream counts as unwritable when nothing was taken for that long, and as
// unknown again when nobody has tried for that long. Where there is no room, no timer
// fires, and the sweep may be the only one who tries, every five minutes.
const (
	refusedLong   = 5 * time.Second
	untried       = time.Minute
	untriedNoRoom = 7 * time.Minute
)

// writes remembers which streams do not take what is published.
type writes struct {
	mu      sync.Mutex
	failing map[string]failing
}

type failing struct {
	since, last time.Time
	cause       Cause
	detail      string
}

// old reports whether the last attempt tells nothing of now.
func (f failing) old(now time.Time) bool {
	if f.cause == CauseNoRoom {
		return now.Sub(f.last) > untriedNoRoom
	}
	return now.Sub(f.last) > untried
}

// note records what became of one attempt to publish. A refusal for what is stored
// already shows that the stream works.
func (w *writes) note(stream string, told verdict, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if told != doubtful && told != unable && told != impossible {
		delete(w.failing, stream)
		return
	}
	if w.failing == nil {
		w.failing = map[string]failing{}
	}
	now := time.Now()
	f := w.failing[stream]
	if f.old(now) {
		f.since = now
	}
	f.last, f.cause, f.detail = now, causeOf(err), err.Error()
	w.failing[stream] = f
}

// WriteTroubles are the streams that do not take what this process publishes, by
// what became of its own attempts: a stream that nobody writes to is not known.
func (b *Broker) WriteTroubles() []Trouble {
	b.writes.mu.Lock()
	defer b.writes.mu.Unlock()
	now := time.Now()
	var all []Trouble
	for stream, f := range b.writes.failing {
		if !f.old(now) && now.Sub(f.since) >= refusedLong {
			all = append(all, Trouble{Stream: stream, Problem: ProblemUnwritable, Cause: f.cause, Detail: f.detail, Since: f.since})
		}
	}
	slices.SortFunc(all, func(a, b Trouble) int { return strings.Compare(a.Stream, b.Stream) })
	return all
}

// causeOf tells why an attempt failed. A store that is full shows in three ways: the
// account's limit, the server's, and what the disk or the stream's own limit says.
func causeOf(err error) Cause {
	var refused *jetstream.APIError
	switch {
	case !errors.As(err, &refused):
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			return CauseNoLeader
		}
		return CauseNoAnswer
	case slices.Contains([]jetstream.ErrorCode{codeAccountResources, codeInsufficient, codeStorageExceeded, codeStoreFailed}, refused.ErrorCode):
		return CauseNoRoom
	case refused.Code == 503:
		return CauseNoLeader
	}
	return CauseRefused
}
