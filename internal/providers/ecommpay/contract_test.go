package ecommpay

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
)

// configured makes the adapter of a simulated account.
func configured(s map[string]string, transport http.RoundTripper) (providers.Provider, error) {
	project, err := strconv.ParseInt(s["project_id"], 10, 64)
	if err != nil {
		return nil, err
	}
	return New(Config{BaseURL: s["base_url"], ProjectID: project, Secret: secret.New(s["secret"])}, transport)
}

func TestAdapter_KeepsTheContract(t *testing.T) {
	providertest.Exercise(t, providertest.Subject{
		Provider: sandbox.Ecommpay,
		New:      configured,
		Wrong: map[string]string{
			"project_id": "4712", "secret": "secret-of-others",
		},
	})
}

// The simulator answers for some reserved payments as the Gate never should.
func TestPoll_FallsIntoNoTrapOfTheSimulator(t *testing.T) {
	a := simulated(t)
	whole := providertest.Money(t, "1500.50 EUR")
	rows := map[string]struct {
		kind    providers.Kind
		setting string
		status  payment.Status
		reason  payment.Reason
		applied payment.Status
	}{
		"trap-unsigned":              {kind: providers.SignatureInvalid},
		"trap-another-key":           {kind: providers.SignatureInvalid},
		"trap-changed-after-signing": {kind: providers.SignatureInvalid},
		"trap-another-payment":       {kind: providers.IdentityMismatch},
		"trap-another-project":       {kind: providers.IdentityMismatch},
		"trap-unknown-status":        {kind: providers.UnknownStatus},
		"trap-payout":                {kind: providers.UnknownStatus},
		"trap-amount-as-text":        {kind: providers.Unreadable},
		"trap-not-found-unsigned":    {kind: providers.UnknownStatus},
		"trap-forbidden":             {kind: providers.Misconfigured, setting: "project_id"},
		"trap-rotated-key":           {kind: providers.Misconfigured, setting: "secret"},
		"trap-too-large":             {kind: providers.TooLarge},
		"trap-two-currencies":        {status: payment.Review, reason: payment.ReasonCurrencyMismatch, applied: payment.Review},
		"trap-declined-and-charged":  {status: payment.Review, reason: payment.ReasonContradiction, applied: payment.Review},
		"trap-partial-authorisation": {status: payment.Succeeded, applied: payment.Review},
		"trap-reversal-undone":       {status: payment.Succeeded, applied: payment.Succeeded},
		"20260203":                   {status: payment.Succeeded, applied: payment.Succeeded},
	}
	for id, row := range rows {
		t.Run(id, func(t *testing.T) {
			q := providers.Query{Reference: payment.Reference{keyPayment: id}, Expected: whole, Last: payment.Pending}
			obs, err := providertest.Poll(t, a, q)
			providertest.CheckOutcome(t, mappingVersion, obs, err)
			if row.kind != 0 {
				var e *providers.Error
				if !errors.As(err, &e) || e.Kind != row.kind || e.Setting != row.setting {
					t.Errorf("%v, want %s about %q", err, row.kind, row.setting)
				}
				return
			}
			if err != nil || obs.Status != row.status || obs.Reason != row.reason {
				t.Fatalf("%+v, %v", obs, err)
			}
			now := time.Now()
			state, _ := payment.Begin(payment.Created{ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "a-1", Expected: whole, CreatedAt: now}, now)
			if _, event := payment.Apply(state, payment.Look{Observation: obs, At: now}); event.Data.Status != row.applied {
				t.Errorf("becomes %s, want %s", event.Data.Status, row.applied)
			}
		})
	}
}

// simulated starts the simulated Gate and gives the adapter of its account.
func simulated(t *testing.T) providers.Provider {
	t.Helper()
	box, err := sandbox.Start(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := box.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, account := range box.Accounts() {
		if account.Provider == sandbox.Ecommpay {
			a, err := configured(account.Settings, transport)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
	}
	t.Fatal("no account")
	return nil
}
