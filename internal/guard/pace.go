package guard

import (
	"time"

	"golang.org/x/time/rate"
)

// rampSteps is how many steps the ramp takes from its first tenth to ten tenths.
const rampSteps = 9

// pace is the rate limit with its ramp. The guard's mutex protects it.
//
// A permit only reserves a token, and the call takes it. If permits took them,
// a bucket would fill up behind permits that lie unused during a long pull, and
// then twice the burst could begin at once.
type pace struct {
	rate  float64
	burst int
	ramp  time.Duration
	// sharers is how many guards share the limits; this one has an equal part.
	sharers int

	limiter  *rate.Limiter // nil: no limit
	reserved int
	from     time.Time // when the ramp began
	step     int       // rampSteps: the ramp is over
}

func newPace(o Options) *pace {
	p := &pace{rate: o.Rate, burst: o.Burst, ramp: o.Ramp, sharers: 1, step: rampSteps}
	if o.Rate > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(o.Rate), o.Burst)
	}
	return p
}

// part is what sharers and ramp leave of n, at least 1.
func (p *pace) part(n int) int { return max(1, n*(p.step+1)/(rampSteps+1)/p.sharers) }

// border is when the ramp takes its next step; zero when it is over.
func (p *pace) border() time.Time {
	if p.step == rampSteps {
		return time.Time{}
	}
	return p.from.Add(p.ramp * time.Duration(p.step+1) / rampSteps)
}

// begin starts the ramp. What is left in the bucket is cut down with the burst,
// or the bucket, full after the outage, would be let out at once.
func (p *pace) begin(now time.Time) {
	if p.ramp > 0 {
		p.from = now
		p.set(now, 0)
	}
}

// share divides the limits by another number from now on.
func (p *pace) share(now time.Time, sharers int) {
	p.advance(now)
	p.sharers = sharers
	p.set(now, p.step)
}

// resume is begin for a ramp that began elsewhere, perhaps a while ago.
func (p *pace) resume(from, now time.Time) {
	if p.ramp == 0 {
		return
	}
	p.from, p.step = from, 0
	for p.step < rampSteps && !now.Before(p.border()) {
		p.step++
	}
	p.set(now, p.step)
}

// stop ends the ramp early: half-open needs none, there is one call at a time.
// Reservations go with the permits that the breaker's change made worthless.
func (p *pace) stop(now time.Time) { p.set(now, rampSteps) }

// advance takes the steps whose time has come, each at its own instant, so that
// the bucket fills as if somebody had watched.
func (p *pace) advance(now time.Time) {
	for p.step < rampSteps && !now.Before(p.border()) {
		p.set(p.border(), p.step+1)
	}
}

func (p *pace) set(at time.Time, step int) {
	p.step = step
	if p.limiter == nil {
		return
	}
	p.limiter.SetLimitAt(at, rate.Limit(p.rate*float64(step+1)/(rampSteps+1)/float64(p.sharers)))
	p.limiter.SetBurstAt(at, p.part(p.burst))
}

// ask tells whether there is a token that nobody has reserved.
func (p *pace) ask(now time.Time) answer {
	if p.limiter == nil {
		return answer{ok: true}
	}
	missing := 1 + float64(p.reserved) - p.limiter.TokensAt(now)
	// Cut to whole nanoseconds as the limiter itself does.
	wait := time.Duration(missing / float64(p.limiter.Limit()) * float64(time.Second))
	if wait <= 0 {
		return answer{ok: true}
	}
	at := now.Add(wait)
	if p.reserved >= p.limiter.Burst() {
		// The bucket never holds that many: a reserved one must be used first, or
		// the bucket grow.
		at = p.border()
	} else if border := p.border(); !border.IsZero() && border.Before(at) {
		at = border
	}
	return answer{at: at}
}

// use takes a reserved token.
func (p *pace) use(now time.Time) {
	p.reserved--
	if p.limiter != nil {
		// Not AllowN: rounding may leave the token a billionth short.
		p.limiter.ReserveN(now, 1)
	}
}
