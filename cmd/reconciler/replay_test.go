package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/ops"
	"reconciler/internal/payment"
)

// brokerOf connects to the broker that a command's configuration names.
func brokerOf(t *testing.T, file string) *broker.Broker {
	t.Helper()
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dialBroker(t.Context(), cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(t.Context(), broker.Options{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// missedOne publishes the first event of payment p-1 of m-1, which endpoint orders missed.
func missedOne(t *testing.T, b *broker.Broker) broker.WebhookRef {
	t.Helper()
	created, err := payment.ParseCreated(fmt.Appendf(nil, `{"id":"c-1","payment_id":"p-1","merchant_id":"m-1","provider":"main",
		"reference":{"order_number":"1"},"amount":"33.00","currency":"EUR","created_at":%q}`, time.Now().UTC().Format(time.RFC3339)), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	state, event := payment.Begin(created, time.Now())
	origin, _ := json.Marshal(state.Origin)
	body, err := event.Body()
	if err == nil {
		_, err = b.AppendStatus(t.Context(), broker.Append{
			Subject: broker.StatusSubject("pending", "main", "m-1", "p-1"), Key: broker.PaymentKey("m-1", "p-1"), ID: event.ID(), Body: body,
			Header: nats.Header{"ce-id": {event.ID()}, "ce-version": {"1"}, "Recon-Origin": {string(origin)}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	of := broker.WebhookRef{Merchant: "m-1", Endpoint: "orders", Payment: "p-1", Version: 1}
	ended(t, b, "skipped", of, "")
	return of
}

func ended(t *testing.T, b *broker.Broker, outcome string, of broker.WebhookRef, mark string) {
	t.Helper()
	err := b.AppendLog(t.Context(), broker.LogRecord{
		Subject: broker.WebhookLogSubject(outcome, of), ID: outcome + mark, Header: nats.Header{"Recon-Replay": {mark}}, Body: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReplay_TellsFirst_SendsOnce_AndFollows(t *testing.T) {
	file := endpointsFile(t)
	b := brokerOf(t, file)
	of := missedOne(t, b)
	line := func(more ...string) outcome {
		return execLine(t, append([]string{"replay", "--config", file}, more...)...)
	}
	skipped := []string{"--merchant", "m-1", "--endpoint", "orders", "--skipped", "--name", "night"}
	line(append(skipped, "--dry-run")...).must(t, "night would queue 1 webhooks, in 0s at 50 a second", "payment.pending", "QUEUED")
	if pending, err := b.PendingWebhooks(t.Context(), "m-1", "orders", "p-1"); err != nil || len(pending) != 0 {
		t.Errorf("a dry run queued %v, %v", pending, err)
	}
	execLine(t, "endpoints", "disable", "--config", file, "--merchant", "m-1", "--id", "orders").must(t)
	line("--all", "--name", "off").must(t, "off is finished: 0 webhooks", "reconciler endpoints enable")
	execLine(t, "endpoints", "enable", "--config", file, "--merchant", "m-1", "--id", "orders").must(t)

	var is replayAnswer
	told := line(append(skipped, "--json")...)
	if err := json.Unmarshal([]byte(told.out), &is); err != nil || told.code != 0 || is.Counts.Sent != 1 || !is.Finished {
		t.Errorf("%+v, %v", told, err)
	}
	if told.err != "night begins: events 1 to 1, 50 webhooks a second at most\n" {
		t.Errorf("beside JSON it says %q", told.err)
	}
	if pending, err := b.PendingWebhooks(t.Context(), "m-1", "orders", "p-1"); err != nil || !pending[1].Due {
		t.Errorf("it queued %v, %v", pending, err)
	}
	if got := line(skipped...); got.code != 1 || !strings.Contains(got.err, "--again") {
		t.Errorf("once more: %+v", got)
	}
	line("--all", "--dry-run").must(t, "1 left out: on their way already")
	ended(t, b, "delivered", of, "night")
	line("--name", "night", "--wait").must(t, "1 of 1 ended: 1 delivered, 0 failed")
}

func TestReplay_ExitsWith1_WhereAWebhookFailed(t *testing.T) {
	file := endpointsFile(t)
	b := brokerOf(t, file)
	of := missedOne(t, b)
	ended(t, b, "exhausted", of, "other")
	execLine(t, "replay", "--config", file, "--exhausted", "--name", "night").must(t, "1 webhooks queued")
	ended(t, b, "skipped", of, "night")
	if got := execLine(t, "replay", "--config", file, "--name", "night", "--wait"); got.code != 1 || !strings.Contains(got.out, "1 skipped") {
		t.Errorf("%+v", got)
	}
}

// untilBegun ends a context once a replay has told its name.
type untilBegun struct {
	bytes.Buffer
	end context.CancelFunc
}

func (w *untilBegun) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(" begins: ")) {
		w.end()
	}
	return w.Buffer.Write(p)
}

func TestReplay_SaysHowToGoOn_WhenItIsInterrupted(t *testing.T) {
	file := endpointsFile(t)
	missedOne(t, brokerOf(t, file))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out, stderr := &untilBegun{end: end}, &bytes.Buffer{}
	code := execute(ctx, streams{out: out, err: stderr}, []string{"replay", "--config", file, "--all"})
	name, _, _ := strings.Cut(out.String(), " ")
	goOn := "reconciler replay --config " + file + " --name " + name
	if code != 1 || stderr.Len() > 0 || !strings.HasPrefix(name, "replay-") || !strings.Contains(out.String(), "0 webhooks queued; go on with: "+goOn+"\n") {
		t.Fatalf("ended with %d, %q and\n%s", code, stderr, out)
	}
	execLine(t, "replay", "list", "--config", file).must(t, "NAME", name, "not finished", "0 of 1", "--all")
	execLine(t, strings.Fields(goOn)[1:]...).must(t, name+" goes on behind event 0 of 1; 0 webhooks are queued already", "is finished: 1 webhooks")
	execLine(t, "replay", "list", "--config", file).must(t, name, "finished", "1 of 1")
}

func TestReplay_ListsNothing_WhereNoneWasBegun(t *testing.T) {
	file := endpointsFile(t)
	execLine(t, "replay", "--config", file, "--all", "--dry-run").must(t)
	execLine(t, "replay", "list", "--config", file).must(t, "there is no replay")
	if got := execLine(t, "replay", "list", "--config", file, "--json").must(t); got != "[]\n" {
		t.Errorf("printed %q", got)
	}
}

func TestReplay_SaysSince_WhenEventsAreKept_WhereMoreIsAskedFor(t *testing.T) {
	since := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		sel  ops.Selection
		kept uint64
		want bool
	}{
		"from before":            {ops.Selection{Since: since.Add(-1)}, 7, true},
		"from then on":           {ops.Selection{Since: since}, 7, false},
		"from a sequence before": {ops.Selection{FromSeq: 6}, 7, true},
		"from that sequence on":  {ops.Selection{FromSeq: 7}, 7, false},
		"no beginning":           {ops.Selection{Payment: "p"}, 7, false},
		"nothing is gone yet":    {ops.Selection{Since: since.Add(-1)}, 1, false},
	} {
		var out bytes.Buffer
		is := ops.ReplayResult{Name: "night", Finished: true, Selection: row.sel, KeptFrom: row.kept, KeptSince: since}
		if err := printQueued(&out, replayAnswer{ReplayResult: is}); err != nil || strings.Contains(out.String(), "since 2026-08-01T00:00:00Z, sequence 7") != row.want {
			t.Errorf("%s: %v, printed %q", name, err, out.String())
		}
	}
}

func TestReplay_ListsASelection_AsTheFlagsThatMakeIt(t *testing.T) {
	full := ops.Selection{
		Merchant: "m", Endpoint: "e", Payment: "p", Types: []string{"payment.failed", "payment.refunded"}, FromSeq: 3, ToSeq: 9, Skipped: true, Exhausted: true,
		Since: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), Dead: "any",
	}
	const want = "--merchant m --endpoint e --payment p --type payment.failed,payment.refunded --since 2026-11-20T08:00:00Z --until 2026-11-20T09:00:00Z" +
		" --from-seq 3 --to-seq 9 --skipped --exhausted --dead any"
	if got := selected(full); got != want {
		t.Errorf("it is %q", got)
	}
	cmd := newReplay(streams{})
	if err := cmd.ParseFlags(strings.Fields(want + " --all")); err != nil {
		t.Errorf("no such command line: %v", err)
	}
}

func TestProgress_GuessesHowLongItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is, guess := ops.ReplayResult{Name: "night", From: 1, Position: 0, To: 100}, &estimate{}
		for second, want := range []string{"", ", about 49s left", ", about 48s left"} {
			is.Position = uint64(2 * second)
			if got := guess.left(is); got != want {
				t.Errorf("after %d s: %q, want %q", second, got, want)
			}
			time.Sleep(time.Second)
		}
		is.Reading = &ops.ReplayReading{Stream: "WEBHOOK_LOG", Position: 1, To: 4}
		if got := queueing(is) + guess.left(is); got != "night: looking for what was missed, 25 % of WEBHOOK_LOG read" {
			t.Errorf("%q", got)
		}
	})
}

func TestReplay_RefusesWhatCantBeMeant(t *testing.T) {
	file := endpointsFile(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing selected": {nil, "selection"},
		"a time":           {[]string{"--since", "yesterday"}, "--since"},
		"an end":           {[]string{"--until", "-1h"}, "--until"},
		"a type":           {[]string{"--type", "payment.paid"}, "type"},
		"no rate":          {[]string{"--all", "--rate", "0"}, "--rate"},
		"wait for nothing": {[]string{"--all", "--dry-run", "--wait"}, "--wait"},
		"an argument":      {[]string{"canary"}, "canary"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := execLine(t, append([]string{"replay", "--config", file}, c.args...)...); got.code != 2 || !strings.Contains(got.err, c.want) {
				t.Errorf("ended with %d and %q, want 2 and a word about %q", got.code, got.err, c.want)
			}
		})
	}
}

func TestParseMoment_ReadsTimesDaysAndDurations(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"":                          "0001-01-01T00:00:00Z",
		"2026-11-20":                "2026-11-20T00:00:00Z",
		"2026-11-20T08:00:00Z":      "2026-11-20T08:00:00Z",
		"2026-11-20T08:00:00+02:00": "2026-11-20T06:00:00Z",
		"36h":                       "2026-11-19T00:00:00Z",
	} {
		if got, err := parseMoment("since", text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestProgress_IsPlainLinesNowAndThen_WhereThereIsNoTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		line := newProgress(&out)
		for range 300 {
			time.Sleep(100 * time.Millisecond)
			line.show(queueing(ops.ReplayResult{Name: "night", From: 1, Position: 5, To: 10, Counts: ops.ReplayCounts{Sent: 4}}))
		}
		line.end()
		if want := strings.Repeat("night: 4 webhooks queued, 50 % of the events looked at\n", 3); out.String() != want {
			t.Errorf("printed\n%s", out.String())
		}
	})
}
