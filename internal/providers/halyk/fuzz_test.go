package halyk

import (
	"bytes"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers/providertest"
)

func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, g.Query().Expected.Minor())
	}
	cfg := goodConfig()
	f.Fuzz(func(t *testing.T, body []byte, minor int64) {
		expected, err := payment.MinorMoney(max(minor, 1), "KZT") // -1 and 0 are no payments
		if err != nil {
			t.Fatal(err)
		}
		q := query(t)
		q.Expected = expected
		obs, err := decode(body, q, cfg)
		checkSense(t, obs, err)
	})
}

func FuzzDecodeToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"t-1","expires_in":"1200","refresh_token":"","scope":"payment","token_type":"Bearer"}`))
	f.Add([]byte(`{"access_token":"a b"}`))
	f.Add(testdata(f, "golden", "documented_token.json"))
	f.Fuzz(func(t *testing.T, body []byte) {
		token, life, err := decodeToken(body)
		if err != nil {
			providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
			return
		}
		if wordProblem(token.Reveal(), "") != "" || life <= 0 || life > longestLife {
			t.Errorf("token %q for %s", token.Reveal(), life)
		}
	})
}

func FuzzReadCallback(f *testing.F) {
	for _, c := range callbacks(f) {
		f.Add(c.body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		hint, err := readCallback(body)
		checkHint(t, hint, err)
		// What names an invoice does so in its own text, or escaped.
		if err == nil && !bytes.ContainsAny(body, "%\\") && !bytes.Contains(body, []byte(strings.TrimPrefix(hint.Aliases[0], aliasInvoice))) {
			t.Errorf("%q is not in the callback", hint.Aliases[0])
		}
	})
}

// checkSense holds what is true of an outcome whatever the answer was.
func checkSense(t *testing.T, obs payment.Observation, err error) {
	t.Helper()
	providertest.CheckOutcome(t, mappingVersion, obs, err)
	if obs.AmountUnverified {
		t.Errorf("observation %+v", obs)
	}
	if obs.Status == payment.Succeeded && obs.Amount != obs.Captured {
		t.Errorf("succeeded with other money than was taken: %+v", obs)
	}
	if (obs.Status == payment.PartiallyRefunded || obs.Status == payment.Refunded) && !some(obs.Refunded) {
		t.Errorf("refunded without money: %+v", obs)
	}
	if obs.Status == payment.PartiallyCaptured && !obs.Captured.Less(obs.Amount) {
		t.Errorf("captured in part, and not less than the whole: %+v", obs)
	}
}
