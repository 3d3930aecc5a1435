package consumer

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/retry"
)

// Names of the durable consumers. They are part of what operators see, and of
// what other workers of the same fleet share.
const (
	intakeName     = "intake"
	dispatcherName = "dispatcher"
	delivererName  = "deliverer"
	pollerPrefix   = "poller-"
)

// Options is everything the four loops need. All fields without "0:" are required.
type Options struct {
	Broker   *broker.Broker
	Accounts []*Account
	// Endpoints are the merchants' webhooks; Sender posts to them; Guards makes the
	// guard of one.
	Endpoints Endpoints
	Sender    *webhook.Sender
	Guards    func(notify.Endpoint) (*guard.Guard, error)
	// Schedule is the delays before the attempts of a webhook.
	Schedule retry.Schedule
	// Workers bounds the messages in hand of intake and dispatcher, each; the
	// deliverer has 16 times as many, the pollers what their guards allow.
	Workers int
	// AckWait is when a message that nobody acknowledged is given to another
	// worker. It must exceed the longest handler: a provider's or endpoint's time
	// limit and a few seconds for the broker.
	AckWait time.Duration
	// PullWait is how long one pull waits for messages.
	PullWait time.Duration
	// Callbacks says that callbacks are taken: intake records what providers call
	// each payment. 0: it does not.
	Callbacks bool
	// Random gives numbers in [0,1) and is safe for concurrent use.
	Random func() float64
	Log    zerolog.Logger
}

// Set is the four loops, ready to run.
type Set struct {
	runs    []func(pull, work context.Context)
	states  []func() LoopState
	parties *parties
	// consumers are those of the loops, for the watch over them.
	consumers []broker.ConsumerOptions
	broker    *broker.Broker
	random    func() float64
	log       zerolog.Logger
}

// New wires the loops. It starts nothing.
func New(o Options) *Set {
	s := &Set{parties: newParties(o.Guards, o.Sender), broker: o.Broker, random: o.Random, log: o.Log}
	accounts := map[string]*Account{}
	for _, a := range o.Accounts {
		accounts[a.Name] = a
	}
	in := &intake{broker: o.Broker, accounts: accounts, references: o.Callbacks, random: o.Random, log: o.Log}
	s.add(o, intakeSpec(), o.Workers, in.handle)
	dis := &dispatcher{broker: o.Broker, endpoints: o.Endpoints, log: o.Log}
	s.add(o, dispatcherSpec(), o.Workers, dis.handle)
	del := &deliverer{
		broker: o.Broker, endpoints: o.Endpoints, parties: s.parties, sender: o.Sender, schedule: o.Schedule,
		random: o.Random, order: &order{broker: o.Broker}, waiting: o.Workers,
		ackWait: o.AckWait, log: o.Log,
	}
	s.add(o, delivererSpec(), o.Workers*hanging, del.handle)
	for _, a := range o.Accounts {
		s.addPoller(o, a)
	}
	return s
}

// hanging is how many times as many webhooks as other messages may be in hand.
// They take as long as merchants' servers do, so a few slow endpoints would hold
// all places, and everybody else would wait for them.
const hanging = 16

// consumerSpec names a durable consumer. done is the stream that tells what was
// handled before, where the consumer's own stream keeps its messages.
type consumerSpec struct{ stream, name, filter, done string }

// intakeSpec: a payment that was begun is in the status stream.
func intakeSpec() consumerSpec {
	return consumerSpec{broker.StreamPayments, intakeName, broker.FilterCreated, broker.StreamStatus}
}

// dispatcherSpec: a webhook that was delivered is in the webhook log. That forgets
// before the status stream does.
func dispatcherSpec() consumerSpec {
	return consumerSpec{broker.StreamStatus, dispatcherName, broker.FilterStatus, broker.StreamWebhookLog}
}

func delivererSpec() consumerSpec {
	return consumerSpec{stream: broker.StreamWork, name: delivererName, filter: broker.WebhookDueFilter()}
}

func pollerSpec(account string) consumerSpec {
	return consumerSpec{stream: broker.StreamWork, name: pollerPrefix + broker.Token(account), filter: broker.PollDueFilter(account)}
}

// Durables are the consumers that the workers of such accounts have, as they may be
// asked for: how long a message may be worked on is the workers' own.
func Durables(accounts []string) []broker.ConsumerOptions {
	specs := []consumerSpec{intakeSpec(), dispatcherSpec(), delivererSpec()}
	for _, name := range accounts {
		specs = append(specs, pollerSpec(name))
	}
	var all []broker.ConsumerOptions
	for _, spec := range specs {
		all = append(all, broker.ConsumerOptions{Stream: spec.stream, Name: spec.name, Filter: spec.filter, Done: spec.done})
	}
	return all
}

func (spec consumerSpec) options(o Options) broker.ConsumerOptions {
	return broker.ConsumerOptions{
		Stream: spec.stream, Name: spec.name, Filter: spec.filter, Done: spec.done,
		AckWait: o.AckWait, MaxAckPending: mostUnacknowledged,
	}
}

func (s *Set) add(o Options, spec consumerSpec, places int, handle func(context.Context, jetstream.Msg, slot) error) {
	l := &loop[slot]{
		name: spec.name, consumer: lookup(o, spec), gate: newSlots(places), handle: handle,
		batch: o.Workers, wait: o.PullWait, ackWait: o.AckWait, log: o.Log,
	}
	s.runs, s.states = append(s.runs, l.run), append(s.states, l.state)
	s.consumers = append(s.consumers, spec.options(o))
}

func (s *Set) addPoller(o Options, a *Account) {
	p := &poller{broker: o.Broker, account: a, ackWait: o.AckWait, random: o.Random, log: o.Log}
	spec := pollerSpec(a.Name)
	l := &loop[ticket]{
		name: spec.name, consumer: lookup(o, spec), gate: tap{a.Guard}, handle: p.handle,
		// What failed may have been asked about already, so it rests for the floor.
		batch: o.Workers, wait: o.PullWait, rest: a.Policy.Floor, ackWait: o.AckWait, log: o.Log,
	}
	s.runs, s.states = append(s.runs, l.run), append(s.states, l.state)
	s.consumers = append(s.consumers, spec.options(o))
}

// mostUnacknowledged is far above what all workers of a fleet have in hand. What
// was handed back and rests counts too, and at this number the broker would stop
// delivering anything: poison must not reach it.
const mostUnacknowledged = 100_000

// lookup binds the durable consumer.
func lookup(o Options, spec consumerSpec) func(context.Context) (jetstream.Consumer, error) {
	return func(ctx context.Context) (jetstream.Consumer, error) {
		return o.Broker.Consumer(ctx, spec.options(o))
	}
}

// Run runs the loops until pull ends and the messages in hand are done. Ending
// work cuts those short: they are handed back.
func (s *Set) Run(pull, work context.Context) {
	var loops sync.WaitGroup
	for _, run := range s.runs {
		loops.Add(1)
		go func() {
			defer loops.Done()
			run(pull, work)
		}()
	}
	loops.Wait()
	s.parties.close()
}
