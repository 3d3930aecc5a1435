package fault

import (
	"slices"
	"time"
)

// Kinds of trouble of a hook, beside Error500, Unavailable503, Throttle, Slow,
// OutageReset, OutageRefused and OutageHang.
const (
	// Redirect307: as Redirect, with HTTP 307. NotModified: HTTP 304.
	Redirect307 Kind = "redirect_307"
	NotModified Kind = "http_304"
	// Gone: HTTP 410.
	Gone Kind = "http_410"
	// Endless: HTTP 200 with a body that never ends. Huge: with one of 10 MiB.
	Endless Kind = "endless_body"
	Huge    Kind = "huge_body"
	// SlowBody: HTTP 200 at once, its body in small pieces.
	SlowBody Kind = "slow_body"
	// SlowReading: the request is read in small pieces, then accepted.
	SlowReading Kind = "slow_reading"
	// TakenBut500: the shop takes the webhook and answers HTTP 500, so that it will
	// come again.
	TakenBut500 Kind = "taken_http_500"
)

// hookTroubleKinds are all that a hook's trouble can be.
var hookTroubleKinds = []Kind{
	OutageRefused, OutageReset, OutageHang, Error500, Unavailable503, Throttle, Slow, SlowBody, SlowReading, Redirect, Redirect307,
	NotModified, Gone, Endless, Huge, Cut, TakenBut500,
}

// HookTroubleKinds lists what a Trouble of a hook can be.
func HookTroubleKinds() []Kind { return slices.Clone(hookTroubleKinds) }

// HookMeets says what a delivery to a hook meets: the trouble that the hook is in,
// else what the level has for the webhook.
func (p *Plan) HookMeets(hook, id string, now time.Time) Trouble {
	t, ok := p.latest(now, func(t Trouble) bool { return t.Hook != "" && (t.Hook == hook || t.Hook == AllHooks) })
	if ok {
		return t
	}
	return Trouble{Kind: p.Hook(id)}
}

// Connection is what happens to the merchant's connections at an instant: a trouble
// of kind OutageRefused or SlowReading, or OK.
func (p *Plan) Connection(now time.Time) Trouble {
	t, ok := p.latest(now, func(t Trouble) bool { return t.Hook == AllHooks })
	if !ok || t.Kind != OutageRefused && t.Kind != SlowReading {
		return Trouble{}
	}
	return t
}
