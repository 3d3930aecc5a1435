package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// Golden is a provider's answer as it is recorded in
// testdata/golden/<name>.json, and what has to become of it, in
// <name>.want.json. S holds what one provider's cases say beside Want: settings
// of the account, requests to expect. Its json tags name them.
type Golden[S any] struct {
	Name string
	Body []byte
	Want Want
	Case S
}

// Want is what all providers' cases say.
type Want struct {
	About     string            `json:"about"`
	Reference payment.Reference `json:"reference"`
	// Expected is the money of the payment; absent where no rule looks at it.
	Expected expected `json:"expected"`
	Bound    string   `json:"bound"`
	// Last is the payment's last status; default: pending.
	Last payment.Status `json:"last"`
	// HTTP is the status the answer came under; default: 200.
	HTTP int `json:"http"`
	// Observation, which is called want in some, or Error is what comes of it.
	Observation *seen    `json:"observation"`
	Older       *seen    `json:"want"`
	Error       *refused `json:"error"`
	// Applied is the status and reason of a fresh payment after the observation,
	// "same" where nothing changes.
	Applied string `json:"applied"`
	// Personal are values of the answer that may show nowhere.
	Personal []string `json:"personal"`
}

// expected is money as "33.00 USD" or as {"amount":"33.00","currency":"USD"}.
type expected struct{ payment.Money }

// UnmarshalJSON reads both forms.
func (e *expected) UnmarshalJSON(data []byte) error {
	var m struct{ Amount, Currency string }
	var text string
	if json.Unmarshal(data, &text) == nil {
		m.Amount, m.Currency, _ = strings.Cut(text, " ")
	} else if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	money, err := payment.ParseMoney(m.Amount, m.Currency)
	e.Money = money
	return err
}

// seen is an observation in words.
type seen struct {
	Status            payment.Status `json:"status"`
	Reason            payment.Reason `json:"reason"`
	Amount            string         `json:"amount"`
	Captured          string         `json:"captured"`
	Refunded          string         `json:"refunded"`
	AmountUnverified  bool           `json:"amount_unverified"`
	ProviderStatus    string         `json:"provider_status"`
	ProviderCode      string         `json:"provider_code"`
	ProviderMessage   string         `json:"provider_message"`
	ProviderReference string         `json:"provider_reference"`
	// MappingVersion is the profile's where a case does not say it.
	MappingVersion string    `json:"mapping_version"`
	OccurredAt     time.Time `json:"occurred_at,omitzero"`
}

type refused struct {
	Kind    string `json:"kind"`
	Raw     string `json:"raw"`
	Setting string `json:"setting"`
}

func show(o payment.Observation) seen {
	text := func(m payment.Money) string {
		if !m.Known() {
			return ""
		}
		return m.String()
	}
	return seen{
		Status: o.Status, Reason: o.Reason, Amount: text(o.Amount), Captured: text(o.Captured), Refunded: text(o.Refunded),
		AmountUnverified: o.AmountUnverified, ProviderStatus: o.ProviderStatus, ProviderCode: o.ProviderCode,
		ProviderMessage: o.ProviderMessage, ProviderReference: o.ProviderReference, MappingVersion: o.MappingVersion,
		OccurredAt: o.OccurredAt,
	}
}

// Goldens reads every case; least is how many there are at least. A key that is
// neither Want's nor S's is a fault of the case.
func Goldens[S any](t testing.TB, least int) []Golden[S] {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.want.json"))
	if err != nil || len(files) < least {
		t.Fatalf("%d golden cases, want at least %d; %v", len(files), least, err)
	}
	cases := make([]Golden[S], len(files))
	for i, file := range files {
		g := Golden[S]{Name: strings.TrimSuffix(filepath.Base(file), ".want.json")}
		if g.Body, err = os.ReadFile(strings.TrimSuffix(file, ".want.json") + ".json"); err != nil {
			t.Fatal(err)
		}
		if err := g.read(file); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases[i] = g
	}
	return cases
}

// read reads what is wanted and checks that it is one thing.
func (g *Golden[S]) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var theirs map[string]json.RawMessage
	if err := json.Unmarshal(text, &theirs); err != nil {
		return err
	}
	ours := map[string]json.RawMessage{}
	for field := range reflect.TypeFor[Want]().Fields() {
		key := field.Tag.Get("json")
		if value, ok := theirs[key]; ok {
			ours[key] = value
			delete(theirs, key)
		}
	}
	if err := errors.Join(strictly(ours, &g.Want), strictly(theirs, &g.Case)); err != nil {
		return err
	}
	if g.Want.Observation == nil {
		g.Want.Observation, g.Want.Older = g.Want.Older, nil
	}
	if (g.Want.Observation == nil) == (g.Want.Error == nil) || g.Want.Older != nil {
		return errors.New("wanted is one observation or an error")
	}
	return nil
}

func strictly(keys map[string]json.RawMessage, into any) error {
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// Query is the question of the case.
func (g Golden[S]) Query() providers.Query {
	q := providers.Query{Reference: g.Want.Reference, Expected: g.Want.Expected.Money, Bound: g.Want.Bound, Last: g.Want.Last}
	if q.Last == "" {
		q.Last = payment.Pending
	}
	return q
}

// Reply is the answer of the case.
func (g Golden[S]) Reply() Reply { return Reply{Status: g.Want.HTTP, Body: string(g.Body)} }

// Check fails unless an adapter made of the answer what is wanted, and kept the
// case's personal values to itself.
func (g Golden[S]) Check(t testing.TB, version string, obs payment.Observation, err error) {
	t.Helper()
	CheckOutcome(t, version, obs, err)
	for _, value := range g.Want.Personal {
		if !bytes.Contains(g.Body, []byte(value)) {
			t.Errorf("%q is not in the answer, so its absence proves nothing", value)
		}
	}
	CheckHidden(t, g.Want.Personal, obs, err)
	if g.Want.Error != nil {
		var e *providers.Error
		if !errors.As(err, &e) {
			t.Fatalf("got %+v and error %v, want error %+v", show(obs), err, *g.Want.Error)
		}
		if got := (refused{Kind: e.Kind.String(), Raw: e.Raw, Setting: e.Setting}); got != *g.Want.Error {
			t.Errorf("error %+v (%v), want %+v", got, err, *g.Want.Error)
		}
		return
	}
	if err != nil {
		t.Fatalf("Poll: %v", err)
	}
	want := *g.Want.Observation
	if want.MappingVersion == "" {
		want.MappingVersion = version
	}
	if got := show(obs); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := g.applied(obs); g.Want.Applied != "" && got != g.Want.Applied {
		t.Errorf("the payment becomes %q, want %q", got, g.Want.Applied)
	}
}

// applied is what a fresh payment becomes by an observation.
func (g Golden[S]) applied(obs payment.Observation) string {
	now := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	state, _ := payment.Begin(payment.Created{ID: "e-1", PaymentID: "p-1", MerchantID: "m-1", Account: "a-1", Expected: g.Want.Expected.Money, CreatedAt: now}, now)
	move, event := payment.Apply(state, payment.Look{Observation: obs, At: now})
	if move != payment.Changed {
		return move.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", event.Data.Status, event.Data.Reason))
}
