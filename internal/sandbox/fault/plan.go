package fault

import (
	"strconv"
	"sync"
	"time"

	"reconciler/internal/sandbox/dice"
)

// limits bound a level: share of asks that fail, faults in a row and in all for
// one payment, outage windows per provider, the most failing attempts of a webhook.
type limits struct {
	share      float64
	row, all   int
	outages    int
	hookShare  float64
	hookInARow int
	kinds      []Kind
}

var bounds = map[Level]limits{
	None: {},
	Some: {share: 0.08, row: 2, all: 6, outages: 1, hookShare: 0.25, hookInARow: 3, kinds: askKinds},
	Many: {share: 0.25, row: 3, all: 15, outages: 2, hookShare: 0.7, hookInARow: 3, kinds: askKinds},
	// Not three in a row: that is when a client rightly calls a person.
	Hostile: {share: 0.2, row: 2, all: 12, outages: 1, hookShare: 0.25, hookInARow: 3, kinds: hostileKinds},
}

// Plan says what goes wrong when.
type Plan struct {
	seed    uint64
	bounds  limits
	started time.Time
	step    time.Duration

	mu       sync.Mutex
	asks     map[string]*history
	hooks    map[string]int
	troubles []Trouble
	// hostile counts the answers given in troubles of kind Anything.
	hostile int
	calm    bool
}

// history is what one payment has met so far.
type history struct {
	asked, row, all int
	last            Kind
	large           bool
}

// New makes a plan. Outages are placed from started on, in steps.
func New(seed uint64, level Level, started time.Time, step time.Duration) *Plan {
	return &Plan{
		seed: seed, bounds: bounds[level], started: started, step: step,
		asks: map[string]*history{}, hooks: map[string]int{},
	}
}

// Rough reports whether anything may go wrong at all. Simulators show their
// rarer habits (sessions that die young, lagging halves) only then.
func (p *Plan) Rough() bool { return p.bounds.share > 0 }

// Calm ends the faults of the level, for good; troubles go on as they were wanted.
func (p *Plan) Calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = true
}

// Outages lists the outages of a provider that the seed places.
func (p *Plan) Outages(provider string) []Trouble {
	var windows []Trouble
	for i := range p.bounds.outages {
		// The first begins within steps 1 to 5, the second within 11 to 15: late
		// enough that asks are under way, early enough for a short run.
		at := 1 + float64(10*i) + 4*dice.Unit(p.seed, provider, "outage", strconv.Itoa(i))
		from := p.started.Add(time.Duration(at * float64(p.step)))
		kind := outageKinds[dice.Roll(2, p.seed, provider, "outage kind", strconv.Itoa(i))]
		windows = append(windows, Trouble{Provider: provider, Kind: kind, From: from, Until: from.Add(2 * p.step)})
	}
	return windows
}

// Ask says what the next ask for this payment (or for a provider's token) meets.
func (p *Plan) Ask(provider, key string) Kind {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := provider + "\x00" + key
	h := p.asks[name]
	if h == nil {
		h = &history{}
		p.asks[name] = h
	}
	h.asked++
	count := strconv.Itoa(h.asked)
	if p.calm || h.row >= p.bounds.row || h.all >= p.bounds.all || dice.Unit(p.seed, name, "ask", count) >= p.bounds.share {
		h.row, h.last = 0, OK
		return OK
	}
	kind := p.bounds.kinds[dice.Roll(len(p.bounds.kinds), p.seed, name, "kind", count)]
	// Garbage twice in a row is how a wrong host looks, and a client may rightly
	// raise an alarm about it.
	if kind == Garbage && h.last == Garbage {
		kind = Error500
	}
	if kind.tooLarge() {
		if h.large {
			kind = Page
		}
		h.large = true
	}
	h.row, h.all, h.last = h.row+1, h.all+1, kind
	return kind
}

// Hook says what the next attempt to deliver this webhook meets. The first k
// attempts of an id fail, k from 0 to 3; no later one does.
func (p *Plan) Hook(id string) Kind {
	if p.bounds.hookInARow == 0 {
		return OK
	}
	p.mu.Lock()
	p.hooks[id]++
	attempt, calm := p.hooks[id], p.calm
	p.mu.Unlock()
	if calm || attempt > p.HookFailures(id) {
		return OK
	}
	return hookKinds[dice.Roll(len(hookKinds), p.seed, id, "hook kind", strconv.Itoa(attempt))]
}

// HookFailures is how many attempts of a webhook meet a fault, slow ones included.
func (p *Plan) HookFailures(id string) int {
	if p.bounds.hookInARow == 0 || dice.Unit(p.seed, id, "hook") >= p.bounds.hookShare {
		return 0
	}
	return dice.Roll(p.bounds.hookInARow+1, p.seed, id, "hook failures")
}
