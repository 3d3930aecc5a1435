package ecommpay

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/sandbox/wire"
)

func TestCallback_TellsTheLastOperationAlone_Signed(t *testing.T) {
	s := newSimulator()
	sandboxtest.EachStage(t, life.Ecommpay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		header, body := s.Callback(p, at)
		state := p.At(at)
		if state.Word == life.NotKnown {
			if header != nil || body != nil {
				t.Errorf("told of a payment that is not known: %s", body)
			}
			return
		}
		d := document(t, string(body))
		if !verify(d, key, signatureIn(d)) || header.Get("Content-Type") != "application/json" {
			t.Fatalf("signature or header of %s", body)
		}
		var got struct {
			Status    string
			ProjectID int64 `json:"project_id"`
			Payment   struct{ ID, Status string }
			Operation struct {
				Type, Status string
				RequestID    string `json:"request_id"`
			}
			Operations []any
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		raw := statusOf(p, state.Word)
		steps := operationsOf(p, state, raw)
		last := steps[len(steps)-1]
		if got.ProjectID != 4711 || got.Payment.ID != p.IDs["payment_id"] || got.Payment.Status != raw || got.Operations != nil || got.Status != "" {
			t.Errorf("callback %s", body)
		}
		if got.Operation.Type != last.kind || got.Operation.Status != last.status || got.Operation.RequestID == "" {
			t.Errorf("operation %+v, want %+v", got.Operation, last)
		}
		if len(steps) == 1 && got.Operation.RequestID != p.IDs["request_id"] {
			t.Errorf("the first operation's request is %s", got.Operation.RequestID)
		}
	})
}

// The adapter may not see this package, so its tests read a callback that was
// recorded here. This test fails when the record is stale, and tells the new one.
func TestCallback_IsTheOneTheAdapterIsTestedWith(t *testing.T) {
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Ecommpay, Life: "part_refunded", Seed: 3, IDs: ids(3)})
	_, body := newSimulator().Callback(p, p.EndsAt())
	recorded, err := os.ReadFile(filepath.Join("..", "..", "providers", "ecommpay", "testdata", "callbacks", "simulated.json"))
	if err != nil || !bytes.Equal(bytes.TrimSpace(recorded), body) {
		t.Errorf("the record is stale (%v); it should be\n%s", err, body)
	}
	for _, m := range []string{wire.Email, wire.Phone, wire.IP, wire.CardNumber, wire.CardHolder, wire.Description} {
		if !strings.Contains(string(body), m) {
			t.Errorf("no %q in %s", m, body)
		}
	}
}
