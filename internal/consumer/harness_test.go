package consumer

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
)

const (
	acme       = "acme" // the account of every test
	hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// stage is what one test plays on: a real broker, a provider and a merchant of
// its own, and the loops' options.
type stage struct {
	testing.TB
	ctx      context.Context
	b        *broker.Broker
	provider *teller
	shop     *shop
	guard    *guard.Guard
	options  Options
	// endpoints are what the options' directory is made of.
	endpoints []notify.Endpoint
}

// newStage makes a stage without jitter, endpoints and rate limits: what a test
// wants, it sets.
func newStage(t testing.TB, b *broker.Broker) *stage {
	t.Helper()
	s := &stage{TB: t, ctx: t.Context(), b: b, provider: &teller{asked: map[string][]time.Time{}}, shop: newShop(t)}
	s.guard = newGuard(t, guard.Options{
		Name: acme, Concurrency: 16, TimeLimit: 10 * time.Second, Consecutive: 3,
		Reopen: []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 10 * time.Minute},
	})
	sender, err := webhook.New(webhook.Options{DialContext: s.shop.dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	s.options = Options{
		Broker:   b,
		Accounts: []*Account{{Name: acme, Provider: s.provider, Guard: s.guard, Policy: testPolicy()}},
		Sender:   sender,
		Guards: func(e notify.Endpoint) (*guard.Guard, error) {
			return newGuard(t, guard.Options{
				Name: e.ID, Concurrency: 16, TimeLimit: webhook.DefaultTimeLimit, Consecutive: 100, Reopen: []time.Duration{time.Minute},
			}), nil
		},
		Schedule: retry.Webhooks(), Workers: 8, AckWait: time.Minute, PullWait: time.Minute,
		Random: func() float64 { return 0 }, Log: zerolog.Nop(),
	}
	return s
}

func newGuard(t testing.TB, o guard.Options) *guard.Guard {
	t.Helper()
	g, err := guard.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// inBubble runs f in virtual time on a stage of its own.
func inBubble(t *testing.T, f func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) { f(newStage(t, brokertest.Start(t))) })
}

// endpoint adds an endpoint of merchant m that wants these events; none: all.
func (s *stage) endpoint(id string, events ...string) {
	s.endpoints = append(s.endpoints, notify.Endpoint{
		ID: id, Merchant: "m", URL: "http://shop.example/" + id, AllowHTTP: true, Events: events,
		Secrets: []secret.Text{secret.New(hookSecret)},
	})
}

// run starts all loops and gives what stops them, gracefully; it may be called
// again, and the test's end calls it.
func (s *stage) run() (stop func()) {
	s.Helper()
	return s.start(s.set())
}

func (s *stage) directory() *directory {
	s.Helper()
	if err := notify.CheckAll(s.endpoints); err != nil {
		s.Fatal(err)
	}
	return &directory{all: slices.Clone(s.endpoints), gone: map[endpointKey]bool{}}
}

// directory is endpoints that never change, but for those that answered 410.
type directory struct {
	all  []notify.Endpoint
	mu   sync.Mutex
	gone map[endpointKey]bool
}

func (d *directory) For(merchant string) []notify.Endpoint {
	var list []notify.Endpoint
	for _, e := range d.all {
		if e.Merchant == merchant {
			list = append(list, e.WithDefaults())
		}
	}
	return list
}

func (d *directory) Find(merchant, id string) (notify.Endpoint, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.all {
		if e.Merchant == merchant && e.ID == id {
			e.Disabled = e.Disabled || d.gone[endpointKey{merchant, id}]
			return e.WithDefaults(), true
		}
	}
	return notify.Endpoint{}, false
}

func (d *directory) Report(_ context.Context, merchant, id string, action notify.Action) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if action == notify.Disable {
		d.gone[endpointKey{merchant, id}] = true
	}
}

func (s *stage) set() *Set {
	s.Helper()
	s.options.Endpoints = s.directory()
	return New(s.options)
}

func (s *stage) start(set *Set) (stop func()) {
	pull, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		set.Run(pull, context.Background())
	}()
	stop = func() {
		end()
		<-done
	}
	s.Cleanup(stop)
	return stop
}

// next takes the next message of a durable consumer, as a loop would.
func (s *stage) next(stream, name, filter string) jetstream.Msg {
	s.Helper()
	c, err := s.b.Consumer(s.ctx, broker.ConsumerOptions{
		Stream: stream, Name: name, Filter: filter, AckWait: s.options.AckWait, MaxAckPending: mostUnacknowledged,
	})
	if err != nil {
		s.Fatal(err)
	}
	msg, err := c.Next(jetstream.FetchMaxWait(2*time.Hour), jetstream.FetchHeartbeat(time.Minute))
	if err != nil {
		s.Fatalf("no message came for %s: %v", name, err)
	}
	return msg
}

// again hands a message back and takes it anew, as after a worker's death.
func (s *stage) again(msg jetstream.Msg, take func() jetstream.Msg) jetstream.Msg {
	s.Helper()
	if err := msg.Nak(); err != nil {
		s.Fatal(err)
	}
	msg = take()
	if !redelivered(msg) {
		s.Fatal("the message was not delivered again")
	}
	return msg
}

// messages reads a stream.
func (s *stage) messages(stream string) []*jetstream.RawStreamMsg {
	s.Helper()
	is, err := s.b.JetStream().Stream(s.ctx, stream)
	if err != nil {
		s.Fatal(err)
	}
	state := is.CachedInfo().State
	var all []*jetstream.RawStreamMsg
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		if m, err := is.GetMsg(s.ctx, seq); err == nil {
			all = append(all, m)
		}
	}
	return all
}

// events reads all believed events of the status log.
func (s *stage) events() []payment.Data {
	s.Helper()
	var all []payment.Data
	for _, m := range s.messages(broker.StreamStatus) {
		if e, _, err := readEvent(m.Subject, m.Header, m.Data); err == nil {
			all = append(all, e.Data)
		}
	}
	return all
}

// dead reads the dead letters as "stage/reason".
func (s *stage) dead() []string {
	s.Helper()
	var all []string
	for _, m := range s.messages(broker.StreamDead) {
		all = append(all, m.Header.Get("Recon-Stage")+"/"+m.Header.Get("Recon-Reason"))
	}
	return all
}

// info is a consumer's state.
func (s *stage) info(stream, name string) *jetstream.ConsumerInfo {
	s.Helper()
	c, err := s.b.JetStream().Consumer(s.ctx, stream, name)
	if err != nil {
		s.Fatal(err)
	}
	return c.CachedInfo()
}

// created is a created event of a payment of 33.00 EUR, created now.
func created(payment string) map[string]any {
	return map[string]any{
		"id": "c-" + payment, "payment_id": payment, "merchant_id": "m", "provider": acme,
		"reference": map[string]string{"order": payment}, "amount": "33.00", "currency": "EUR", "created_at": time.Now().UTC().Format(time.RFC3339Nano),
	}
}

// announce publishes a created event: an object, or raw bytes.
func (s *stage) announce(body any) {
	s.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			s.Fatal(err)
		}
	}
	if _, err := s.b.JetStream().Publish(s.ctx, broker.CreatedSubject("m", "any"), raw); err != nil {
		s.Fatal(err)
	}
}

// begun makes a payment with its first event, and no timer.
func (s *stage) begun(id string) standing {
	s.Helper()
	raw, err := json.Marshal(created(id))
	if err != nil {
		s.Fatal(err)
	}
	c, err := payment.ParseCreated(raw, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	state, event := payment.Begin(c, time.Now())
	is, err := publish(s.ctx, s.b, event, standing{state: payment.State{Origin: state.Origin}})
	if err != nil {
		s.Fatal(err)
	}
	return is
}

// changed publishes the next event of a payment, by a look made now.
func (s *stage) changed(is standing, status payment.Status) standing {
	s.Helper()
	move, event := payment.Apply(is.state, saw(s.TB, status, time.Now()).look())
	if move != payment.Changed {
		s.Fatalf("%s after %s is no change", status, is.state.Last.Status)
	}
	next, err := publish(s.ctx, s.b, event, is)
	if err != nil {
		s.Fatal(err)
	}
	return next
}

// teller is a provider that says what its test tells it to.
type teller struct {
	mu     sync.Mutex
	answer func(n int, q providers.Query) (payment.Observation, error)
	asked  map[string][]time.Time
}

func (p *teller) Profile() providers.Profile { return providers.Profile{Name: "teller"} }

func (p *teller) CheckReference(ref payment.Reference) error {
	if ref["order"] == "" {
		return &payment.FieldError{Field: "reference.order", Problem: "is missing"}
	}
	return nil
}

func (p *teller) Poll(_ context.Context, q providers.Query) (payment.Observation, error) {
	order := q.Reference["order"]
	p.mu.Lock()
	p.asked[order] = append(p.asked[order], time.Now())
	n, answer := len(p.asked[order]), p.answer
	p.mu.Unlock()
	return answer(n, q)
}

// times gives when a payment was asked about.
func (p *teller) times(order string) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.asked[order]...)
}

// does sets what the provider answers from now on. The function gets how many
// times this payment was asked about, and the question.
func (p *teller) does(answer func(n int, q providers.Query) (payment.Observation, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// tells makes the provider say these statuses one after the other, the last one
// again and again.
func (p *teller) tells(t testing.TB, statuses ...payment.Status) {
	p.does(func(n int, _ providers.Query) (payment.Observation, error) {
		return saw(t, statuses[min(n, len(statuses))-1], noon).observation, nil
	})
}

func seqOf(m *jetstream.RawStreamMsg) string { return strconv.FormatUint(m.Sequence, 10) }

// locked makes a seeded source that several loops may use.
func locked(seed uint64) func() float64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, seed))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}
