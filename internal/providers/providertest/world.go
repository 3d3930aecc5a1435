package providertest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/sandboxtest"
)

// world is a sandbox and the adapter of its account of one provider.
type world struct {
	provider string
	sandbox  *sandbox.Sandbox
	settings map[string]string
	adapter  providers.Provider
	// hidden are texts that may show in no error and no observation: personal
	// data, credentials, addresses.
	hidden []string
}

// onSockets starts a world on loopback; it ends with the test.
func (s Subject) onSockets(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	return s.start(t, o, &http.Transport{})
}

// inMemory starts a world in the bubble of the test.
func (s Subject) inMemory(t *testing.T, o sandbox.Options) *world {
	t.Helper()
	network := sandboxtest.NewNetwork()
	o.Listen = network.Listen
	return s.start(t, o, &http.Transport{DialContext: network.Dial})
}

func (s Subject) start(t *testing.T, o sandbox.Options, transport *http.Transport) *world {
	t.Helper()
	box, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := box.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	w := &world{provider: s.Provider, sandbox: box, hidden: sandbox.PersonalMarkers()}
	for _, a := range box.Accounts() {
		if a.Provider == s.Provider {
			w.settings = a.Settings
		}
	}
	for _, value := range w.settings {
		w.hidden = append(w.hidden, hide(value)...)
	}
	w.adapter = s.adapter(t, w.settings, transport)
	return w
}

// hide gives what of a setting's value may not show: of a URL the address. A
// short number would be found in amounts.
func hide(value string) []string {
	if u, err := url.Parse(value); err == nil && u.Host != "" {
		return []string{u.Host}
	}
	if len(value) < 6 {
		return nil
	}
	return []string{value}
}

func (s Subject) adapter(t testing.TB, settings map[string]string, transport http.RoundTripper) providers.Provider {
	t.Helper()
	p, err := s.New(settings, transport)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// create makes payments of every life that the provider can tell, each some
// times, in all its currencies and with sums that are hard to divide; of finipay
// also those of the QR API.
func (w *world) create(t testing.TB, times int) []sandbox.Payment {
	t.Helper()
	var all []sandbox.Payment
	currencies, sums := sandbox.Currencies(w.provider), []int64{150_050, 2, 99_999_999, 1_001}
	for range times {
		for _, life := range sandbox.Lives() {
			if !life.For(w.provider) {
				continue
			}
			n := len(all)
			wish := sandbox.CreateOptions{
				Provider: w.provider, Life: life.Name, Currency: currencies[n%len(currencies)], AmountMinor: sums[n%len(sums)],
			}
			all = append(all, w.make(t, wish))
			wish.QR = w.provider == sandbox.Finipay
			if qr, err := w.sandbox.Create(wish); wish.QR && err == nil {
				all = append(all, qr)
			} else if fault := (*sandbox.FieldError)(nil); wish.QR && (!errors.As(err, &fault) || fault.Field != "life") {
				t.Fatal(err)
			}
		}
	}
	return all
}

func (w *world) make(t testing.TB, wish sandbox.CreateOptions) sandbox.Payment {
	t.Helper()
	made, err := w.sandbox.Create(wish)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// charged makes payments that are charged already; several, because not all are
// asked for in the same way.
func (w *world) charged(t testing.TB, n int) []sandbox.Payment {
	t.Helper()
	all := make([]sandbox.Payment, n)
	for i := range all {
		all[i] = w.make(t, sandbox.CreateOptions{
			Provider: w.provider, Life: "charged_at_once", Currency: sandbox.Currencies(w.provider)[0], AmountMinor: 150_050,
		})
	}
	return all
}

// question is the first question about a payment.
func question(t testing.TB, made sandbox.Payment) providers.Query {
	t.Helper()
	money, err := payment.MinorMoney(made.AmountMinor, made.Currency)
	if err != nil {
		t.Fatal(err)
	}
	return providers.Query{Reference: made.Reference, Expected: money, Last: payment.Pending}
}

// checkPoll checks what every poll promises.
func (w *world) checkPoll(t testing.TB, q providers.Query, obs payment.Observation, err error) {
	t.Helper()
	CheckOutcome(t, w.adapter.Profile().MappingVersion, obs, err)
	CheckHidden(t, w.hidden, obs, err)
	if err != nil {
		for key, value := range q.Reference {
			if key != "kind" { // a word, no number of anybody
				CheckHidden(t, []string{value}, err)
			}
		}
	}
}
