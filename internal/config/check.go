package config

import (
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/retry"
)

// check finds every fault of meaning and fills in what is derived. Limits come
// first: what is out of range would only be refused again by its package.
func (c *Config) check(d *decoder) {
	c.checkRanges(d)
	c.checkNATS(d)
	oneOf(d, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(d, "log.format", c.Log.Format, "json", "console")
	base := c.Watch.Cadence.over(retry.Default())
	checkCadence(d, "watch.cadence", base)
	c.checkAccounts(d, base)
	c.checkWebhooks(d)
	c.checkCallbacks(d)
	c.checkHealth(d)
	c.checkEndpoints(d)
	c.checkAckWait(d)
	c.checkRetention(d)
}

func oneOf(d *decoder, path, found string, allowed ...string) {
	if slices.Contains(allowed, found) {
		return
	}
	wanted := allowed[0]
	if len(allowed) > 1 {
		wanted = "one of " + strings.Join(allowed, ", ")
	}
	if found == "" {
		d.at(path, "nothing", wanted)
		return
	}
	d.at(path, repeat(found), wanted)
}

func checkCadence(d *decoder, path string, c retry.Cadence) {
	for _, f := range c.Check() {
		d.at(join(path, f.Field), f.Found, f.Wanted)
	}
}

// over replaces the phases of base that c holds.
func (c Cadence) over(base retry.Cadence) retry.Cadence {
	phase := func(base []retry.Step, steps []Step) []retry.Step {
		if steps == nil {
			return base
		}
		made := make([]retry.Step, len(steps))
		for i, s := range steps {
			made[i] = retry.Step{Until: s.Until, Every: s.Every}
		}
		return made
	}
	return retry.Cadence{
		Open: phase(base.Open, c.Open), Held: phase(base.Held, c.Held), Settled: phase(base.Settled, c.Settled),
		Closed: phase(base.Closed, c.Closed), Parked: phase(base.Parked, c.Parked),
	}
}

// phases are the steps as the file holds them, by the phase's name.
func (c Cadence) phases() map[string][]Step {
	return map[string][]Step{"open": c.Open, "held": c.Held, "settled": c.Settled, "closed": c.Closed, "parked": c.Parked}
}

func item(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
