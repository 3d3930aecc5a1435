package finipay

import (
	"testing"

	"reconciler/internal/providers/providertest"
)

// account is what a golden case says of the account.
type account struct {
	AmountUnverified bool   `json:"amount_unverified"`
	WalletConfirmed  string `json:"wallet_confirmed"`
	NotFoundCode     string `json:"not_found_code"`
}

func goldens(t testing.TB) []providertest.Golden[account] {
	t.Helper()
	return providertest.Goldens[account](t, 73)
}

func TestPoll_ReadsEveryGoldenAnswer(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			p := &provider{Reply: g.Reply()}
			adapter := setup(t, p, func(c *Config) {
				c.AmountUnverified, c.WalletConfirmed, c.NotFoundCode = g.Case.AmountUnverified, g.Case.WalletConfirmed, g.Case.NotFoundCode
			})
			obs, err := providertest.Poll(t, adapter, g.Query())
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
	requests := p.requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests, want 1", len(requests))
	}
	order := g.Want.Reference[orderKey]
	want := asked{
		method: "GET", uri: "/api/v1.1.0/status", contentType: "application/json", accept: "application/json",
		login: testLogin, password: testPassword, body: `{"orderNumber":"` + order + `","language":"en"}`,
	}
	if id := g.Want.Reference[transactionKey]; id != "" {
		want.uri, want.body, want.contentType = "/gen/qr/transaction/status?transaction_id="+id, "", ""
	}
	want.length = int64(len(want.body))
	if requests[0] != want {
		t.Errorf("asked %+v\nwant  %+v", requests[0], want)
	}
}

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), nil, func(g providertest.Golden[account], body []byte) []any {
		adapter := setup(t, &provider{Reply: providertest.Reply{Body: string(body)}}, nil)
		obs, err := adapter.Poll(t.Context(), g.Query())
		return []any{obs, err}
	})
}
