package halyk

import (
	"testing"

	"reconciler/internal/payment"
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
