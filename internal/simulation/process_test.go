package simulation

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/pause"
	"reconciler/internal/providers"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/providers/ecommpay"
	"reconciler/internal/providers/finipay"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/providers/uapay"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
	"reconciler/internal/simulation/wire"
	"reconciler/internal/worker"
)

// hook is one endpoint of a simulated merchant.
type hook struct {
	merchant, id string
	// name is the sandbox's.
	name   string
	events []string
}

// hooks are all endpoints. What happens to "fragile" may disable it.
func hooks() []hook {
	return []hook{
		{merchant: "shop-a", id: "orders", name: "a-orders"},
		{merchant: "shop-a", id: "books", name: "a-books", events: []string{"payment.succeeded", "payment.refunded", "payment.partially_refunded"}},
		{merchant: "shop-b", id: "orders", name: "b-orders", events: []string{"payment.*"}},
		{merchant: "shop-b", id: "fragile", name: "b-fragile"},
	}
}

func (h hook) secret() string {
	return "whsec_" + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-32s", "key of hook "+h.name))
}

// process is one process of the worker, with links of its own to the rest of the
// world. Its life ends by stop or kill; another process takes its place.
type process struct {
	world *world
	n     int
	nats  *wire.NATSLink
	http  *wire.HTTPLink
	// providers are its adapters by account.
	providers map[string]providers.Provider
	// disturb is what its frames suffer.
	disturb *disturbance

	mu     sync.Mutex
	worker *worker.Worker // nil until it is up
	conn   *nats.Conn
	ended  bool
	// patience is how long it may take to end in order.
	patience time.Duration
	// done is closed when nothing of it runs any more.
	done chan struct{}
	// over ends with the process, by cancel.
	over   context.Context
	cancel context.CancelFunc
}

// startProcess starts a process, as a supervisor does: again and again until it
// is up or killed.
func (w *world) startProcess() *process {
	counter := wire.NewCounter()
	n := len(w.processes) + 1
	p := &process{
		world: w, n: n, done: make(chan struct{}), providers: map[string]providers.Provider{},
		nats: wire.NewNATS(wire.NATSOptions{Name: fmt.Sprintf("worker-%d", n), Counter: counter}),
		http: wire.NewHTTP(wire.HTTPOptions{Name: fmt.Sprintf("worker-%d", n), Counter: counter, Dial: w.net.Dial, Unheard: w.unheard}),
	}
	if w.server != nil {
		p.nats.SetServer(w.server)
	}
	p.over, p.cancel = context.WithCancel(context.Background())
	p.disturb = newDisturbance(w, p)
	for _, a := range w.accounts {
		p.providers[a.Provider] = p.standing(p.provider(a))
	}
	p.nats.SetPolicy(p.disturb.frame)
	p.http.SetPolicy(p.disturb.request)
	w.processes = append(w.processes, p)
	w.most = max(w.most, len(w.living())+1)
	w.note("process %d begins", n)
	go p.live(p.over)
	return p
}

// startLimit is how long a process that does not come up is waited for.
const startLimit = time.Minute

func (p *process) live(ctx context.Context) {
	defer close(p.done)
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, startLimit)
		conn, up, err := p.start(limited)
		cancel()
		if err == nil {
			p.run(ctx, conn, up)
			return
		}
		p.world.tally.add("worker did not come up", 1)
		pause.For(ctx, 5*time.Second)
	}
}

func (p *process) start(ctx context.Context) (*nats.Conn, *worker.Worker, error) {
	// Fewer pings than an operator's, since each costs time here.
	conn, err := broker.Connect(ctx, broker.ConnectOptions{
		URL: "nats://127.0.0.1:4222", Dialer: p.nats, Name: "worker", PingInterval: time.Minute,
	}, zerolog.Nop())
	if err != nil {
		return nil, nil, err
	}
	up, err := worker.New(ctx, p.options(conn))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, up, nil
}

// run lets the worker work until the process is stopped or killed.
func (p *process) run(ctx context.Context, conn *nats.Conn, up *worker.Worker) {
	p.mu.Lock()
	p.worker, p.conn = up, conn
	p.mu.Unlock()
	up.Start()
	<-ctx.Done()
	p.mu.Lock()
	patience := p.patience
	p.mu.Unlock()
	limited, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = up.Stop(limited) // cut short is an end like another
	conn.Close()
	p.nats.Kill()
	p.http.Kill()
}

const stopLimit = 20 * time.Second

// up is the worker, or nil.
func (p *process) up() *worker.Worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	return p.worker
}

// kill ends the process at this very moment: nothing more of it reaches anybody.
// What is left of its goroutines comes to its end by itself.
func (p *process) kill() {
	p.end()
	p.nats.Kill()
	p.http.Kill()
	p.cancel()
}

// stop ends it in order and waits; what is in hand may take so long.
func (p *process) stop(patience time.Duration) {
	p.mu.Lock()
	p.patience = patience
	p.mu.Unlock()
	p.end()
	p.nats.Heal()
	p.http.Heal()
	p.cancel()
	<-p.done
}

func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// living are the processes that were neither stopped nor killed.
func (w *world) living() []*process {
	var all []*process
	for _, p := range w.processes {
		p.mu.Lock()
		if !p.ended {
			all = append(all, p)
		}
		p.mu.Unlock()
	}
	return all
}

// Of every account: the limits a shop's account has, and a breaker of the
// defaults' shape.
const (
	accountRate, accountBurst, accountPlaces, accountFailures = 5, 5, 8, 5
	callLimit                                                 = 10 * time.Second
)

func (w *world) callLimit() time.Duration {
	if w.settings.callLimit > 0 {
		return w.settings.callLimit
	}
	return callLimit
}

func reopen() []time.Duration { return retry.Growth(5*time.Second, 10*time.Minute, 2) }

// options are what the configuration file of an ordinary operator makes: all
// defaults, but for pulls that stand longer, since each costs time here.
func (p *process) options(conn *nats.Conn) worker.Options {
	o := worker.Options{
		Conn: conn, Webhook: webhook.Options{DialContext: p.http.DialContext, TimeLimit: p.world.callLimit()},
		PullWait: time.Hour, Callbacks: true, Random: lockedRandom(p.world.seed, uint64(p.n)), Log: p.world.log(p.n),
		// The server's check of ages reads a clock outside the bubble, for which all
		// here is decades old: what has an age is gone at once when the oldest reaches
		// it. No stream may; buckets with a time to live are emptied once a day.
		StatusRetention: 90 * retry.Day, LogRetention: 90 * retry.Day, AckWait: p.world.settings.ackWait,
		// Each look costs time here, and there is so much of it: trouble may last longer.
		SweepEvery: 4 * time.Hour, LookEvery: 45 * time.Minute,
	}
	for _, h := range p.world.hooks {
		o.Endpoints = append(o.Endpoints, notify.Endpoint{
			ID: h.id, Merchant: h.merchant, Events: h.events, AllowHTTP: true, URL: p.world.sandbox.URL(sandbox.MerchantPeer) + "/hooks/" + h.name,
			Secrets: []secret.Text{secret.New(h.secret())},
		})
	}
	for _, a := range p.world.accounts {
		o.Accounts = append(o.Accounts, p.account(a))
	}
	return o
}

func (p *process) account(a sandbox.Account) worker.Account {
	return worker.Account{Name: a.Provider, Provider: p.providers[a.Provider], Cadence: p.world.settings.cadence, Guard: guard.Options{
		Rate: accountRate, Burst: accountBurst, Concurrency: accountPlaces, TimeLimit: p.world.callLimit(),
		Consecutive: accountFailures, Ratio: 0.5, MinRequests: 20, Window: time.Minute, Reopen: reopen(), Ramp: 5 * time.Minute,
	}}
}

func (p *process) provider(a sandbox.Account) providers.Provider {
	entry, ok := catalog.Find(a.Provider)
	if !ok {
		p.world.Fatalf("no provider %q", a.Provider)
	}
	s, settings := a.Settings, any(nil)
	switch a.Provider {
	case sandbox.Finipay:
		settings = &finipay.Config{BaseURL: s["base_url"], Login: s["login"], Password: secret.New(s["password"])}
	case sandbox.Halyk:
		settings = &halyk.Config{APIURL: s["api_url"], TokenURL: s["token_url"], ClientID: s["client_id"], ClientSecret: secret.New(s["client_secret"]), Terminal: s["terminal"]}
	case sandbox.Uapay:
		settings = &uapay.Config{BaseURL: s["base_url"], ClientID: s["client_id"], Secret: secret.New(s["secret"])}
	case sandbox.Ecommpay:
		settings = &ecommpay.Config{BaseURL: s["base_url"], ProjectID: 4711, Secret: secret.New(s["secret"])}
	}
	transport := &http.Transport{DialContext: p.http.DialContext, IdleConnTimeout: 30 * time.Second}
	p.world.Cleanup(transport.CloseIdleConnections)
	provider, err := entry.New(settings, transport)
	p.world.must("make the provider", err)
	return provider
}

// lockedRandom makes a seeded source that several loops may use.
func lockedRandom(seeds ...uint64) func() float64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seeds[0], seeds[1]))
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}
