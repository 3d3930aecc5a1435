package config

import (
	"cmp"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/retry"
)

// handOver is what a handler needs beyond a party's time limit: the broker's
// answers.
const handOver = 5 * time.Second

// checkAckWait compares the time after which a message is given to another
// worker with all that a worker may wait for while it holds one. Were it
// shorter, two workers would ask at once.
func (c *Config) checkAckWait(d *decoder) {
	longest, of := cmp.Or(c.Webhooks.TimeLimit, webhook.DefaultTimeLimit), "webhooks.time_limit"
	for i, a := range c.accounts {
		if a.guard.TimeLimit > longest {
			longest, of = a.guard.TimeLimit, item("accounts", i)+".limits.time_limit"
		}
	}
	if c.Worker.AckWait >= longest+handOver || d.refused[of] || d.refused["worker.ack_wait"] {
		return
	}
	if d.given["worker.ack_wait"] {
		d.at("worker.ack_wait", length(c.Worker.AckWait), "at least "+length(longest+handOver)+", 5 s more than "+of)
		return
	}
	d.at(of, length(longest), "at most "+length(c.Worker.AckWait-handOver)+", 5 s less than worker.ack_wait")
}

// checkRetention compares how long a payment's last event is kept with how long
// it is needed at most: an undecided payment that is given up late is watched to
// the end after that.
func (c *Config) checkRetention(d *decoder) {
	var longest time.Duration
	var of string
	for i, a := range c.accounts {
		undecided := max(a.cadence.Watch(retry.Open), a.cadence.Watch(retry.Held))
		decided := max(a.cadence.Watch(retry.Settled), a.cadence.Watch(retry.Closed), a.cadence.Watch(retry.Parked))
		if watch := undecided + decided; watch > longest {
			longest, of = watch, "watch.cadence"
			if own := item("accounts", i) + ".cadence"; d.given[own] {
				of = own
			}
		}
	}
	if c.NATS.StatusRetention > longest || d.refused["nats.status_retention"] {
		return
	}
	if !d.given["nats.status_retention"] {
		d.at(of, "a watch of "+length(longest)+" in all", "less than nats.status_retention, "+length(c.NATS.StatusRetention))
		return
	}
	d.at("nats.status_retention", length(c.NATS.StatusRetention), "more than "+length(longest)+", the longest watch ("+of+"): a payment's last event is its state")
}
