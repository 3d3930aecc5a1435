package halyk

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// TestDecode_NeverTellsImpossibleMoney walks every combination of small
// amounts, absent ones too, which random input hardly reaches.
func TestDecode_NeverTellsImpossibleMoney(t *testing.T) {
	cfg := goodConfig()
	choices := []any{nil, 0, amount("0.01"), amount("0.02"), amount("0.03")}
	told := make(map[payment.Status]int)
	for _, word := range []string{"CHARGE", "REFUND", "PARTIAL_REFUND"} {
		for n := range len(choices) * len(choices) * len(choices) * len(choices) {
			pick := func(place int) any { return choices[n/place%len(choices)] }
			body := []byte(transaction(t, members{
				"statusName": word, keyAmount: pick(1), keyPayout: pick(5), keyOriginal: pick(25), keyBonus: pick(125),
			}))
			q := query(t)
			q.Expected = providertest.Money(t, "0.03 KZT")
			obs, err := decode(body, q, cfg)
			told[obs.Status]++
			if checkSense(t, obs, err); t.Failed() {
				t.Fatalf("by the answer %s", body)
			}
		}
	}
	for _, status := range []payment.Status{payment.Succeeded, payment.PartiallyCaptured, payment.PartiallyRefunded, payment.Refunded, payment.Review} {
		if told[status] == 0 {
			t.Errorf("no combination is %s", status)
		}
	}
}

// amountLine tells what one combination of amounts is, and what a fresh payment
// of 0.03 KZT becomes by it.
func amountLine(t *testing.T, word string, org, back, left any) string {
	q := query(t)
	q.Expected = providertest.Money(t, "0.03 KZT")
	obs, err := decode([]byte(transaction(t, members{"statusName": word, keyOriginal: org, keyPayout: back, keyAmount: left})), q, goodConfig())
	told, becomes := fmt.Sprintf("%s %s", obs.Status, obs.Reason), ""
	var failure *providers.Error
	if errors.As(err, &failure) {
		told = failure.Kind.String()
	} else {
		for _, m := range []payment.Money{obs.Amount, obs.Captured, obs.Refunded} {
			text := "-"
			if m.Known() {
				text = strings.TrimSuffix(strings.TrimPrefix(m.String(), "0.0"), " KZT")
			}
			told += " " + text
		}
		told = strings.Join(strings.Fields(told), " ")
		becomes = fresh(t, q.Expected, obs)
	}
	show := func(v any) string {
		if v == nil {
			return "-"
		}
		return strings.TrimPrefix(fmt.Sprint(v), "0.0")
	}
	return fmt.Sprintf("%-6s %3s %6s %4s  %-40s %s", word, show(org), show(back), show(left), told, becomes)
}

// fresh is what a payment of which nothing is known becomes by an observation.
func fresh(t *testing.T, expected payment.Money, seen ...payment.Observation) string {
	t.Helper()
	now := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	state, _ := payment.Begin(payment.Created{ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "a-1", Expected: expected, CreatedAt: now}, now)
	last := "same"
	for _, obs := range seen {
		move, event := payment.Apply(state, payment.Look{Observation: obs, At: now})
		if last = move.String(); move == payment.Changed {
			state.Last = event.Data
			last = strings.TrimSpace(fmt.Sprintf("%s %s", event.Data.Status, event.Data.Reason))
		}
	}
	return last
}

// TestAmounts_TellChargeAndRefundApart compares every combination of absent, zero
// and other amounts with the table in testdata/amounts.txt, which was checked by
// hand against what the page's sample shows: orgAmount was charged at first,
// payoutAmount went back, amount is left; zero is absent.
func TestAmounts_TellChargeAndRefundApart(t *testing.T) {
	some := []any{nil, 0, amount("0.01"), amount("0.02"), amount("0.03")}
	var got []string
	for _, word := range []string{"CHARGE", "REFUND"} {
		for _, org := range []any{nil, 0, amount("0.03")} {
			for _, back := range some {
				for _, left := range some {
					got = append(got, strings.TrimRight(amountLine(t, word, org, back, left), " "))
				}
			}
		}
	}
	var want []string
	for line := range strings.Lines(string(testdata(t, "amounts.txt"))) {
		if !strings.HasPrefix(line, "#") {
			want = append(want, strings.TrimRight(line, " \n"))
		}
	}
	if len(want) != len(got) {
		t.Fatalf("%d lines in the table, want %d:\n%s", len(want), len(got), strings.Join(got, "\n"))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
