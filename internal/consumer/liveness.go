package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/pause"
)

// A problem is acted upon when two looks in a row found it; two, because messages
// come and go while one asks. What happens right after a look is thus mended within
// twice the time between looks and what the looks take, and that is under 2 minutes.
const (
	lookEvery = 45 * time.Second
	// lookSpread is by how much the time between looks differs at most, so that
	// workers that were started together do not all mend the same thing.
	lookSpread = 5 * time.Second
	// firstLook leaves the loops the time to make their consumers.
	firstLook = 5 * time.Second
	// lookLimit bounds one look: what could not be asked by then is unreadable.
	lookLimit = 20 * time.Second
	// provisionLimit exceeds the time for which a cluster is asked again before a
	// stream is made.
	provisionLimit = 2 * time.Minute
)

// Liveness watches the streams and the loops' consumers and mends what it can:
// streams that are gone are provisioned again, consumers that are missing, stalled,
// ahead of their stream or not as we make them are made anew where they stood. All
// else is told, by an alarm in the log and by Health. Any number of workers may
// watch at once.
type Liveness struct {
	broker    *broker.Broker
	streams   broker.ProvisionOptions
	every     time.Duration
	consumers []broker.ConsumerOptions
	random    func() float64
	log       zerolog.Logger
	// seen is what the last look found; Run's alone.
	seen map[spot]sighting

	mu     sync.Mutex
	health Health
	began  time.Time // zero: it does not run yet
}

// spot is where something can be wrong.
type spot struct {
	stream, consumer string
	problem          broker.Problem
}

// sighting is something that is wrong, since when, and in how many looks in a row.
type sighting struct {
	state broker.ConsumerState
	since time.Time
	times int
}

// Health is what the last look found.
type Health struct {
	// Looked is when it ended; zero: there was none yet.
	Looked time.Time
	// Overdue says that another one should have ended by now: the watch is stuck.
	Overdue bool
	// Troubles are all that is wrong; none: every stream and consumer is well.
	Troubles []broker.Trouble
}

// Liveness gives the watch over this set's consumers and over the streams, which it
// makes again as given. It looks every so often; 0: every 45 s.
func (s *Set) Liveness(streams broker.ProvisionOptions, every time.Duration) *Liveness {
	if every <= 0 {
		every = lookEvery
	}
	return &Liveness{broker: s.broker, streams: streams, consumers: s.consumers, every: every, random: s.random, log: s.log}
}

// Run looks until ctx ends.
func (l *Liveness) Run(ctx context.Context) {
	l.mu.Lock()
	l.began = time.Now()
	l.mu.Unlock()
	pause.For(ctx, firstLook)
	for ctx.Err() == nil {
		before := l.connections()
		l.look(ctx)
		l.rest(ctx, before)
	}
}

// connections counts how often the connection was made anew.
func (l *Liveness) connections() uint64 { return l.broker.Conn().Stats().Reconnects }

// rest waits for the next look. A look that could not ask because the connection was
// cut is made again soon after there is another one: how things stand is known again
// then, and need not be waited for.
func (l *Liveness) rest(ctx context.Context, before uint64) {
	rest := l.every + time.Duration((2*l.random()-1)*float64(lookSpread))
	for until := time.Now().Add(rest); l.blind() && ctx.Err() == nil && time.Until(until) > firstLook; {
		pause.For(ctx, firstLook)
		if rest = time.Until(until); l.broker.Conn().IsConnected() && l.connections() != before {
			rest = min(rest, firstLook) // for elections to end
			break
		}
	}
	pause.For(ctx, rest)
}

// blind reports whether the last look could not ask for something.
func (l *Liveness) blind() bool {
	for at := range l.seen {
		if at.problem == broker.ProblemUnreadable {
			return true
		}
	}
	return false
}

// Health is what the last look found, and which streams do not take what this
// process publishes now.
func (l *Liveness) Health() Health {
	writes := l.broker.WriteTroubles()
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.health
	last := h.Looked
	if last.IsZero() {
		last = l.began
	}
	h.Overdue = !last.IsZero() && time.Since(last) > l.every+lookSpread+lookLimit+provisionLimit+slack
	h.Troubles = append(append([]broker.Trouble(nil), h.Troubles...), writes...)
	return h
}

// look looks at everything once and acts on what stands for the second time.
func (l *Liveness) look(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	now := &findings{before: l.seen, found: map[spot]sighting{}}
	gone, lost := l.lookAtStreams(limited, now)
	for _, o := range l.consumers {
		if !lost[o.Stream] {
			l.lookAtConsumer(limited, now, o)
		}
	}
	if gone {
		l.provision(ctx)
	}
	if ctx.Err() != nil {
		return // cut short: what was not answered is no finding
	}
	l.seen = now.found
	l.mu.Lock()
	defer l.mu.Unlock()
	l.health = Health{Looked: time.Now(), Troubles: now.troubles}
}

// findings are what one look finds.
type findings struct {
	before, found map[spot]sighting
	troubles      []broker.Trouble
}

// add notes something that is wrong and gives in how many looks in a row it was.
func (r *findings) add(t broker.Trouble, state broker.ConsumerState) int {
	at := spot{t.Stream, t.Consumer, t.Problem}
	s := sighting{state: state, since: time.Now(), times: 1}
	if last, ok := r.before[at]; ok {
		s.since = last.since
		if last.state.Same(state) {
			s.times = last.times + 1
		}
	}
	r.found[at] = s
	t.Since = s.since
	r.troubles = append(r.troubles, t)
	return s.times
}

// lookAtStreams tells whether a stream is certainly gone, and which streams'
// consumers need not be asked for.
func (l *Liveness) lookAtStreams(ctx context.Context, now *findings) (gone bool, lost map[string]bool) {
	lost = map[string]bool{}
	for _, t := range l.broker.StreamTroubles(ctx, l.streams) {
		times := now.add(t, broker.ConsumerState{})
		if t.Problem == broker.ProblemMissing || t.Problem == broker.ProblemUnreadable {
			lost[t.Stream] = true
		}
		if times == confirmed {
			l.alarm(t, "a stream is not as it must be")
		}
		gone = gone || t.Problem == broker.ProblemMissing && times >= confirmed
	}
	return gone, lost
}

// confirmed is in how many looks in a row a problem must stand.
const confirmed = 2

// provision makes the streams that are gone. Provision asks for as long as a leader
// may not know them yet, and makes nothing where others' settings are in the way.
func (l *Liveness) provision(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, provisionLimit)
	defer cancel()
	if err := l.broker.Provision(limited, l.streams); err != nil {
		l.log.Error().Err(err).Bool("alarm", true).Str("event", "streams.missing").Msg("streams are missing and could not be made again")
		return
	}
	l.log.Error().Bool("alarm", true).Str("event", "streams.made").
		Msg("streams were missing and were made again, empty: what they held is gone unless it is restored")
}

func (l *Liveness) lookAtConsumer(ctx context.Context, now *findings, o broker.ConsumerOptions) {
	state, err := l.broker.InspectConsumer(ctx, o)
	t := broker.Trouble{Stream: o.Stream, Consumer: o.Name, Problem: state.Problem, Detail: state.Detail}
	if err != nil {
		t.Problem, t.Detail = broker.ProblemUnreadable, err.Error()
	}
	if t.Problem == "" {
		if err := l.broker.KeepPlace(ctx, o, state); err != nil && ctx.Err() == nil {
			l.log.Warn().Err(err).Str("consumer", o.Name).Msg("a consumer's place could not be kept, trying again at the next look")
		}
		return
	}
	times := now.add(t, state)
	if times == confirmed {
		l.alarm(t, "a consumer is not as it must be")
	}
	if times >= confirmed && mendable(t.Problem) {
		l.mend(ctx, now, o, state)
	}
}

// mendable reports whether a consumer with that problem is made anew. One that
// somebody paused, or that can't be asked for, is not.
func mendable(p broker.Problem) bool {
	switch p {
	case broker.ProblemMissing, broker.ProblemNotOurs, broker.ProblemMisplaced, broker.ProblemAhead, broker.ProblemStalled:
		return true
	}
	return false
}

func (l *Liveness) mend(ctx context.Context, now *findings, o broker.ConsumerOptions, state broker.ConsumerState) {
	done, err := l.broker.Rebuild(ctx, o, state)
	var refused *broker.SettingsError
	switch {
	case errors.As(err, &refused):
		t := broker.Trouble{Stream: o.Stream, Consumer: o.Name, Problem: broker.ProblemBlocked, Detail: err.Error()}
		if now.add(t, broker.ConsumerState{}) == 1 {
			l.alarm(t, "a consumer can't be made: others that are not ours stand in its way")
		}
	case err != nil:
		l.log.Error().Err(err).Bool("alarm", true).Str("event", "consumer.lost").Str("stream", o.Stream).Str("consumer", o.Name).
			Msg("a consumer could not be made anew, trying again at the next look")
	case done:
		l.log.Warn().Str("event", "consumer.rebuilt").Str("stream", o.Stream).Str("consumer", o.Name).
			Str("problem", string(state.Problem)).Msg("consumer made anew")
	}
}

func (l *Liveness) alarm(t broker.Trouble, what string) {
	l.log.Error().Bool("alarm", true).Str("event", "liveness").Str("stream", t.Stream).Str("consumer", t.Consumer).
		Str("problem", string(t.Problem)).Str("detail", t.Detail).Time("since", t.Since).Msg(what)
}
