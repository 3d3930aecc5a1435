package halyk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox"
	simulator "reconciler/internal/sandbox/halyk"
	"reconciler/internal/secret"
)

// simulated starts the simulator and gives the settings of its account.
func simulated(t *testing.T) (Config, *http.Transport) {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Stop(context.Background()) })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	for _, a := range box.Accounts() {
		if a.Provider == sandbox.Halyk {
			s := a.Settings
			return Config{
				APIURL: s["api_url"], TokenURL: s["token_url"], ClientID: s["client_id"], ClientSecret: secret.New(s["client_secret"]), Terminal: s["terminal"],
			}, transport
		}
	}
	t.Fatal("the sandbox has no account at halyk")
	return Config{}, nil
}

// TestPoll_FallsIntoNoTrap says of every trap of the simulator what it is: the
// kind of error, or the status and what a fresh payment becomes.
func TestPoll_FallsIntoNoTrap(t *testing.T) {
	want := map[string]string{
		"900101": "unknown_status", "900102": "not_found", "900103": "unavailable", "900105": "unknown_status",
		"900106": "unknown_status", "900107": "throttled", "900108": "unknown_status", "900110": "unreadable",
		"900200": "unreadable", "900201": "unavailable",
		"900301": "processing, processing", "900302": "requires_action, requires_action",
		"900303": "requires_action, requires_action", "900304": "authorized, authorized",
		"900305": "unknown_status", "900306": "unknown_status", "900307": "unknown_status", "900308": "unknown_status", "900309": "unknown_status",
		"900310": "processing, processing", "900311": "processing, processing", // the first of their turns
		"900401": "partially_captured, partially_captured", "900402": "inconsistent", "900403": "succeeded, review amount_missing",
		"900404": "unreadable", "900405": "succeeded, review amount_mismatch", "900406": "succeeded, succeeded",
		"900407": "review, review amount_missing", "900408": "review, review contradiction",
		"900409": "partially_refunded, partially_refunded",
		"900501": "processing, processing", "900502": "failed, failed provider_other", "900503": "failed, failed provider_error",
		"900504": "failed, failed provider_other", "900505": "failed, failed provider_other",
		"900601": "identity_mismatch", "900602": "identity_mismatch",
	}
	cfg, transport := simulated(t)
	adapter, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	for _, trap := range simulator.Traps() {
		q := query(t)
		q.Reference = payment.Reference{invoiceKey: trap.Invoice}
		obs, err := providertest.Poll(t, adapter, q)
		checkSense(t, obs, err)
		got := string(obs.Status) + ", "
		var failure *providers.Error
		if errors.As(err, &failure) {
			got = failure.Kind.String()
		} else {
			got += fresh(t, q.Expected, obs)
		}
		if got != want[trap.Invoice] {
			t.Errorf("%s: %s, %v; want %s", trap.Says, got, err, want[trap.Invoice])
		}
	}
	if len(want) != len(simulator.Traps()) {
		t.Errorf("%d traps are expected, the simulator has %d", len(want), len(simulator.Traps()))
	}
}

// TestPoll_FollowsTheTurnsOfTheSimulator: not found after found says nothing
// about the payment, and 454 is not the end of it.
func TestPoll_FollowsTheTurnsOfTheSimulator(t *testing.T) {
	cfg, transport := simulated(t)
	adapter, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	for invoice, want := range map[string][]any{
		"900310": {payment.Processing, payment.Succeeded, providers.NotFound, payment.Processing},
		"900311": {payment.Processing, payment.Succeeded, payment.Processing},
	} {
		q := query(t)
		q.Reference = payment.Reference{invoiceKey: invoice}
		for n := range want {
			obs, err := adapter.Poll(t.Context(), q)
			var failure *providers.Error
			if errors.As(err, &failure) && failure.Kind == want[n] || err == nil && obs.Status == want[n] {
				continue
			}
			t.Errorf("%s, look %d: %s, %v; want %v", invoice, n, obs.Status, err, want[n])
		}
	}
}

// The addresses for tests have other paths, and tokens of their own.
func TestPoll_NeedsBothAddressesOfOneEnvironment(t *testing.T) {
	cfg, transport := simulated(t)
	api, token := cfg.APIURL, strings.TrimSuffix(cfg.TokenURL, simulator.TokenPath)
	rows := []struct {
		name, api, token string
		kind             providers.Kind
		setting          string
	}{
		{"production", api, token + simulator.TokenPath, 0, ""},
		{"tests", api + simulator.TestAPIPath, token + simulator.TestTokenPath, 0, ""},
		{"production with tokens of the tests", api, token + simulator.TestTokenPath, providers.Misconfigured, "client_id"},
		{"tests with tokens of production", api + simulator.TestAPIPath, token + simulator.TokenPath, providers.Misconfigured, "client_id"},
		{"a wrong path at the tests", api + simulator.TestAPIPath + "/v2", token + simulator.TestTokenPath, providers.Unavailable, ""},
		{"a wrong path in production", api + "/v2", token + simulator.TokenPath, providers.Misconfigured, "api_url"},
		{"a wrong token path at the tests", api, token + "/epay2/oauth2", providers.Unavailable, ""},
		{"a wrong token path in production", api, token + "/oauth2", providers.Misconfigured, "token_url"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			cfg.APIURL, cfg.TokenURL = row.api, row.token
			adapter, err := New(cfg, transport)
			if err != nil {
				t.Fatal(err)
			}
			q := query(t)
			q.Reference = payment.Reference{invoiceKey: "900301"}
			_, err = adapter.Poll(t.Context(), q)
			if row.kind == 0 {
				if err != nil {
					t.Errorf("Poll: %v", err)
				}
				return
			}
			providertest.Refusal{Kind: row.kind, Setting: row.setting}.Check(t, err)
		})
	}
}

// TestPoll_FollowsTheTurnsThatAreKnown: what a payment of 1500.50 KZT becomes by
// one answer after another.
func TestPoll_FollowsTheTurnsThatAreKnown(t *testing.T) {
	word := func(status, reason string) members { return members{"statusName": status, "reasonCode": reason} }
	part := members{"statusName": "REFUND", "amount": amount("1000"), "payoutAmount": amount("500.5")}
	whole := members{"statusName": "REFUND", "amount": 0, "payoutAmount": amount("1500.5")}
	again := members{"statusName": "FAILED", "reasonCode": "484", "id": "another-try"}
	rows := []struct {
		name string
		told []members
		want string
	}{
		{"454, then paid", []members{word("FAILED", "454"), word("CHARGE", "00")}, "succeeded"},
		{"454, then refused", []members{word("FAILED", "454"), word("FAILED", "484")}, "failed insufficient_funds"},
		{"3D, then paid", []members{word("3D", ""), word("CHARGE", "00")}, "succeeded"},
		{"459, then paid after all", []members{word("FAILED", "459"), word("CHARGE", "00")}, "succeeded"},
		{"held, then paid", []members{word("AUTH", "00"), word("CHARGE", "00")}, "succeeded"},
		{"held, then a part paid", []members{word("AUTH", "00"), {"statusName": "CHARGE", "amount": 1000}}, "partially_captured"},
		{"held, then released", []members{word("AUTH", "00"), word("CANCEL_OLD", "00")}, "canceled canceled"},
		{"paid, then canceled", []members{word("CHARGE", "00"), word("CANCEL", "00")}, "review contradiction"},
		{"paid, then a part refunded, then all", []members{word("CHARGE", "00"), part, whole}, "refunded"},
		{"a part refunded, payoutAmount filled later", []members{word("CHARGE", "00"), {"statusName": "REFUND", "amount": amount("1000")}, part}, "same"},
		{"paid, then another try that was refused", []members{word("CHARGE", "00"), again}, "review contradiction"},
		{"paid, then another try that has begun", []members{word("CHARGE", "00"), {"statusName": "NEW", "id": "another-try"}}, "regressed"},
		{"refused, then another try that was paid", []members{again, word("CHARGE", "00")}, "succeeded"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var seen []payment.Observation
			for _, m := range row.told {
				obs, err := decode([]byte(transaction(t, m)), query(t), goodConfig())
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, obs)
			}
			if got := fresh(t, query(t).Expected, seen...); got != row.want {
				t.Errorf("the last answer makes it %q, want %q", got, row.want)
			}
		})
	}
}
