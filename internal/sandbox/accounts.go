package sandbox

import (
	"maps"
	"slices"
	"strconv"

	"reconciler/internal/sandbox/ecommpay"
	"reconciler/internal/sandbox/finipay"
	"reconciler/internal/sandbox/halyk"
	"reconciler/internal/sandbox/uapay"
)

// The credentials of the simulated accounts. They are the same for every seed,
// so that a configuration written once fits every sandbox, and they open
// nothing but a sandbox.
const (
	finipayLogin      = "sandbox-login"
	finipayPassword   = "sandbox-password"
	halykClientID     = "sandbox-client"
	halykClientSecret = "sandbox-client-secret"
	halykTerminal     = "11111111-2222-4333-8444-555555555555"
	uapayClientID     = "7a0c1d2e-3f40-4512-8697-a8b9cadbecfd"
	uapaySecret       = "c2FuZGJveC11YXBheS1zZWNyZXQ="
	ecommpayProject   = 4711
	ecommpaySecret    = "sandbox-ecommpay-secret"
)

// Account is what a client needs to talk to one simulated provider.
type Account struct {
	// Provider is the provider's kind: "finipay".
	Provider string
	// Settings are base URLs and credentials by name. finipay: base_url, login,
	// password. halyk: api_url, token_url, client_id, client_secret, terminal.
	// uapay: base_url (with /api, as its documents give it), client_id, secret.
	// ecommpay: base_url, project_id, secret.
	Settings map[string]string
}

// Accounts lists one account per provider.
func (s *Sandbox) Accounts() []Account {
	return []Account{
		{Provider: Finipay, Settings: map[string]string{
			"base_url": s.urls[Finipay], "login": finipayLogin, "password": finipayPassword,
		}},
		{Provider: Halyk, Settings: map[string]string{
			"api_url": s.urls[Halyk], "token_url": s.urls[Halyk] + halyk.TokenPath, "client_id": halykClientID,
			"client_secret": halykClientSecret, "terminal": halykTerminal,
		}},
		{Provider: Uapay, Settings: map[string]string{
			"base_url": s.urls[Uapay] + "/api", "client_id": uapayClientID, "secret": uapaySecret,
		}},
		{Provider: Ecommpay, Settings: map[string]string{
			"base_url": s.urls[Ecommpay], "project_id": strconv.Itoa(ecommpayProject), "secret": ecommpaySecret,
		}},
	}
}

// Hook is one place where the merchant takes webhooks.
type Hook struct{ Name, URL, Secret string }

// Hooks lists the merchant's hooks by name.
func (s *Sandbox) Hooks() []Hook {
	var hooks []Hook
	for _, name := range slices.Sorted(maps.Keys(s.options.Merchant.Secrets)) {
		hooks = append(hooks, Hook{
			Name: name, URL: s.urls[MerchantPeer] + "/hooks/" + name, Secret: s.options.Merchant.Secrets[name],
		})
	}
	return hooks
}

// URL is the base URL of a peer (see Peers), without a slash at the end; empty
// for a name that is no peer.
func (s *Sandbox) URL(peer string) string { return s.urls[peer] }

// newFinipay and its sisters make the simulators with those credentials.
func (s *Sandbox) newFinipay() *finipay.Simulator {
	return finipay.New(finipay.Config{Login: finipayLogin, Password: finipayPassword, Book: s.book})
}

func (s *Sandbox) newHalyk() *halyk.Simulator {
	return halyk.New(halyk.Config{
		ClientID: halykClientID, ClientSecret: halykClientSecret, Terminal: halykTerminal,
		Book: s.book, Seed: s.options.Seed, Rough: s.plan.Rough(),
	})
}

func (s *Sandbox) newUapay() *uapay.Simulator {
	return uapay.New(uapay.Config{
		ClientID: uapayClientID, Secret: uapaySecret, Book: s.book, Seed: s.options.Seed, Rough: s.plan.Rough(),
	})
}

func (s *Sandbox) newEcommpay() *ecommpay.Simulator {
	return ecommpay.New(ecommpay.Config{ProjectID: ecommpayProject, Secret: ecommpaySecret, Book: s.book})
}
