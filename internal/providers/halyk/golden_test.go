package halyk

import (
	"net/url"
	"reflect"
	"testing"

	"reconciler/internal/providers/providertest"
)

// account is what a golden case says of the account.
type account struct {
	Terminal string `json:"terminal"`
	TwoStage bool   `json:"two_stage"`
}

func (a account) apply(c *Config) { c.Terminal, c.TwoStage = a.Terminal, a.TwoStage }

func goldens(t testing.TB) []providertest.Golden[account] {
	t.Helper()
	return providertest.Goldens[account](t, 65)
}

func TestPoll_ReadsEveryGoldenAnswer(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			p := &provider{answer: g.Reply()}
			obs, err := providertest.Poll(t, setup(t, p, g.Case.apply), g.Query())
			g.Check(t, mappingVersion, obs, err)
			if g.Want.Error == nil && g.Want.Applied == "" {
				t.Error("the case does not say what the payment becomes")
			}
			checkRequest(t, g, p)
		})
	}
}

func checkRequest(t *testing.T, g providertest.Golden[account], p *provider) {
	t.Helper()
	requests, forms := p.requests(), p.tokenForms()
	if len(requests) != 1 || len(forms) != 1 {
		t.Fatalf("%d status and %d token requests, want 1 and 1", len(requests), len(forms))
	}
	want := asked{
		method: "GET", uri: "/api/check-status/payment/transaction/" + g.Want.Reference[invoiceKey],
		authorization: "Bearer token-1", accept: "application/json",
	}
	if requests[0] != want {
		t.Errorf("asked %+v\nwant  %+v", requests[0], want)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {documentedScope}, "client_id": {testClient},
		"client_secret": {testSecret}, "terminal": {g.Case.Terminal},
	}
	if !reflect.DeepEqual(forms[0], form) {
		t.Errorf("token asked with %v, want %v", forms[0], form)
	}
}

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), nil, func(g providertest.Golden[account], body []byte) []any {
		adapter := setup(t, &provider{answer: providertest.Reply{Body: string(body)}}, g.Case.apply)
		obs, err := adapter.Poll(t.Context(), g.Query())
		return []any{obs, err}
	})
}
