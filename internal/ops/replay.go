package ops

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// DefaultReplayRate is how many webhooks a second a replay queues: little beside
// what a worker delivers, so that first deliveries do not wait for it.
const DefaultReplayRate = 50

// ReplayOptions are what NewReplays needs.
type ReplayOptions struct {
	Broker *broker.Broker
	// Endpoints knows where a replay may go.
	Endpoints *Endpoints
	// Job makes a webhook job of a stored status event, for an endpoint, with the
	// replay's mark. Its error says that the event can't be sent.
	Job func(event broker.Stored, endpoint, mark string) (broker.Due, error)
	// Dispatched is the status sequence up to which every event has had its jobs.
	Dispatched func(ctx context.Context, b *broker.Broker) (uint64, error)
}

// Replays sends past events again. It queues jobs; delivering them is the
// workers' work, which need not run meanwhile. Each webhook is queued once per
// run of a replay, however often it is interrupted and resumed, in the order of
// the status stream.
type Replays struct{ o ReplayOptions }

// NewReplays makes the operations. It asks nobody.
func NewReplays(o ReplayOptions) *Replays { return &Replays{o} }

// ReplayWish is a replay to be begun or resumed.
type ReplayWish struct {
	// Name keeps the replay's place: 1 to 64 of A-Z a-z 0-9 _ -. Empty: that of the
	// Selection. With a name alone, what stands under it is resumed.
	Name      string
	Selection Selection
	// Rate is how many webhooks a second are queued at most. 0: DefaultReplayRate.
	Rate float64
	// DryRun counts what would be sent and writes nothing.
	DryRun bool
	// Again begins anew what was finished or interrupted.
	Again bool
	// Progress, if set, is called after each step, by one goroutine, with what a
	// result would be now; Rows are left out.
	Progress func(ReplayResult)
}

// ReplayCounts are webhooks by what a replay did with them.
type ReplayCounts struct {
	// Sent were queued or, of a dry run, would be.
	Sent int `json:"sent"`
	// Pending are on their way already, first deliveries or another replay's.
	Pending int `json:"pending,omitempty"`
	// Off were not queued because their endpoint is disabled, paused or unusable.
	Off int `json:"off,omitempty"`
	// Repeated were queued by this run before it was interrupted.
	Repeated int `json:"repeated,omitempty"`
	// Of webhooks that were missed: Settled were delivered since, Removed have no
	// endpoint any more, Unwanted one whose filter leaves them out now.
	Settled  int `json:"settled,omitempty"`
	Removed  int `json:"removed,omitempty"`
	Unwanted int `json:"unwanted,omitempty"`
	// Expired are older than the status stream keeps events, and no dead letter has
	// them. Unreadable ones were not written by us, or by a newer version.
	Expired    int `json:"expired,omitempty"`
	Unreadable int `json:"unreadable,omitempty"`
}

// ReplayRow counts the webhooks of one event type to one endpoint.
type ReplayRow struct {
	Merchant string `json:"merchant"`
	Endpoint string `json:"endpoint"`
	Type     string `json:"type"`
	ReplayCounts
}

// ReplayResult is how a replay stands.
type ReplayResult struct {
	Name string `json:"name"`
	// Run counts how often it was begun.
	Run       int       `json:"run"`
	Selection Selection `json:"selection"`
	DryRun    bool      `json:"dry_run,omitempty"`
	// Resumed: it went on behind an interruption.
	Resumed  bool `json:"resumed,omitempty"`
	Finished bool `json:"finished"`
	// Position is the status sequence up to which all is done, of From to To.
	From     uint64 `json:"from"`
	Position uint64 `json:"position"`
	To       uint64 `json:"to"`
	// KeptFrom and KeptSince are the oldest event that the status stream keeps; what
	// came before can only be had from dead letters. Zero: it keeps none.
	KeptFrom  uint64    `json:"kept_from,omitempty"`
	KeptSince time.Time `json:"kept_since,omitzero"`
	// Counts are of the whole run, Rows of what was done since it was resumed, by
	// merchant, endpoint and type.
	Counts ReplayCounts `json:"counts"`
	Rows   []ReplayRow  `json:"rows,omitempty"`
	// Reading is set in progress alone, while what was missed is looked for.
	Reading *ReplayReading `json:"-"`
}

// ReplayReading is how far a stream is read.
type ReplayReading struct {
	Stream       string
	Position, To uint64
}

// ErrReplayBusy: two at once would send twice what one of them has just sent.
var ErrReplayBusy = errors.New("another process goes on with the same replay: leave it alone, or end it first")

// ReplayFinishedError refuses to do again what is done.
type ReplayFinishedError struct {
	Name string
	At   time.Time
	Sent int
}

// Error says what to do.
func (e *ReplayFinishedError) Error() string {
	return fmt.Sprintf("replay %s was finished at %s, %d webhooks were sent; --again sends them once more", e.Name, e.At.Format(time.RFC3339), e.Sent)
}

// Run begins a replay or resumes it, and ends when all is queued. With an error
// the result is how far it came; the same wish goes on from there. The errors are
// *FaultsError, *ReplayFinishedError, ErrReplayBusy, the context's and the broker's.
func (r *Replays) Run(ctx context.Context, w ReplayWish) (ReplayResult, error) {
	if faults := w.check(); len(faults) > 0 {
		return ReplayResult{}, &FaultsError{faults}
	}
	if w.Rate == 0 {
		w.Rate = DefaultReplayRate
	}
	is, resumed, err := r.begin(ctx, w)
	if err != nil {
		return ReplayResult{}, wrap("begin the replay", err)
	}
	run := &replayRun{Replays: r, wish: w, is: is, resumed: resumed, rows: map[rowKey]*ReplayCounts{}}
	if err = errors.Join(run.look(ctx), run.horizon(ctx)); err != nil {
		return ReplayResult{}, wrap("begin the replay", err)
	}
	if err = run.keep(ctx); err == nil { // first, so that of two that begin at once one ends
		err = run.all(ctx)
	}
	return run.result(true), wrap("replay "+is.Name, err)
}

func (w ReplayWish) check() []payment.FieldError {
	var faults []payment.FieldError
	if !w.Selection.empty() || w.Name == "" { // else what stands under the name says what is selected
		faults = w.Selection.check()
	}
	if w.Name != "" {
		if err := checkName(w.Name); err != nil {
			faults = append(faults, payment.FieldError{Field: "name", Problem: err.Error()})
		}
	}
	if w.Rate < 0 || w.Rate > 1e6 || math.IsNaN(w.Rate) {
		faults = append(faults, payment.FieldError{Field: "rate", Problem: "must be above 0 and at most 1000000 a second"})
	}
	return faults
}

// begin finds the replay where it was left, or what it is when it is begun now.
func (r *Replays) begin(ctx context.Context, w ReplayWish) (is replayRecord, resumed bool, err error) {
	name := w.Name
	if name == "" {
		name = w.Selection.Name()
	}
	known, err := r.load(ctx, name)
	switch {
	case err != nil:
		return replayRecord{}, false, err
	case w.Selection.empty() && known.Run == 0:
		return replayRecord{}, false, &FaultsError{Selection{}.check()}
	case w.Selection.empty():
		w.Selection = known.Selection
	case known.Run > 0 && !w.Selection.same(known.Selection):
		return replayRecord{}, false, otherSelection(name)
	}
	if known.Run > 0 && !w.Again {
		if !known.FinishedAt.IsZero() {
			return replayRecord{}, false, &ReplayFinishedError{Name: name, At: known.FinishedAt, Sent: known.Counts.Sent}
		}
		return known, true, nil
	}
	is = replayRecord{Name: name, Run: known.Run + 1, Selection: w.Selection, StartedAt: time.Now().UTC(), revision: known.revision}
	if is.Selection.FromSeq > 0 {
		is.Position = is.Selection.FromSeq - 1
	}
	for stream, last := range map[string]*uint64{broker.StreamStatus: &is.To, broker.StreamWebhookLog: &is.Log, broker.StreamDead: &is.Dead} {
		state, err := r.stateOf(ctx, stream)
		if err != nil {
			return replayRecord{}, false, err
		}
		*last = state.LastSeq
	}
	if to := is.Selection.ToSeq; to > 0 {
		is.To = min(is.To, to)
	}
	return is, false, nil
}
