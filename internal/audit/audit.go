package audit

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/invariant"
)

const (
	// defaultMemory and defaultLimit are Options.Memory and Options.Limit.
	defaultMemory = 256 << 20
	defaultLimit  = 100
	// between is how long the two looks at consumers and replicas lie apart at least.
	between = time.Second
	// settled is how old something must be before its handlers are surely done with it.
	settled = time.Minute
)

// Sweeper arms what is overdue or missing: package consumer's.
type Sweeper interface {
	SweepOnce(context.Context) (consumer.SweepResult, error)
}

// Endpoint is where webhooks of a merchant's events go.
type Endpoint struct {
	Merchant, ID string
	// Events are the event types it wants; none: all.
	Events []string
	// Since is when it was last changed: older events are not looked for. Zero, for one
	// in the configuration: its first record in WEBHOOK_LOG counts.
	Since time.Time
}

// Options are what New needs. All fields without "0:" or "nil:" are required.
type Options struct {
	Broker *broker.Broker
	// Streams are as workers provision them.
	Streams broker.ProvisionOptions
	// Accounts are the configured ones; name and policy count.
	Accounts []*consumer.Account
	// Endpoints are all that exist, of the configuration or made at run time.
	Endpoints []Endpoint
	// Sealed are secrets that may occur in no stream.
	Sealed []string
	// Memory is how many bytes of messages are held at a time; the process takes
	// about three times as much. 0: 256 MiB.
	Memory int64
	// Limit is how many findings of a kind are listed; the rest is counted. 0: 100.
	Limit int
	// Repair arms timers through this and makes lost webhook jobs again. nil: nothing
	// is changed.
	Repair Sweeper
	// Progress, if set, is called now and then, by one goroutine.
	Progress func(Progress)
}

// Progress is how far an audit is.
type Progress struct {
	// Doing is the stream that is read, or what else is done, for people.
	Doing string
	// Pass of Passes over the streams; 0: before the first.
	Pass, Passes int
	// Done of All messages of the stream; All 0: not known.
	Done, All uint64
}

// Auditor audits.
type Auditor struct{ o Options }

// New makes an auditor. It asks nobody.
func New(o Options) *Auditor {
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	return &Auditor{o}
}

// run is one audit, in one goroutine.
type run struct {
	o        Options
	accounts map[string]*consumer.Account
	report   Report
	seed     maphash.Seed
	marks    marks
	// work is what RECON_WORK held, letters the dead letters of the intake.
	polls    map[uint64]poll
	webhooks map[uint64]struct{}
	letters  map[uint64]uint64
	// due counts due messages by the filter of their consumer; unread are bodies still to be searched.
	due    map[string]int
	unread invariant.History
	// endpoints are by merchant; since when they are owed events is filled in.
	endpoints map[string][]Endpoint
}

// Run audits everything once and, where that is asked for, repairs. The report is what
// was found, with an error too; then it is not all.
func (a *Auditor) Run(ctx context.Context) (Report, error) {
	r := &run{
		o: a.o, seed: maphash.MakeSeed(), accounts: map[string]*consumer.Account{}, polls: map[uint64]poll{},
		webhooks: map[uint64]struct{}{}, letters: map[uint64]uint64{}, due: map[string]int{}, endpoints: map[string][]Endpoint{},
		report: Report{Began: time.Now().UTC(), Counts: map[Kind]Count{}, Findings: []Finding{}},
	}
	for _, account := range a.o.Accounts {
		r.accounts[account.Name] = account
	}
	err := r.all(ctx)
	if err == nil && a.o.Repair != nil {
		err = r.repair(ctx)
	}
	r.report.Ended = time.Now().UTC()
	return r.report, err
}

func (r *run) all(ctx context.Context) error {
	first := r.looks(ctx)
	if err := r.readMarks(ctx); err != nil {
		// Without its streams nothing can be judged, but which are missing is said.
		return errors.Join(err, r.secondLooks(ctx, first))
	}
	for _, read := range []func(context.Context) error{r.readWork, r.readLetters, r.owed, r.passes, r.strays} {
		if err := read(ctx); err != nil {
			return errors.Join(err, r.secondLooks(ctx, first))
		}
	}
	return r.secondLooks(ctx, first)
}

func (r *run) tell(p Progress) {
	if r.o.Progress != nil {
		r.o.Progress(p)
	}
}

// name is a payment's identity.
type name struct{ merchant, payment string }

func (r *run) hash(of name) uint64 { return maphash.Comparable(r.seed, of) }
