package uapay

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/providers/providertest"
)

// dropped are the fields that must never leave the adapter: the key that decrypts
// a CVV, what opens a bank's page or a receipt, cards, accounts, free text.
var dropped = []string{
	"key", "form", "url", "redirect", "email", "cardFromMasked", "cardToMasked", "cardFromId", "cardToId", "receiptId",
	"receiptPath", "chequeLink", "extraInfo", "serviceData", "redirectUrl", "callbackUrl", "description",
}

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), nil, func(g providertest.Golden[asking], body []byte) []any {
		got, err := overHTTP(t, &fake{answer: always(string(body))}).Poll(t.Context(), g.Query())
		return []any{got, err}
	})
}

// What the golden cases call personal is all that stands in those fields, so that
// the test above proves what it says.
func TestGoldens_CallEveryDroppedFieldPersonal(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goldens(t) {
		for field, values := range personalValues(t, g.Body) {
			seen[field] = true
			for _, value := range values {
				if !slices.Contains(g.Want.Personal, value) && !slices.ContainsFunc(g.Want.Personal, func(p string) bool { return strings.Contains(value, p) }) {
					t.Errorf("%s: %q of the field %s is not in its list of personal values", g.Name, value, field)
				}
			}
		}
	}
	for _, field := range dropped {
		if !seen[field] {
			t.Errorf("no golden answer has the field %s, so nothing is proved of it", field)
		}
	}
}

// personalValues are the texts under each dropped field of an answer. An id under
// redirect is the payment's own; texts of three letters are found in anything.
func personalValues(t *testing.T, body []byte) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	var answer any
	if json.Unmarshal(body, &answer) != nil {
		return found
	}
	var walk func(value any, field string)
	walk = func(value any, field string) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				switch {
				case field == "" && slices.Contains(dropped, key):
					walk(inner, key)
				case key != "id":
					walk(inner, field)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner, field)
			}
		case string:
			if field != "" && len(v) > 3 {
				found[field] = append(found[field], v)
			}
		}
	}
	walk(answer, "")
	return found
}
