package simulation

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/simulation/wire"
)

// disturbance is what befalls single messages of one process: which, and how
// often. Other faults lie on the whole link.
type disturbance struct {
	world *world
	n     int

	mu     sync.Mutex
	random *rand.Rand
	// active are the kinds that go on, each with the chance of a message.
	active map[string]float64
	// inFlight are the appends, by call, that are answered as a cluster does while
	// somebody else's is under way.
	inFlight map[int]bool
}

func newDisturbance(w *world, p *process) *disturbance {
	d := &disturbance{world: w, n: p.n, random: rand.New(rand.NewPCG(w.seed, 1000+uint64(p.n))), active: map[string]float64{}, inFlight: map[int]bool{}}
	for kind, chance := range w.disturbing {
		d.set(kind, chance)
	}
	return d
}

// set makes a kind befall messages with this chance; 0 ends it.
func (d *disturbance) set(kind string, chance float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.active, kind)
	if chance > 0 {
		d.active[kind] = chance
	}
}

// hits draws whether a kind befalls a message.
func (d *disturbance) hits(kind string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	chance, on := d.active[kind]
	if !on || d.random.Float64() >= chance {
		return false
	}
	d.world.tally.add("hit "+kind, 1)
	return true
}

// Kinds of disturbances of messages, as the plan calls them.
const (
	publishLost    = "publish lost"
	answerLost     = "answer of a publish lost"
	answerLate     = "answer of a publish late"
	appendLate     = "append late"
	ackLost        = "acknowledgement lost"
	ackLate        = "acknowledgement late"
	outcomeUnknown = "answer 10164"
	requestLost    = "http request lost"
	answerCut      = "http answer cut"
)

// How late is late: later than a publish is waited for, so that it is tried again
// and something else is written meanwhile; later than the ack wait.
const (
	lateAnswer = 8 * time.Second
	lateAppend = 20 * time.Second
	lateAck    = 75 * time.Second
)

// written are the classes that a worker's own state rests on.
func written(c wire.Class) bool {
	return slices.Contains([]wire.Class{
		wire.StatusAppend, wire.TimerPublish, wire.DuePublish, wire.DeadLetter, wire.WebhookRecord, wire.KVWrite, wire.ReferencePublish,
	}, c)
}

// frame is the policy of the process's link to the broker. It also takes down the
// operations on the status log.
func (d *disturbance) frame(f *wire.Frame) wire.Verdict {
	if f.Direction == wire.Down {
		v := d.answer(f)
		if v.Replace == nil { // what came of a refused append is nobody's operation
			d.world.ops.frame(d.n, f)
		}
		return v
	}
	d.world.ops.frame(d.n, f)
	switch {
	case f.Class == wire.Ack:
		return d.ack()
	case !written(f.Class) || f.Call == 0:
		return wire.Verdict{}
	case d.hits(publishLost):
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	case d.hits(answerLost):
		return wire.Verdict{Answer: wire.Fate{Lose: true}}
	case d.hits(answerLate):
		return wire.Verdict{Answer: wire.Fate{Delay: lateAnswer}}
	case f.Class == wire.StatusAppend && d.hits(appendLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateAppend}}
	case f.Class == wire.StatusAppend && d.hits(outcomeUnknown):
		return d.refuse(f)
	}
	return wire.Verdict{}
}

// refuse lets an append come to nothing that will be answered with 10164: in a
// cluster, somebody else's write is under way, and nobody knows how it ends.
func (d *disturbance) refuse(f *wire.Frame) wire.Verdict {
	d.mu.Lock()
	d.inFlight[f.Call] = true
	d.mu.Unlock()
	m := f.Message()
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "18446744073709551615")
	return wire.Verdict{Replace: m}
}

func (d *disturbance) ack() wire.Verdict {
	switch {
	case d.hits(ackLost):
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	case d.hits(ackLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateAck}}
	}
	return wire.Verdict{}
}

// answer gives refused appends the answer that they are refused for.
func (d *disturbance) answer(f *wire.Frame) wire.Verdict {
	if f.Class != wire.Answer || f.Request == nil || f.Request.Class != wire.StatusAppend {
		return wire.Verdict{}
	}
	d.mu.Lock()
	refused := d.inFlight[f.Request.Call]
	delete(d.inFlight, f.Request.Call)
	d.mu.Unlock()
	if !refused {
		return wire.Verdict{}
	}
	m := f.Message()
	m.Payload = []byte(`{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"PAYMENT_STATUS","seq":0}`)
	return wire.Verdict{Replace: m}
}

// request is the policy of the process's link to providers and merchants.
func (d *disturbance) request(r *wire.HTTPRequest) wire.Verdict {
	d.world.tally.add("http requests", 1)
	switch {
	case d.hits(requestLost):
		return wire.Verdict{Cut: wire.Before}
	case d.hits(answerCut):
		return wire.Verdict{Cut: wire.Answering}
	}
	return wire.Verdict{}
}
