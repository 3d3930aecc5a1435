package health_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/guard"
	"reconciler/internal/health"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/simulation/wire"
	"reconciler/internal/worker"
)

// undecided is a provider that takes its time and never decides.
type undecided struct{}

func (undecided) Profile() providers.Profile {
	return providers.Profile{Name: "acme", Floor: time.Millisecond, MappingVersion: "acme/1"}
}
func (undecided) CheckReference(payment.Reference) error { return nil }
func (undecided) Poll(context.Context, providers.Query) (payment.Observation, error) {
	time.Sleep(800 * time.Millisecond)
	return payment.Observation{Status: payment.Processing, ProviderStatus: "processing"}, nil
}

// patient is a worker over a link to a broker, asked how it does; all in a bubble.
type patient struct {
	*testing.T
	server  *broker.Embedded
	b       *broker.Broker // over a connection of its own
	link    *wire.NATSLink
	handler http.Handler
}

func admit(t *testing.T, options ...brokertest.Option) *patient {
	t.Helper()
	e, b := brokertest.StartServer(t, options...)
	p := &patient{T: t, server: e, b: b, link: wire.NewNATS(wire.NATSOptions{Server: e})}
	ctx := brokertest.Context(t)
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: "nats://127.0.0.1:4222", Dialer: p.link, Name: "patient"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	every := []retry.Step{{Until: 6 * time.Hour, Every: 2 * time.Second}}
	w, err := worker.New(ctx, worker.Options{
		Conn: conn, Random: func() float64 { return 0.5 }, Log: zerolog.Nop(),
		Accounts: []worker.Account{{
			Name: "acme", Provider: undecided{}, Guard: guard.Options{Concurrency: 32, TimeLimit: time.Second, Reopen: []time.Duration{time.Second}},
			Cadence: &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	p.handler = health.New(func() health.State {
		is := w.Snapshot()
		return health.State{Connected: is.Connected, Watch: is.Health, Loops: is.Loops}
	})
	return p
}

type told struct {
	Status       string
	Reasons      []health.Reason
	LeftForNewer uint64 `json:"left_for_newer"`
}

func (p *patient) ask(path string) told {
	p.Helper()
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, httptest.NewRequestWithContext(p.Context(), http.MethodGet, path, nil))
	var got told
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		p.Fatal(err)
	}
	if want := len(got.Reasons) == 0; want != (w.Code == http.StatusOK) {
		p.Errorf("%d with %d reasons", w.Code, len(got.Reasons))
	}
	return got
}

// readyWithin waits until the worker is ready, and fails where that takes longer.
func (p *patient) readyWithin(limit time.Duration) {
	p.Helper()
	for end := time.Now().Add(limit); len(p.ask("/readyz").Reasons) > 0; time.Sleep(time.Second) {
		if time.Now().After(end) {
			p.Fatalf("not ready within %v: %+v", limit, p.ask("/readyz").Reasons)
		}
	}
}

func (p *patient) wantAlive() {
	p.Helper()
	if got := p.ask("/livez"); got.Status != "alive" {
		p.Errorf("livez: %+v", got)
	}
}

// wantFull fails the test unless the streams that lack room are among those named, and
// nothing else is wrong.
func (p *patient) wantFull(stream string) {
	p.Helper()
	named := false
	got := p.ask("/readyz").Reasons
	for _, r := range got {
		if r.Code != "stream_unwritable" || r.Cause != "no_room" {
			p.Errorf("with a full store: %+v", r)
		}
		named = named || r.Stream == stream
	}
	if !named {
		p.Errorf("%s is not named: %+v", stream, got)
	}
}

func (p *patient) announce(n int) {
	p.Helper()
	for i := range n {
		body := fmt.Sprintf(`{"id":"e-%d","payment_id":"p-%d","merchant_id":"m","provider":"acme","reference":{"order":"%d"},"amount":"33.00","currency":"EUR","created_at":%q}`,
			i, i, i, time.Now().UTC().Format(time.RFC3339Nano))
		if _, err := p.b.JetStream().Publish(brokertest.Context(p.T), broker.CreatedSubject("m", "p"), []byte(body)); err != nil {
			p.Fatal(err)
		}
	}
}

func TestReadyz_NamesTheStreamWithoutRoom_AndIsWellAgainOnceThereIsRoom(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		p := admit(t, brokertest.WithMaxStore(4<<20))
		if got := p.ask("/readyz"); len(got.Reasons) != 1 || got.Reasons[0].Code != "starting" {
			t.Errorf("at its start: %+v", got)
		}
		p.readyWithin(10 * time.Second)
		p.announce(4)
		time.Sleep(5 * time.Second)
		filler := brokertest.NewFiller(t, p.b)
		for range 20 { // what polls take out of the store makes room again
			filler.Fill(t)
			time.Sleep(time.Second)
		}
		p.wantFull(broker.StreamWork)
		p.wantAlive()
		time.Sleep(3 * time.Minute) // no timer may fire any more, but there are heartbeats
		p.wantFull("KV_" + broker.BucketBreakers)
		p.wantAlive()
		filler.Empty(t)
		p.readyWithin(6 * time.Minute)
	})
}

func TestReadyz_KnowsAtOnceThatTheBrokerIsGone_AndSoonThatItIsBack(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		p := admit(t)
		p.announce(3)
		p.readyWithin(10 * time.Second)
		p.link.Clear()
		time.Sleep(time.Second)
		for range 30 {
			if got := p.ask("/readyz"); len(got.Reasons) != 1 || got.Reasons[0].Code != "broker_unreachable" {
				t.Errorf("without a broker: %+v", got)
			}
			p.wantAlive() // a new process would not reach it either
			time.Sleep(time.Minute)
		}
		p.link.SetServer(p.server)
		p.readyWithin(40 * time.Second)
		p.wantAlive()
	})
}

func TestReadyz_NamesTheConsumerThatIsGone_UntilItIsMadeAgain(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		p := admit(t)
		p.readyWithin(10 * time.Second)
		ctx := brokertest.Context(t)
		// In its place is somebody else's, so that its loop can't make it again.
		if err := p.b.JetStream().DeleteConsumer(ctx, broker.StreamStatus, "dispatcher"); err != nil {
			t.Fatal(err)
		}
		if _, err := p.b.JetStream().CreateConsumer(ctx, broker.StreamStatus, jetstream.ConsumerConfig{
			Durable: "dispatcher", AckPolicy: jetstream.AckAllPolicy, FilterSubject: broker.FilterStatus,
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(51 * time.Second) // a look
		got := p.ask("/readyz")
		if len(got.Reasons) != 1 || !strings.HasPrefix(got.Reasons[0].Code, "consumer_") || got.Reasons[0].Stream != broker.StreamStatus || got.Reasons[0].Consumer != "dispatcher" {
			t.Errorf("without its consumer: %+v", got)
		}
		p.wantAlive()
		p.readyWithin(3 * time.Minute)
	})
}

func TestReadyz_NamesTheStreamThatIsGone_UntilItIsMadeAgain(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		p := admit(t)
		p.readyWithin(10 * time.Second)
		if err := p.b.JetStream().DeleteStream(brokertest.Context(t), broker.StreamDead); err != nil {
			t.Fatal(err)
		}
		time.Sleep(51 * time.Second)
		if got := p.ask("/readyz"); len(got.Reasons) != 1 || got.Reasons[0].Code != "stream_missing" || got.Reasons[0].Stream != broker.StreamDead {
			t.Errorf("without a stream: %+v", got)
		}
		p.readyWithin(3 * time.Minute)
	})
}

// What a newer version wrote is left for it, and counted each time it comes.
func TestReadyz_CountsWhatIsLeftForANewerVersion(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		p := admit(t)
		p.readyWithin(10 * time.Second)
		body := `{"schema":2,"of":"a later version"}`
		if err := p.b.PublishDue(brokertest.Context(t), broker.Due{Subject: broker.PollDue("acme", "m", "p"), Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		first := p.ask("/readyz")
		if first.LeftForNewer != 1 || first.Status != "ready" {
			t.Errorf("a body of schema version 2: %+v", first)
		}
		time.Sleep(time.Minute)
		if again := p.ask("/readyz"); again.LeftForNewer <= 1 || again.Status != "ready" {
			t.Errorf("a minute later: %+v, want it to come back", again)
		}
	})
}
