package providertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Limits of texts that leave an adapter: those of providers.CleanRaw and, for
// the provider's own number, of the events.
const (
	maxRaw       = 64
	maxReference = 255
)

// CheckHidden fails if one of the hidden texts shows in one of the values,
// however it is printed: passwords, tokens, addresses, what belongs to a payer.
// Of errors the whole chain is looked at.
func CheckHidden(t testing.TB, hidden []string, values ...any) {
	t.Helper()
	for _, value := range values {
		text := fmt.Sprintf("%v %+v %#v", value, value, value)
		if err, ok := value.(error); ok {
			text = chain(err)
		}
		for _, h := range hidden {
			if strings.Contains(text, h) {
				t.Errorf("%q shows in %s", h, text)
			}
		}
	}
}

// chain prints an error with all that it holds.
func chain(err error) string {
	var text strings.Builder
	for err != nil {
		text.WriteString(err.Error() + "\n")
		if e, ok := err.(*providers.Error); ok {
			fmt.Fprintf(&text, "%q %q %q %q\n", e.Doing, e.Detail, e.Setting, e.Raw)
		}
		err = errors.Unwrap(err)
	}
	return text.String()
}

// CheckOutcome fails if what a poll gave is not what providers.Provider
// promises, whatever the answer was. version is the profile's mapping version.
func CheckOutcome(t testing.TB, version string, obs payment.Observation, err error) {
	t.Helper()
	if err != nil {
		if obs != (payment.Observation{}) {
			t.Errorf("an observation came with the error: %+v", obs)
		}
		checkError(t, err)
		return
	}
	if !obs.Status.Valid() || obs.Status == payment.Unknown {
		t.Errorf("status %q is none that a provider can report", obs.Status)
	}
	if obs.MappingVersion != version {
		t.Errorf("mapping version %q, want %q", obs.MappingVersion, version)
	}
	reasoned := []payment.Status{payment.Failed, payment.Canceled, payment.Expired, payment.Review}
	if !obs.Reason.Valid() || slices.Contains(reasoned, obs.Status) != (obs.Reason != "") {
		t.Errorf("status %s with reason %q", obs.Status, obs.Reason)
	}
	checkMoney(t, obs)
	for _, text := range []string{obs.ProviderStatus, obs.ProviderCode, obs.ProviderMessage} {
		if !providers.Printable(text) || len(text) > maxRaw {
			t.Errorf("text %.300q is not short printable ASCII", text)
		}
	}
	if r := obs.ProviderReference; !utf8.ValidString(r) || len(r) > maxReference || strings.ContainsFunc(r, control) {
		t.Errorf("reference %.300q is no text to keep", r)
	}
	if _, err := obs.OccurredAt.MarshalJSON(); err != nil {
		t.Errorf("no event could hold the time: %v", err)
	}
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// checkMoney: the amounts of an answer are of one currency, and no more went
// back than was taken.
func checkMoney(t testing.TB, obs payment.Observation) {
	t.Helper()
	currency := ""
	for _, m := range []payment.Money{obs.Amount, obs.Captured, obs.Refunded} {
		if currency == "" {
			currency = m.Currency()
		}
		if m.Known() && m.Currency() != currency {
			t.Errorf("money of two currencies: %+v", obs)
		}
	}
	if obs.Captured.Less(obs.Refunded) {
		t.Errorf("more went back than was taken: %+v", obs)
	}
}

// checkError fails on an error that no caller could decide by.
func checkError(t testing.TB, err error) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %#v is no *providers.Error", err)
	}
	if !slices.Contains(providers.Kinds(), e.Kind) || e.Doing == "" {
		t.Errorf("error %v (%#v) lacks its kind or what was tried", err, e)
	}
	if e.Raw != providers.CleanRaw(e.Raw) || !providers.Printable(e.Error()) || len(e.Error()) > 512 {
		t.Errorf("error %.600q is not short printable ASCII", e.Error())
	}
	if e.Setting != "" && e.Kind != providers.Misconfigured {
		t.Errorf("error %v names a setting and is not misconfigured", err)
	}
	if e.RetryAfter < 0 || e.RetryAfter > 0 && e.Kind != providers.Throttled && e.Kind != providers.Unavailable {
		t.Errorf("error %v says to wait %s", err, e.RetryAfter)
	}
}
