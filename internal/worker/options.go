package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/fleet"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
)

// Options is everything a worker is made of. A zero value means the default
// that the field names; fields that name none are required.
type Options struct {
	// Conn is an open connection to a NATS server with JetStream.
	Conn *nats.Conn
	// Replicas of each stream that is created: 1 (default), 3 or 5.
	Replicas int
	// How long the streams keep messages. Defaults: 90 days, 30 days, 1 year.
	// StatusRetention must exceed the longest watch.
	StatusRetention, LogRetention, DeadRetention time.Duration

	Accounts []Account
	// Endpoints are those of the configuration. RunTime says how those are opened
	// that are made while workers run, and after how long of nothing but failures
	// any endpoint is disabled: its Keys, AllowHTTP and DisableAfter count.
	Endpoints []notify.Endpoint
	RunTime   endpoint.Options
	Webhook   webhook.Options
	// Schedule is the delays before the attempts of a webhook; default: ten
	// attempts within 75 h 35 min.
	Schedule retry.Schedule

	// ExpiryGrace is how long after a payment's expires_at a provider's "never
	// heard of it" counts; default 1 h. Too short, and a payment made in the last
	// second is called expired before it shows.
	ExpiryGrace time.Duration
	// FailureDelay is when to ask again at the latest after a look that was not
	// answered; default 30 s.
	FailureDelay time.Duration
	// A doubt (regression, contradiction, wrong signature) becomes a review when
	// it was the answer DoubtLooks times in a row over at least DoubtSpan;
	// defaults 3 and 10 min.
	DoubtLooks int
	DoubtSpan  time.Duration

	// Concurrency bounds the messages in hand of intake and dispatcher, each;
	// default 64. The deliverer may have 16 times as many, an account's poller what
	// its guard allows.
	Concurrency int
	// AckWait is when a message that nobody acknowledged is given to another
	// worker; default 60 s. It must exceed each time limit, of accounts and of
	// webhooks, by 5 s.
	AckWait time.Duration
	// PullWait is how long one pull waits for messages; default 5 s.
	PullWait time.Duration
	// SweepEvery is how often the fleet looks for payments and webhooks that nobody
	// would come back to, LookEvery how often this worker looks whether streams and
	// consumers are well; defaults 5 min and 45 s. Trouble lasts that long, each look
	// costs the broker some requests.
	SweepEvery, LookEvery time.Duration
	// Callbacks says that somebody takes providers' callbacks and hands them to
	// Hinter: what providers call a payment is recorded when it is announced. All
	// workers of a fleet should agree on it. Default false.
	Callbacks bool

	// Random gives numbers in [0,1) and is safe for concurrent use.
	Random func() float64
	Log    zerolog.Logger
}

// Account is one account of a provider.
type Account struct {
	// Name is what created events call "provider".
	Name     string
	Provider providers.Provider
	// Cadence says when to look; default retry.Default().
	Cadence *retry.Cadence
	// Floor is the least time between two looks at one payment; default the
	// provider's own. Below that, the provider refuses.
	Floor time.Duration
	// Guard protects the account. Its name and randomness are set by the worker.
	Guard guard.Options
}

func (o Options) withDefaults() Options {
	o.Schedule = orElse(len(o.Schedule) > 0, o.Schedule, retry.Webhooks())
	o.StatusRetention = orElse(o.StatusRetention > 0, o.StatusRetention, 90*retry.Day)
	o.LogRetention = orElse(o.LogRetention > 0, o.LogRetention, 30*retry.Day)
	o.DeadRetention = orElse(o.DeadRetention > 0, o.DeadRetention, 365*retry.Day)
	o.Replicas = orElse(o.Replicas > 0, o.Replicas, 1)
	o.ExpiryGrace = orElse(o.ExpiryGrace > 0, o.ExpiryGrace, time.Hour)
	o.FailureDelay = orElse(o.FailureDelay > 0, o.FailureDelay, 30*time.Second)
	o.DoubtLooks = orElse(o.DoubtLooks > 0, o.DoubtLooks, 3)
	o.DoubtSpan = orElse(o.DoubtSpan > 0, o.DoubtSpan, 10*time.Minute)
	o.Concurrency = orElse(o.Concurrency > 0, o.Concurrency, 64)
	o.AckWait = orElse(o.AckWait > 0, o.AckWait, time.Minute)
	o.PullWait = orElse(o.PullWait > 0, o.PullWait, 5*time.Second)
	return o
}

func orElse[T any](given bool, value, fallback T) T {
	if given {
		return value
	}
	return fallback
}

// handOver is what remains of the ack wait, after the longest call, to write down
// what came of it: else the message is given to another worker meanwhile.
const handOver = 5 * time.Second

// check names every option that can't work, all at once.
func (o Options) check() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(o.Conn == nil, "conn is missing")
	fault(o.Random == nil, "random is missing: without it nothing can be jittered")
	fault(len(o.Accounts) == 0, "accounts are missing: nothing could be polled")
	names := map[string]bool{}
	for _, a := range o.Accounts {
		fault(a.Name == "" || names[a.Name], "account name %q is empty or used twice", a.Name)
		fault(a.Provider == nil, "account %q has no provider", a.Name)
		fault(a.Guard.TimeLimit+handOver > o.AckWait, "ack_wait %s does not exceed the time limit of account %q by %s", o.AckWait, a.Name, handOver)
		names[a.Name] = true
	}
	fault(o.webhookLimit()+handOver > o.AckWait, "ack_wait %s does not exceed the time limit of webhooks by %s", o.AckWait, handOver)
	fault(o.StatusRetention <= o.longestWatch(), "status_retention %s does not exceed the longest watch, %s", o.StatusRetention, o.longestWatch())
	for _, f := range o.Schedule.Check() {
		fault(true, "webhook schedule: %s", f)
	}
	if len(faults) > 0 {
		return fmt.Errorf("the worker's options: %w", errors.Join(faults...))
	}
	return nil
}

// longestWatch is how long a payment's state is needed at most: an undecided
// one that is given up late, and was watched to the end after that.
func (o Options) longestWatch() time.Duration {
	var longest time.Duration
	for _, a := range o.Accounts {
		c := a.cadence()
		undecided := max(c.Watch(retry.Open), c.Watch(retry.Held))
		decided := max(c.Watch(retry.Settled), c.Watch(retry.Closed), c.Watch(retry.Parked))
		longest = max(longest, undecided+decided)
	}
	return longest
}

func (a Account) cadence() retry.Cadence {
	if a.Cadence != nil {
		return *a.Cadence
	}
	return retry.Default()
}

// accounts makes the consumer's accounts, each with a guard of its own that takes
// part in the fleet.
func (o Options) accounts(others *fleet.Fleet) ([]*consumer.Account, error) {
	var all []*consumer.Account
	for _, a := range o.Accounts {
		protection := a.Guard
		protection.Name = a.Name
		protection.Jitter = o.Random
		protection.OnChange = func(c guard.Change) {
			others.Changed()
			tell(o.Log, c)
		}
		protection.OnProlonged = others.Changed
		g, err := guard.New(protection)
		if err != nil {
			return nil, fmt.Errorf("protect account %q: %w", a.Name, err)
		}
		others.Add(a.Name, g, protection.TimeLimit)
		profile := a.Provider.Profile()
		all = append(all, &consumer.Account{
			Name: a.Name, Provider: a.Provider, Guard: g, Fleet: others,
			Policy: consumer.Policy{
				Cadence: a.cadence(), Jitter: retry.LookJitter(),
				Floor:   orElse(a.Floor > 0, a.Floor, profile.Floor),
				Absence: profile.Absence, ExpiryGrace: o.ExpiryGrace, FailureDelay: o.FailureDelay,
				DoubtLooks: o.DoubtLooks, DoubtSpan: o.DoubtSpan,
			},
		})
	}
	return all, nil
}

// tell logs what became of a tap: an opening is what an operator is called for.
func tell(log zerolog.Logger, c guard.Change) {
	line := log.Info()
	if c.To == guard.StateOpen || c.To == guard.StateThrottled {
		line = log.Warn().Time("reopens_at", c.ReopensAt)
	}
	if c.Reason != "" {
		line = line.Str("reason", c.Reason)
	}
	line.Str("event", "tap.changed").Str("provider", c.Name).Str("from", c.From.String()).Str("to", c.To.String()).
		Msg("the tap of a provider account changed")
}

// Protection of an endpoint where the endpoint itself sets nothing.
const (
	endpointConcurrency = 16
	endpointConsecutive = 10
)

func (o Options) webhookLimit() time.Duration {
	return orElse(o.Webhook.TimeLimit > 0, o.Webhook.TimeLimit, webhook.DefaultTimeLimit)
}

// directory is all endpoints as they are now. Each configured one must be such that
// it can be protected.
func (o Options) directory(ctx context.Context, b *broker.Broker) (*endpoint.Live, error) {
	for _, e := range o.Endpoints {
		if _, err := o.endpointGuard(e); err != nil {
			return nil, fmt.Errorf("protect endpoint %s: %w", e.ID, err)
		}
	}
	live := o.RunTime
	live.Broker, live.Configured, live.Log = b, o.Endpoints, o.Log
	endpoints, err := endpoint.New(ctx, live)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints: %w", err)
	}
	return endpoints, nil
}

// endpointGuard protects one merchant's endpoint, and everybody else from it.
func (o Options) endpointGuard(e notify.Endpoint) (*guard.Guard, error) {
	return guard.New(guard.Options{
		Name: e.ID, Jitter: o.Random, Rate: e.Rate, Burst: max(1, int(e.Rate)), Concurrency: orElse(e.Concurrency > 0, e.Concurrency, endpointConcurrency),
		TimeLimit: o.webhookLimit(), Consecutive: endpointConsecutive,
		Reopen: retry.Growth(5*time.Second, 10*time.Minute, 2),
	})
}
