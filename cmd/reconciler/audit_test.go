package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/audit"
	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/consumer"
	"reconciler/internal/retry"
)

// auditLine executes `audit`.
func auditLine(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := newAudit(streams{out: &out, err: &stderr})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	if err != nil && !errors.Is(err, errReported) {
		t.Logf("audit %v: %v", args, err)
	}
	return outcome{code: codeOf(err), out: out.String(), err: stderr.String()}
}

func codeOf(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

func TestAudit_EndsWithZeroOneOrTwo(t *testing.T) {
	file := endpointsFile(t)
	b := brokerOf(t, file)
	auditLine(t, "--config", file).must(t, "looked at 0 payments", "note: there is no consumer intake of PAYMENTS yet", "nothing is wrong")
	for _, args := range [][]string{{"--limit", "0"}, {"--memory", "0"}, {"surplus"}} {
		if got := auditLine(t, append(args, "--config", file)...); got.code != 2 || got.out != "" {
			t.Errorf("%v ends with %+v, want 2", args, got)
		}
	}
	if got := auditLine(t, "--config", "none.yaml"); got.code != 1 || got.out != "" {
		t.Errorf("without a file: %+v", got)
	}

	forged := broker.StatusSubject("succeeded", "main", "m-1", "p-9")
	ack, err := b.JetStream().Publish(t.Context(), forged, []byte(`{"type":"payment.succeeded"}`))
	if err != nil {
		t.Fatal(err)
	}
	got := auditLine(t, "--config", file, "--repair")
	if got.code != 1 || got.err != "" {
		t.Errorf("after a foreign message: %+v", got)
	}
	for _, want := range []string{
		"foreign: 1 found, 0 repaired\n  payment p-9 of m-1: no worker wrote it: ", "nats stream rmm PAYMENT_STATUS 1\n",
		"consumer: 1 found", "consumer dispatcher of PAYMENT_STATUS: missing", "\n2 of 2 problems are left\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("printed\n%s\nwant %q", got.out, want)
		}
	}
	var answer auditAnswer
	got = auditLine(t, "--config", file, "--json")
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil || got.code != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	f := answer.Findings[0]
	if answer.Sound || answer.Left != 2 || f.Kind != audit.KindForeign || f.Seq != ack.Sequence || f.Payment != "p-9" || f.Do == "" {
		t.Errorf("as JSON: %+v", answer)
	}
}

// auditRun audits in a bubble, where time passes.
func auditRun(t *testing.T, f auditFlags, o audit.Options) outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	f.memory, f.limit = 64, 100
	err := f.run(context.Background(), streams{out: &out, err: &stderr}, o)
	return outcome{code: codeOf(err), out: out.String(), err: stderr.String()}
}

func TestAudit_RepairsADeletedWorkStream(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b := brokertest.Start(t)
		missedOne(t, b) // p-1 has an event, its webhook an end, and nothing else
		time.Sleep(2 * time.Minute)
		o := audit.Options{Broker: b, Accounts: []*consumer.Account{{Name: "main", Policy: consumer.Policy{Cadence: retry.Default()}}}}
		// Upstream's stream has forgotten the created event.
		forget(t, b)
		got := auditRun(t, auditFlags{}, o)
		for _, want := range []string{
			"timer_missing: 1 found, 0 repaired\n  payment p-1 of m-1: is pending and still watched, but has neither a timer nor a due poll\n",
			"    breaks rule 1: every valid created event", "    reconciler audit --repair;", " problems are left\n",
		} {
			if got.code != 1 || !strings.Contains(got.out, want) {
				t.Errorf("ended with %d and printed\n%s\nwant %q", got.code, got.out, want)
			}
		}
		if _, err := b.Timer(context.Background(), broker.PollTimer("main", "m-1", "p-1")); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("without --repair it armed a timer: %v", err)
		}
		got = auditRun(t, auditFlags{repair: true}, o)
		if !strings.Contains(got.out, "timer_missing: 1 found, 1 repaired\n  repaired: payment p-1 of m-1: ") {
			t.Errorf("printed\n%s", got.out)
		}
		if _, err := b.Timer(context.Background(), broker.PollTimer("main", "m-1", "p-1")); err != nil {
			t.Errorf("with --repair: %v", err)
		}
		if got = auditRun(t, auditFlags{}, o); strings.Contains(got.out, "timer_missing") {
			t.Errorf("after it printed\n%s", got.out)
		}
	})
}

// forget makes PAYMENTS a stream that has lost its first message to age.
func forget(t *testing.T, b *broker.Broker) {
	t.Helper()
	ctx := context.Background()
	if _, err := b.JetStream().Publish(ctx, broker.CreatedSubject("m-1", "old"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(ctx, broker.StreamPayments)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSequence(2))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerdictOf_SaysHowItEnded(t *testing.T) {
	found := map[audit.Kind]audit.Count{audit.KindTimerMissing: {Found: 3, Repaired: 3}}
	for _, c := range []struct {
		name string
		a    auditAnswer
		want string
	}{
		{"well", auditAnswer{}, "nothing is wrong"},
		{"repaired", auditAnswer{Report: audit.Report{Counts: found}}, "all 3 problems were repaired"},
		{"left", auditAnswer{Report: audit.Report{Counts: found}, Left: 2}, "2 of 3 problems are left"},
		{"broken off", auditAnswer{Left: 1, Incomplete: "x"}, "not everything was done; 1 problems so far"},
	} {
		if got := verdictOf(c.a); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAuditing_ShowsPassesAndMessages(t *testing.T) {
	for want, p := range map[string]audit.Progress{
		"RECON_WORK, 512 of 1000 read":               {Doing: "RECON_WORK", Done: 512, All: 1000},
		"pass 2 of 3: PAYMENT_STATUS, 10 of 10 read": {Doing: "PAYMENT_STATUS", Pass: 2, Passes: 3, Done: 12, All: 10},
		"arming timers again":                        {Doing: "arming timers again"},
	} {
		if got := auditing(p); got != want {
			t.Errorf("shows %q, want %q", got, want)
		}
	}
}
