package consumer

import (
	"testing"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/secret"
)

func TestParties_MakeAnEndpointsPartyAnew_WhenItIsReachedInAnotherWay(t *testing.T) {
	sender, err := webhook.New(webhook.Options{})
	if err != nil {
		t.Fatal(err)
	}
	guards := func(e notify.Endpoint) (*guard.Guard, error) {
		return newGuard(t, guard.Options{Name: e.ID, Concurrency: 1, TimeLimit: time.Second, Consecutive: 1, Reopen: []time.Duration{time.Minute}}), nil
	}
	client := func() webhook.ClientCertificate {
		made := webhooktest.Make(t, "caller", time.Now().AddDate(0, 1, 0))
		return webhook.ClientCertificate{Chain: secret.New(made.Chain), Key: secret.New(made.Key)}
	}
	p := newParties(guards, sender)
	e := notify.Endpoint{Merchant: "m", ID: "a", URL: "https://shop.example", Concurrency: 1, Client: client()}
	of := func(e notify.Endpoint) *party {
		t.Helper()
		made, err := p.of(e)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	for name, c := range map[string]struct {
		change func(*notify.Endpoint)
		anew   bool
	}{
		"nothing": {func(*notify.Endpoint) {}, false},
		"the same certificate, read again": {func(e *notify.Endpoint) {
			e.Client = webhook.ClientCertificate{Chain: secret.New(e.Client.Chain.Reveal()), Key: secret.New(e.Client.Key.Reveal())}
		}, false},
		"secrets":            {func(e *notify.Endpoint) { e.Secrets = []secret.Text{secret.New(hookSecret)} }, false},
		"certificate":        {func(e *notify.Endpoint) { e.Client = client() }, true},
		"no certificate":     {func(e *notify.Endpoint) { e.Client = webhook.ClientCertificate{} }, true},
		"authorities":        {func(e *notify.Endpoint) { e.CAs = e.Client.Chain }, true},
		"URL":                {func(e *notify.Endpoint) { e.URL += "/hooks" }, true},
		"concurrency":        {func(e *notify.Endpoint) { e.Concurrency++ }, true},
		"rate":               {func(e *notify.Endpoint) { e.Rate = 1 }, true},
		"another's endpoint": {func(e *notify.Endpoint) { e.Merchant = "n" }, true},
	} {
		before := of(e)
		changed := e
		c.change(&changed)
		if after := of(changed); (after != before) != c.anew || of(changed) != after {
			t.Errorf("%s: made anew %t, want %t", name, after != before, c.anew)
		}
	}
	if _, err := p.of(notify.Endpoint{Merchant: "m", ID: "b", CAs: secret.New("canary")}); err == nil {
		t.Error("authorities that are none are taken")
	}
}
