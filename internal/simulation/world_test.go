package simulation

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/history/peers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/simulation/wire"
)

// world is everything there is: a broker, simulated providers and merchants, a
// backend that announces payments and one that follows their changes, and the
// processes of the worker. Its driver, one goroutine, does one step of the plan
// after the other.
type world struct {
	*testing.T
	seed   uint64
	random *rand.Rand
	began  time.Time
	end    time.Time // of the faults
	tally  *tally

	net     *sandboxtest.Network
	sandbox *sandbox.Sandbox
	// accounts are the providers of this world, hooks its endpoints.
	accounts []sandbox.Account
	hooks    []hook
	settings settings

	dir    string
	server *broker.Embedded // nil while the broker is away
	// clean is a link without faults, for everybody but the workers.
	clean *wire.NATSLink
	conn  *nats.Conn
	// broker is what the driver and the judge work with.
	broker *broker.Broker
	filler brokertest.Filler

	// over says that no process may begin any more.
	over      atomic.Bool
	processes []*process
	// most is how many processes were in the fleet at a time: one that was killed
	// counts until the others notice.
	most int
	// disturbing are the kinds of disturbances that go on, for processes to come.
	disturbing map[string]float64
	steps      steps
	windows    []window
	announced  []peers.Payment
	inputs     *inputs
	ops        *operations
	view       *view
	notes      *notes
	journals   []*journal
}

// settings are how a world differs from that of an ordinary operator. Zero values
// mean what such a one has.
type settings struct {
	seed   uint64
	lasts  time.Duration
	faults sandbox.Faults
	hooks  []hook
	// provider is the only one; empty: two by the seed.
	provider string
	cadence  *retry.Cadence
	// callLimit is the time limit of calls; ackWait the broker's patience.
	callLimit, ackWait time.Duration
}

// fullStore is the room of the broker's disk. Worlds take a tenth of it.
const fullStore = 64 << 20

// newWorld makes a world without workers. It lives in the bubble of its test.
func newWorld(t *testing.T, o settings) *world {
	t.Helper()
	w := &world{
		T: t, seed: o.seed, settings: o, hooks: o.hooks, random: rand.New(rand.NewPCG(o.seed, 1)), began: time.Now(), tally: newTally(),
		net: sandboxtest.NewNetwork(), dir: t.TempDir(), clean: wire.NewNATS(wire.NATSOptions{Name: "clean"}),
		inputs: newInputs(), ops: newOperations(), view: newView(), notes: &notes{}, disturbing: map[string]float64{},
	}
	w.end = w.began.Add(o.lasts)
	w.openSandbox()
	w.startBroker()
	conn, err := nats.Connect("nats://127.0.0.1:4222", nats.SetCustomDialer(w.clean), nats.Name("clean"), nats.MaxReconnects(-1), nats.PingInterval(10*time.Minute))
	w.must("connect", err)
	w.conn = conn
	t.Cleanup(func() { conn.Close(); w.clean.Kill() })
	w.broker, err = broker.New(w.soon(), broker.Options{Conn: conn, Log: zerolog.Nop()})
	w.must("set up the broker", err)
	w.must("provision", w.broker.Provision(w.soon(), broker.ProvisionOptions{LongestWatch: 80 * retry.Day, LogRetention: 90 * retry.Day}))
	w.filler = brokertest.NewFiller(t, w.broker)
	w.must("make the follower", w.makeFollower())
	return w
}

// must ends the test where the world itself is broken.
func (w *world) must(what string, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("the simulated world is broken: %s: %v", what, err)
	}
}

// soon bounds one thing that the driver does: a step that hangs is a step that failed.
func (w *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	time.AfterFunc(25*time.Second, cancel)
	return ctx
}

// share is the providers of one world: two of the four, by the seed, so that
// worlds are cheap and each pair comes up.
func (w *world) share(all []sandbox.Account) []sandbox.Account {
	for _, a := range all {
		if a.Provider == w.settings.provider {
			return []sandbox.Account{a}
		}
	}
	first := int(w.seed) % len(all)
	second := (first + 1 + int(w.seed)/len(all)%(len(all)-1)) % len(all)
	return []sandbox.Account{all[first], all[second]}
}

// level is how much goes wrong at the providers beside what the plan wants.
func level(seed uint64) sandbox.Faults {
	return []sandbox.Faults{sandbox.FaultsNone, sandbox.FaultsSome, sandbox.FaultsNone, sandbox.FaultsMany, sandbox.FaultsSome, sandbox.FaultsHostile}[seed%6]
}

func (w *world) openSandbox() {
	secrets := map[string]string{}
	for _, h := range w.hooks {
		secrets[h.name] = h.secret()
	}
	box, err := sandbox.Start(w.soon(), sandbox.Options{
		Seed: w.seed, Faults: w.settings.faults, Step: sandboxStep, Floors: floors(), Listen: w.net.Listen,
		Merchant: sandbox.MerchantOptions{Secrets: secrets},
	})
	w.must("start the sandbox", err)
	w.sandbox = box
	w.accounts = w.share(box.Accounts())
	w.Cleanup(func() { _ = box.Stop(w.soon()) })
}

// Of the simulated peers: slow answers take half a step, which the worker's time
// limit just bears, hanging ones two.
const sandboxStep = 16 * time.Second

// floors are the least times between two looks at one payment: those that the
// documents of finipay and ecommpay name, and what is promised at the two others.
func floors() map[string]time.Duration {
	return map[string]time.Duration{
		sandbox.Finipay: 10 * time.Second, sandbox.Ecommpay: 10 * time.Second,
		sandbox.Halyk: 10 * time.Second, sandbox.Uapay: 5 * time.Second,
	}
}

// startBroker starts the broker on its store.
func (w *world) startBroker() {
	e, err := broker.Embed(context.Background(), broker.EmbedOptions{DataDir: w.dir, SyncEvery: time.Hour, MaxStore: fullStore}, zerolog.Nop())
	w.must("start the broker", err)
	w.server = e
	w.Cleanup(func() { w.stopServer(e) })
	w.clean.SetServer(e)
	for _, p := range w.processes {
		p.nats.SetServer(e)
	}
}

// stopBroker takes the broker away from everybody and stops it.
func (w *world) stopBroker() {
	if w.server == nil {
		return
	}
	w.clean.Clear()
	for _, p := range w.processes {
		p.nats.Clear()
	}
	w.stopServer(w.server)
	w.server = nil
}

func (w *world) stopServer(e *broker.Embedded) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		w.Errorf("stop the broker: %v", err)
	}
}

// unheard takes a peer's word back that never arrived: who was not told to wait, or
// that an endpoint is gone, can't know.
func (w *world) unheard(address string, begin []byte) {
	told := "told to wait, unheard"
	switch {
	case bytes.Contains(begin, []byte("Retry-After:")):
	case bytes.HasPrefix(begin, []byte("HTTP/1.1 410 ")):
		told = "told that it is gone, unheard"
	default:
		return
	}
	for _, peer := range append(sandbox.Providers(), sandbox.MerchantPeer) {
		if w.sandbox.URL(peer) == "http://"+address {
			w.sandbox.Unheard(peer)
			w.tally.add(told, 1)
		}
	}
}

// note writes down what the driver did, for the report of a violation.
func (w *world) note(format string, args ...any) {
	w.notes.add(fmt.Sprintf("%s  %s", w.at(time.Now()), fmt.Sprintf(format, args...)))
}

// at is a moment as the report gives it: the day, from 0, and the time.
func (w *world) at(when time.Time) string {
	d := when.Sub(w.began)
	return fmt.Sprintf("day %02d %s", int(d/retry.Day), when.UTC().Format("15:04:05.000"))
}

// notes are lines of several goroutines.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// stream gives a stream as the driver sees it.
func (w *world) stream(name string) (jetstream.Stream, error) {
	return w.broker.JetStream().Stream(w.soon(), name)
}
