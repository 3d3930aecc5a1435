package config

import (
	"fmt"
	"strconv"
	"time"
)

// within refuses a number or duration that the file holds and that is not from
// low to high. The bounds keep out what can only be a slip; what a package
// forbids within them is its own to say.
func within[N int | time.Duration](d *decoder, path string, value, low, high N) {
	if !d.given[path] || (value >= low && value <= high) {
		return
	}
	d.refuse(path, figure(value), figure(low)+" to "+figure(high))
}

func figure[N int | time.Duration](n N) string {
	if d, ok := any(n).(time.Duration); ok {
		return length(d)
	}
	return strconv.Itoa(int(n))
}

// The bounds that several settings share.
const (
	maxConcurrency = 10_000
	maxKept        = 36_500 * day
	maxSteps       = 100
)

func (c *Config) checkRanges(d *decoder) {
	within(d, "nats.status_retention", c.NATS.StatusRetention, time.Minute, maxKept)
	within(d, "nats.log_retention", c.NATS.LogRetention, time.Minute, maxKept)
	within(d, "nats.dead_retention", c.NATS.DeadRetention, time.Minute, maxKept)
	within(d, "worker.concurrency", c.Worker.Concurrency, 1, maxConcurrency)
	within(d, "worker.ack_wait", c.Worker.AckWait, time.Second, day)
	within(d, "worker.stop_limit", c.Worker.StopLimit, 100*time.Millisecond, time.Hour)
	within(d, "worker.pull_wait", c.Worker.PullWait, 100*time.Millisecond, 10*time.Minute)
	within(d, "watch.expiry_grace", c.Watch.ExpiryGrace, time.Millisecond, 30*day)
	within(d, "watch.failure_delay", c.Watch.FailureDelay, time.Millisecond, day)
	within(d, "watch.doubt.looks", c.Watch.Doubt.Looks, 1, 1000)
	within(d, "watch.doubt.span", c.Watch.Doubt.Span, time.Millisecond, 30*day)
	cadenceRanges(d, "watch.cadence", c.Watch.Cadence)
	within(d, "webhooks.time_limit", c.Webhooks.TimeLimit, 100*time.Millisecond, 10*time.Minute)
	within(d, "webhooks.connect_limit", c.Webhooks.ConnectLimit, 10*time.Millisecond, 10*time.Minute)
	within(d, "webhooks.tls_limit", c.Webhooks.TLSLimit, 10*time.Millisecond, 10*time.Minute)
	within(d, "webhooks.header_limit", c.Webhooks.HeaderLimit, 10*time.Millisecond, 10*time.Minute)
	delays(d, "webhooks.schedule", c.Webhooks.Schedule)
	within(d, "webhooks.disable_after", c.Webhooks.DisableAfter, time.Hour, 365*day)
	for i, port := range c.Webhooks.AllowPorts {
		within(d, item("webhooks.allow_ports", i), port, 1, 65535)
	}
	within(d, "callbacks.unverified_rate", c.Callbacks.UnverifiedRate, 1, 10_000)
	for i, a := range c.Accounts {
		accountRanges(d, item("accounts", i), a)
	}
	for i, e := range c.Endpoints {
		within(d, item("endpoints", i)+".concurrency", e.Concurrency, 1, maxConcurrency)
		delays(d, item("endpoints", i)+".schedule", e.Schedule)
	}
}

func accountRanges(d *decoder, path string, a Account) {
	cadenceRanges(d, path+".cadence", a.Cadence)
	within(d, path+".min_interval", a.MinInterval, time.Millisecond, day)
	within(d, path+".limits.burst", a.Limits.Burst, 1, 1_000_000)
	within(d, path+".limits.concurrency", a.Limits.Concurrency, 1, maxConcurrency)
	within(d, path+".limits.time_limit", a.Limits.TimeLimit, time.Millisecond, time.Hour)
	if a.Breaker.Consecutive != nil {
		within(d, path+".breaker.consecutive", *a.Breaker.Consecutive, 0, 1_000_000)
	}
	if a.Breaker.Ramp != nil {
		within(d, path+".breaker.ramp", *a.Breaker.Ramp, 0, day)
	}
	within(d, path+".breaker.min_requests", a.Breaker.MinRequests, 1, 1_000_000)
	within(d, path+".breaker.window", a.Breaker.Window, time.Second, day)
	within(d, path+".breaker.reopen_first", a.Breaker.ReopenFirst, time.Millisecond, day)
	within(d, path+".breaker.reopen_longest", a.Breaker.ReopenLongest, time.Millisecond, day)
}

func cadenceRanges(d *decoder, path string, c Cadence) {
	for phase, table := range c.phases() {
		steps(d, join(path, phase), len(table))
		for i, s := range table {
			at := item(join(path, phase), i)
			within(d, at+".until", s.Until, time.Millisecond, maxKept)
			within(d, at+".every", s.Every, time.Millisecond, 365*day)
		}
	}
}

// delays bounds a schedule of attempts.
func delays(d *decoder, path string, schedule []time.Duration) {
	steps(d, path, len(schedule))
	for i, delay := range schedule {
		within(d, item(path, i), delay, 0, 30*day)
	}
}

// steps bounds a table: nobody checks a longer one by eye.
func steps(d *decoder, path string, n int) {
	if n > maxSteps {
		d.refuse(path, fmt.Sprintf("%d entries", n), fmt.Sprintf("at most %d", maxSteps))
	}
}
