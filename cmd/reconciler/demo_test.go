package main

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// keys lists an object's keys in their order.
func keys(t *testing.T, object string) []string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value any
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func TestDemo_PrintsOneJSONObjectAndNothingElse(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	got := execLine(t, "demo", "--once", "--payments", "24", "--seed", "7", "--faults", "none", "--json")
	if got.code != 0 || got.err != "" {
		t.Fatalf("ended with %d and %q, want 0 and nothing on standard error", got.code, got.err)
	}
	if strings.Count(got.out, "\n") != 1 || !strings.HasSuffix(got.out, "}\n") {
		t.Fatalf("printed %q, want one line with one object", got.out)
	}
	want := []string{"payments", "done", "by_status", "by_provider", "events", "polls", "webhooks", "dead", "outcome", "violations", "elapsed_s"}
	if names := keys(t, got.out); !slices.Equal(names, want) {
		t.Errorf("the keys are %q, want %q", names, want)
	}
	var r struct {
		Payments, Done, Events, Polls, Dead int
		ByStatus                            map[string]int `json:"by_status"`
		ByProvider                          map[string]int `json:"by_provider"`
		Webhooks                            map[string]int
		Violations                          []string
		ElapsedS                            float64 `json:"elapsed_s"`
	}
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range r.ByStatus {
		sum += n
	}
	if r.Payments != 24 || r.Done != 24 || sum != 24 || r.Dead != 0 || len(r.Violations) != 0 || r.ElapsedS <= 0 {
		t.Errorf("printed %s", got.out)
	}
	if each := map[string]int{"finipay": 6, "halyk": 6, "uapay": 6, "ecommpay": 6}; !reflect.DeepEqual(r.ByProvider, each) {
		t.Errorf("by_provider is %v, want %v", r.ByProvider, each)
	}
	if w := r.Webhooks; w["events"] < 24 || w["delivered"] != w["events"] || w["attempts"] < w["events"] || w["exhausted"] != 0 || len(w) != 4 {
		t.Errorf("webhooks are %v", w)
	}
	if r.Events < 24 || r.Polls < 24 {
		t.Errorf("%d events and %d polls, want one of each payment at least", r.Events, r.Polls)
	}
}

func TestDemo_Exits1AndSaysWhy_WhenItDoesNotComeToItsEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	got := execLine(t, "demo", "--once", "--payments", "12", "--faults", "none", "--json", "--limit", "1s")
	if got.code != 1 || !strings.Contains(got.err, "FAILED") || !strings.Contains(got.err, "its provider's ledger says") {
		t.Errorf("ended with %d and %q, want 1 and the payments that are not done", got.code, got.err)
	}
	var r struct{ Payments, Done int }
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Payments != 12 || r.Done >= 12 {
		t.Errorf("printed %q (%v), want 12 payments and fewer done", got.out, err)
	}
}

func TestDemo_Exits1_WhenItIsStoppedBeforeTheVerdict(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := execUntil(ctx, "demo", "--once", "--payments", "4"); got.code != 1 || !strings.Contains(got.err, "before the verdict") {
		t.Errorf("ended with %d and %q, want 1: nothing was shown", got.code, got.err)
	}
}

func TestDemo_WavesEndWell_WhenTheyAreStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := execUntil(ctx, "demo", "--payments", "4"); got.code != 0 || got.err != "" {
		t.Errorf("ended with %d and %q, want 0: only a person ends waves", got.code, got.err)
	}
}

func TestDemoHooks_LargeDemosHaveMoreShops(t *testing.T) {
	if few, many := len(demoHooks(200)), len(demoHooks(5000)); few != 4 || many != 24 {
		t.Errorf("%d hooks for 200 payments and %d for 5000, want 4 and 24", few, many)
	}
}
