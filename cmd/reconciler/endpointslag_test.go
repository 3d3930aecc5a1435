package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"reconciler/internal/broker"
	"reconciler/internal/ops"
)

// lagLine executes `endpoints lag`.
func lagLine(t *testing.T, args ...string) outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := newEndpointLag(streams{out: &out, err: &stderr})
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	code := 0
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		code = 1
	}
	return outcome{code: code, out: out.String(), err: stderr.String()}
}

func TestEndpointsLag_ShowsWhatIsBehind_AndFailsOverTheLimit(t *testing.T) {
	file := endpointsFile(t)
	b := brokerOf(t, file)
	lagLine(t, "--config", file).must(t, "UNDELIVERED", "m-1", "orders", "enabled  0            -")
	missedOne(t, b) // no worker runs
	job := broker.Due{Subject: broker.WebhookDue("m-1", "orders", "p-1", 1), Body: []byte(`{"timestamp":"2026-01-01T00:00:00Z"}`)}
	if err := b.PublishDue(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	lagLine(t, "--config", file, "--merchant", "m-1").must(t, "1 events have no webhooks yet")
	var report ops.LagReport
	if err := json.Unmarshal([]byte(lagLine(t, "--config", file, "--json").must(t)), &report); err != nil {
		t.Fatal(err)
	}
	is := report.Endpoints[0]
	if is.Undelivered != 1 || is.Overdue != 1 || is.OldestS < 1e6 || is.OverdueS <= 0 || is.OverdueS > 1e3 || report.Undispatched != 1 {
		t.Errorf("%+v", report)
	}
	if got := lagLine(t, "--config", file, "--over", "1ns"); got.code != 1 || !strings.Contains(got.out, "orders") {
		t.Errorf("over the limit: %+v", got)
	}
	lagLine(t, "--config", file, "--over", "100h").must(t)
	if got := lagLine(t, "--config", file, "--over", "-1s"); got.code != 1 || got.out != "" {
		t.Errorf("a limit below 0: %+v", got)
	}
}

func TestPrintLag_IsForPeople(t *testing.T) {
	var out bytes.Buffer
	err := printLag(&out, ops.LagReport{Undispatched: 3, UndispatchedS: 4000.4, Endpoints: []ops.Lag{
		{Merchant: "shop-a", Endpoint: "orders", Status: "enabled"},
		{Merchant: "shop-a", Endpoint: "old", Status: ops.Removed, Undelivered: 300, OldestS: 93784.2, Overdue: 2, OverdueS: 0.25, AtLeast: true},
	}})
	const want = `MERCHANT  ENDPOINT  STATUS   UNDELIVERED  OLDEST        OVERDUE  BY
shop-a    orders    enabled  0            -             0        -
shop-a    old       removed  300          over 26h3m4s  2        300ms
3 events have no webhooks yet, the first for 1h6m40s: if this grows, no worker runs
`
	if err != nil || out.String() != want {
		t.Errorf("printed\n%s", out.String())
	}
}
