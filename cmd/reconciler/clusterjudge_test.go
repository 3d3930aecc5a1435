package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/audit"
	"reconciler/internal/broker"
	"reconciler/internal/demo"
	"reconciler/internal/sandbox"
)

// judge wants the demo's verdict to be a pass. Excused is only what a worker asked
// while it could not hear the other: what a provider told that one it can't know; and
// what it was given to ask again when a leader had died.
func (x *clusterTrial) judge(r demo.Result) {
	x.t.Helper()
	wrong := slices.DeleteFunc(slices.Clone(r.Violations), x.unheard)
	excused := len(r.Violations) - len(wrong)
	x.t.Logf("%d asks while the workers could not hear each other", excused)
	r.Violations = wrong
	if excused == 0 || !r.Passed() {
		x.t.Log(r.Summary())
	}
	if !r.Passed() {
		x.t.Errorf("the demo did not pass: %d rules broken, first %q", len(wrong), wrong[:min(10, len(wrong))])
	}
}

// unheard reports whether a violation is that a worker did not know what the other
// did, in a time when it could not.
func (x *clusterTrial) unheard(violation string) bool {
	place := strings.LastIndex(violation, " at ")
	if place < 0 || !strings.HasPrefix(violation, "rule 7: ") {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, violation[place+len(" at "):])
	says := func(what string) bool { return strings.Contains(violation, what) }
	within := func(s span) bool { return at.After(s.from) && at.Before(s.to) }
	switch {
	case err != nil:
		return false
	case says("above its limits"): // or the very request that one was stopped in
		return slices.ContainsFunc(append(x.elected, x.woken...), within)
	case says("before its Retry-After"), says("before its breaker"), says("beside another probe"):
		return x.justTold(violation, at) || slices.ContainsFunc(append(x.apart, x.woken...), within)
	}
	return false
}

// justTold reports whether the account of a violation had told somebody to wait only
// just before.
func (x *clusterTrial) justTold(violation string, at time.Time) bool {
	return strings.Contains(violation, "before its Retry-After") && slices.ContainsFunc(x.world.Asked(), func(ask sandbox.Ask) bool {
		since := at.Sub(ask.Answered)
		return ask.HTTPStatus == http.StatusTooManyRequests && strings.Contains(violation, strconv.Quote(ask.Provider)) &&
			since > -time.Millisecond && since < telling
	})
}

// audits shows that an audit finds nothing, but the replicas of a server that is
// down, and nothing again when that is back.
func (x *clusterTrial) audits(ctx context.Context) {
	x.t.Helper()
	x.sound(ctx)
	leader := x.leads(ctx, x.js, broker.StreamStatus)
	if leader == nil {
		x.t.Fatal("nobody leads ", broker.StreamStatus)
	}
	down := x.others(leader)[0]
	x.kill(down)
	until(ctx, func() bool { return x.away(ctx, down.name) })
	got, code := x.audit()
	for _, f := range got.Findings {
		if f.Kind != audit.KindReplica || !strings.Contains(f.Detail, "its replica on "+down.name+" ") {
			x.t.Errorf("while %s is down: %+v", down.name, f)
		}
	}
	if n, want := len(got.Findings), len(x.streams(ctx)); code != 1 || n != want {
		x.t.Errorf("while %s is down the audit ends with %d and %d findings, want 1 and one for each of %d streams", down.name, code, n, want)
	}
	x.start(down)
	x.sound(ctx)
}

// sound waits until all replicas are current and wants an audit that finds nothing.
func (x *clusterTrial) sound(ctx context.Context) {
	x.t.Helper()
	if !until(ctx, func() bool { return !x.away(ctx, "") }) {
		x.t.Error("not all replicas came to be current")
	}
	got, code := x.audit()
	x.t.Logf("audit: %d payments, %d events, %d attempts, %d timers, %d due; %d findings, exit code %d",
		got.Payments, got.Events, got.Attempts, got.Timers, got.Due, len(got.Findings), code)
	if code != 0 || !got.Sound || got.Payments != clusterPayments {
		x.t.Errorf("the audit ends with %d: %+v", code, got)
	}
}

func (x *clusterTrial) audit() (auditAnswer, int) {
	x.t.Helper()
	got := execLine(x.t, "audit", "--config", x.config, "--json")
	var answer auditAnswer
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil {
		x.t.Fatalf("audit ended with %d and printed %q and %q: %v", got.code, got.out, got.err, err)
	}
	return answer, got.code
}

// away reports whether a server's replica of any stream is away, or, without a
// name, anybody's. A stream that nobody leads has them all away.
func (x *clusterTrial) away(ctx context.Context, name string) bool {
	n, streams := 0, x.streams(ctx)
	for _, stream := range streams {
		info := streamInfo(ctx, x.js, stream)
		if info == nil || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
			return name == ""
		}
		for _, r := range info.Cluster.Replicas {
			if (name == "" || r.Name == name) && (r.Offline || !r.Current) {
				n++
			}
		}
	}
	if name == "" {
		return n > 0 || len(streams) == 0
	}
	return len(streams) > 0 && n == len(streams)
}

// streams are all that the cluster keeps, buckets among them, but for the lease of
// the sweep: an audit passes it over, since losing it costs nothing.
func (x *clusterTrial) streams(ctx context.Context) []string {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var all []string
	for name := range x.js.StreamNames(limited).Name() {
		if name != "KV_RECON_SWEEP" {
			all = append(all, name)
		}
	}
	return all
}
