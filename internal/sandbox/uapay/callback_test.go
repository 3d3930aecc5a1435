package uapay

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

func TestCallback_NamesThePaymentOfEveryStage_Signed(t *testing.T) {
	s := newSimulator(false)
	sandboxtest.EachStage(t, life.Uapay, ids, func(t *testing.T, p *life.Payment, at time.Time) {
		header, body := s.Callback(p, at)
		var got struct{ Token string }
		if err := json.Unmarshal(body, &got); err != nil || header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s with %v: %v", body, header, err)
		}
		payload, err := open(got.Token, secret)
		if err != nil || payload["paymentId"] != p.IDs["payment_id"] || payload["invoiceId"] != p.IDs["invoice_id"] {
			t.Fatalf("%v, %v", payload, err)
		}
		i, _ := payload["status"].(string)
		word, _ := payload["paymentStatus"].(string)
		state := p.At(at)
		if !onAxis(i, "NEW PAID FINISHED REVERSED CANCELED") || !onAxis(word, "OPEN PAYED FINISHED REVERSED RETURNED PENDING REJECTED HOLDED CANCELED NEEDS_CONFIRMATION") {
			t.Errorf("%s is told as %s and %s", state.Word, i, word)
		}
		if _, paid := payload["payDate"]; paid != (state.CapturedMinor > 0) {
			t.Errorf("%s has a date of payment: %t", state.Word, paid)
		}
		text := wire.JSON(payload)
		for _, m := range []string{wire.CardMask, wire.ACSURL, wire.Extra} {
			if !bytes.Contains(text, []byte(m)) {
				t.Errorf("the callback does not hold %q", m)
			}
		}
	})
}

// The adapter's tests read this recording, because they may not import a simulator.
func TestCallback_IsTheOneThatIsRecorded(t *testing.T) {
	s := New(Config{ClientID: client, Secret: "test-secret-not-real==", Book: life.NewBook(), Seed: 1})
	p := sandboxtest.Make(t, sandboxtest.Wish{Provider: life.Uapay, Life: "charged_at_once", Seed: 1, IDs: map[string]string{
		"payment_id": "22222222-2222-4222-8222-222222222222", "invoice_id": "33333333-3333-4333-8333-333333333333",
	}})
	_, body := s.Callback(p, sandboxtest.Born)
	recorded, err := os.ReadFile(filepath.Join("..", "..", "providers", "uapay", "testdata", "callback", "simulator.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(recorded)); got != string(body) {
		t.Errorf("recorded is %s\nand sent is %s", got, body)
	}
}
