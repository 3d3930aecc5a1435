package simulation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/simulation/wire"
)

// disturbance is what befalls single messages of one process: which, and how
// often. Other faults lie on the whole link.
type disturbance struct {
	world   *world
	process *process
	n       int

	mu     sync.Mutex
	random *rand.Rand
	// active are the kinds that go on, each with the chance of a message.
	active map[string]float64
	// refused are the publishes, by call, that come to nothing, with what they are
	// answered.
	refused map[int]string
	// delayed are the subjects of overdue timers of which one was held back.
	delayed map[string]bool
}

func newDisturbance(w *world, p *process) *disturbance {
	d := &disturbance{
		world: w, process: p, n: p.n, random: rand.New(rand.NewPCG(w.seed, 1000+uint64(p.n))),
		active: map[string]float64{}, refused: map[int]string{}, delayed: map[string]bool{},
	}
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
	// Those that are aimed: at one step, or at one moment of it.
	letterUnknown  = "dead letter answered 10164"
	noRoom         = "worker stopped without room"
	hintLate       = "hint behind a firing"
	sweepLate      = "overdue timer armed late"
	killedAtChange = "worker killed at a change"
	lookStands     = "worker frozen in a look"
	slowQuestions  = "questions to the broker slow"
)

// How late is late: later than a publish is waited for, so that it is tried again
// and something else is written meanwhile; later than the ack wait.
const (
	lateAnswer = 8 * time.Second
	lateAppend = 20 * time.Second
	lateAck    = 75 * time.Second
	// From a moment before a timer fires until a moment after the look.
	lateHint = 3 * time.Second
	// Until a moment after the look that the second attempt leads to.
	lateSweep = 7 * time.Second
	// Long enough for a timer to fire between two questions; shorter than an answer
	// is waited for.
	lateQuestion = 4 * time.Second
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
	case isQuestion(f):
		return d.question()
	case !written(f.Class) || f.Call == 0:
		return wire.Verdict{}
	}
	if v, aimed := d.aimed(f); aimed {
		return v
	}
	switch {
	case d.hits(publishLost):
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	case d.hits(answerLost):
		return wire.Verdict{Answer: wire.Fate{Lose: true}}
	case d.hits(answerLate):
		return wire.Verdict{Answer: wire.Fate{Delay: lateAnswer}}
	case f.Class == wire.StatusAppend && d.hits(appendLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateAppend}}
	case f.Class == wire.StatusAppend && d.hits(outcomeUnknown):
		return d.refuse(f, inFlight)
	}
	return wire.Verdict{}
}

// aimed is what befalls one step of what a worker does; false: nothing does.
func (d *disturbance) aimed(f *wire.Frame) (wire.Verdict, bool) {
	switch {
	case f.Class == wire.DeadLetter && d.hits(letterUnknown):
		return d.refuse(f, inFlight), true
	case f.Class != wire.KVWrite && d.hits(noRoom):
		return d.refuse(f, insufficient), true
	case isHint(f) && d.hits(hintLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateHint}}, true
	case d.isOverdue(f) && d.hits(sweepLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateSweep}}, true
	case f.Class == wire.StatusAppend && f.Header().Get("ce-version") != "1" && d.hits(killedAtChange):
		d.process.kill()
		return wire.Verdict{Fate: wire.Fate{Lose: true}}, true
	}
	return wire.Verdict{}, false
}

// isHint tells what makes a look due now because of a hint, in whatever way.
func isHint(f *wire.Frame) bool {
	if f.Header().Get("Recon-Trigger") == "" {
		return false
	}
	return f.Class == wire.DuePublish || f.Class == wire.TimerPublish && !firesLater(f)
}

// isOverdue tells the first attempt to arm an overdue poll again: nobody else arms
// one for a time that is past.
func (d *disturbance) isOverdue(f *wire.Frame) bool {
	if f.Class != wire.TimerPublish || !strings.HasPrefix(f.Subject(), "recon.timer.poll.") || f.Header().Get("Recon-Trigger") != "" || firesLater(f) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, on := d.active[sweepLate]; !on || d.delayed[f.Subject()] {
		return false
	}
	d.delayed[f.Subject()] = true
	return true
}

// firesLater reports whether a timer lies ahead.
func firesLater(f *wire.Frame) bool {
	at, err := broker.ScheduledAt(nats.Header(f.Header()))
	return err != nil || at.After(time.Now())
}

// What a broker answers to a publish that comes to nothing. 10164: in a cluster,
// somebody else's write is under way, and nobody knows how it ends. 10023: there is
// no room.
const (
	inFlight     = `{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"","seq":0}`
	insufficient = `{"error":{"code":503,"err_code":10023,"description":"insufficient resources"},"stream":"","seq":0}`
)

// refuse lets a publish come to nothing and be answered so.
func (d *disturbance) refuse(f *wire.Frame, answer string) wire.Verdict {
	d.mu.Lock()
	d.refused[f.Call] = answer
	d.mu.Unlock()
	m := f.Message()
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "18446744073709551615")
	return wire.Verdict{Replace: m}
}

// isQuestion tells what asks a stream about what it holds.
func isQuestion(f *wire.Frame) bool {
	return f.Class == wire.APIRequest && (strings.HasPrefix(f.Subject(), "$JS.API.STREAM.MSG.GET.") || strings.HasPrefix(f.Subject(), "$JS.API.STREAM.INFO."))
}

// question holds a question back, or its answer: what was asked first is old by
// the time the second is answered.
func (d *disturbance) question() wire.Verdict {
	if !d.hits(slowQuestions) {
		return wire.Verdict{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	late := wire.Fate{Delay: time.Duration(d.random.Float64() * float64(lateQuestion))}
	if d.random.IntN(2) == 0 {
		return wire.Verdict{Fate: late}
	}
	return wire.Verdict{Answer: late}
}

// ack loses acknowledgements beside slow questions too: what comes again is what
// questions are asked about.
func (d *disturbance) ack() wire.Verdict {
	switch {
	case d.hits(ackLost), d.hits(slowQuestions):
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	case d.hits(ackLate):
		return wire.Verdict{Fate: wire.Fate{Delay: lateAck}}
	}
	return wire.Verdict{}
}

// answer gives refused publishes the answer that they are refused for.
func (d *disturbance) answer(f *wire.Frame) wire.Verdict {
	if f.Class != wire.Answer || f.Request == nil || !written(f.Request.Class) {
		return wire.Verdict{}
	}
	d.mu.Lock()
	answer, refused := d.refused[f.Request.Call]
	delete(d.refused, f.Request.Call)
	d.mu.Unlock()
	if !refused {
		return wire.Verdict{}
	}
	m := f.Message()
	m.Payload = []byte(answer)
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
