package worker_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// The phases of a rotation by rolling out three configurations: in the second
// and the fourth, two workers of different configurations deliver side by side.
const (
	onlyOld = iota
	oldAndBoth
	both
	bothAndNew
	onlyNew
	rotationPhases
)

const (
	rotationPace  = 50 * time.Millisecond // between two payments
	rotationPhase = 5 * time.Second
)

// rotated is a delivery as a receiver sees it.
type rotated struct {
	phase        int
	signatures   int
	byOld, byNew bool
}

// rotation is a receiver that looks at each delivery as if it knew only the old
// secret, and as if it knew only the new one.
type rotation struct {
	phase    atomic.Int32
	old, new *standardwebhooks.Webhook

	mu   sync.Mutex
	seen []rotated
}

func (r *rotation) answer(_ http.ResponseWriter, _ *http.Request, c call) int {
	d := rotated{
		phase: int(r.phase.Load()), signatures: len(strings.Fields(c.header.Get("webhook-signature"))),
		byOld: r.old.Verify(c.body, c.header) == nil, byNew: r.new.Verify(c.body, c.header) == nil,
	}
	r.mu.Lock()
	r.seen = append(r.seen, d)
	r.mu.Unlock()
	time.Sleep(100 * time.Millisecond) // longer than the pace: each step finds deliveries under way
	if c.event.Data.Version == 2 && c.nth == 1 && strings.HasSuffix(c.event.Data.PaymentID, "4") {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// brief looks often, but only for some seconds after each change.
func brief() *retry.Cadence {
	every := []retry.Step{{Until: 2 * time.Second, Every: 300 * time.Millisecond}}
	return &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every}
}

// TestWorker_ASecretRotatedUnderLoad_FailsNoVerification: the rollout may take
// its time, because each delivery of its middle is signed with both secrets. What
// fails in one phase is tried again in the next one.
func TestWorker_ASecretRotatedUnderLoad_FailsNoVerification(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		network, b, p := sandboxtest.NewNetwork(), brokertest.Start(t), newScript()
		older, newer := secretOf("older"), secretOf("newer")
		r := &rotation{old: verifierOf(t, older), new: verifierOf(t, newer)}
		h := startHook(t, network, "shop.example:80", r.answer)
		start := func(secrets ...secret.Text) *worker.Worker {
			o := tells(b, p, network, endpointAt(merchant, "shop.example:80"))
			o.Accounts[0].Cadence = brief()
			o.Endpoints[0].Secrets, o.Endpoints[0].Concurrency = secrets, 256
			return startWorker(t, o)
		}
		announced := 0
		load := func() {
			for range rotationPhase / rotationPace {
				p.plan(merchant+"/"+order(announced), says(payment.Processing), says(payment.Succeeded))
				announceFor(t, b, merchant, order(announced))
				announced++
				time.Sleep(rotationPace)
			}
		}

		first := start(older)
		load()
		r.phase.Store(oldAndBoth)
		second := start(newer, older)
		load()
		stop(t, first)
		r.phase.Store(both)
		load()
		r.phase.Store(bothAndNew)
		start(newer)
		load()
		stop(t, second)
		r.phase.Store(onlyNew)
		load()
		time.Sleep(time.Minute) // for the last retries

		r.verified(t)
		all := events(t, b)
		if n := versions(t, all); len(n) != announced {
			t.Errorf("%d payments of %d were taken", len(n), announced)
		}
		gotAll(t, h.all(), all)
		if n := len(read(t, b, broker.StreamDead)); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

func stop(t *testing.T, w *worker.Worker) {
	t.Helper()
	if err := w.Stop(brokertest.Context(t)); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// verified: who knows only the old secret verifies each delivery until the last
// configuration is out, who knows only the new one each from when the first is gone.
func (r *rotation) verified(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var count [rotationPhases]map[int]int // deliveries by phase and number of signatures
	for i := range count {
		count[i] = map[int]int{}
	}
	for _, d := range r.seen {
		count[d.phase][d.signatures]++
		if d.phase < bothAndNew && !d.byOld {
			t.Errorf("in phase %d, a delivery with %d signatures fails who knows the old secret", d.phase, d.signatures)
		}
		if d.phase > oldAndBoth && !d.byNew {
			t.Errorf("in phase %d, a delivery with %d signatures fails who knows the new secret", d.phase, d.signatures)
		}
		// The old secret is out of use once nobody has it.
		if d.phase == onlyOld && d.byNew || d.phase == onlyNew && d.byOld {
			t.Errorf("in phase %d, a delivery is signed with a secret that nobody was given", d.phase)
		}
	}
	t.Logf("deliveries by phase and signatures: %v", count)
	for phase, want := range [rotationPhases][]int{{1}, {1, 2}, {2}, {1, 2}, {1}} {
		for _, signatures := range want {
			if count[phase][signatures] < 100 {
				t.Errorf("in phase %d, %d deliveries had %d signatures: nothing is shown", phase, count[phase][signatures], signatures)
			}
		}
		if len(count[phase]) != len(want) {
			t.Errorf("in phase %d, deliveries by number of signatures: %v", phase, count[phase])
		}
	}
}
