package ops

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

const configuredSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// desk is an operator's place: a broker, the operations, and every secret seen.
type desk struct {
	*testing.T
	*Endpoints
	seen []string
}

func sit(t *testing.T, change func(*Options)) *desk {
	t.Helper()
	key := endpoint.Key{ID: "k1", Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))}
	store, err := endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: brokertest.Start(t), Keys: []endpoint.Key{key}, AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Store: store, AllowHTTP: true, Random: rand.Reader, Configured: []notify.Endpoint{{
		ID: "fixed", Merchant: "shop", URL: "https://fixed.example/?token=hidden-in-the-query", Secrets: []secret.Text{secret.New(configuredSecret)},
	}}}
	if change != nil {
		change(&o)
	}
	return &desk{T: t, Endpoints: NewEndpoints(o), seen: []string{configuredSecret, "canary", "hidden-in-the-query"}}
}

func (d *desk) add(w Wish) []NewSecret {
	d.Helper()
	made, err := d.Add(d.Context(), w)
	if err != nil {
		d.Fatal(err)
	}
	d.note(made)
	return made
}

func (d *desk) note(made []NewSecret) {
	for _, m := range made {
		if !m.Text.IsZero() {
			d.seen = append(d.seen, m.Text.Reveal())
		}
	}
}

// show gives an endpoint's view and checks that neither it nor any list holds a secret.
func (d *desk) show(merchant, id string) View {
	d.Helper()
	view, err := d.Show(d.Context(), merchant, id)
	if err != nil {
		d.Fatal(err)
	}
	list, err := d.List(d.Context(), "")
	if err != nil {
		d.Fatal(err)
	}
	encoded, err := json.Marshal([]any{view, list})
	if err != nil {
		d.Fatal(err)
	}
	for _, text := range d.seen {
		if strings.Contains(string(encoded), text) || strings.Contains(string(encoded), strings.TrimPrefix(text, "whsec_")) {
			d.Errorf("a secret is shown: %s", encoded)
		}
	}
	return view
}

func wish() Wish {
	return Wish{Merchant: "shop", ID: "orders", URL: "https://shop.example/hooks?token=hidden-in-the-query",
		Headers: []webhook.Header{{Name: "X-Api-Key", Value: secret.New("canary")}}}
}

func TestAdd_MakesSecretsByTheScheme_AndShowsThemOnce(t *testing.T) {
	d := sit(t, nil)
	for signing, want := range map[endpoint.Signing][]webhook.Scheme{
		"": {webhook.SchemeV1}, endpoint.SigningV1: {webhook.SchemeV1}, endpoint.SigningV1a: {webhook.SchemeV1a},
		endpoint.SigningBoth: {webhook.SchemeV1, webhook.SchemeV1a},
	} {
		w := wish()
		w.ID, w.Signing = "by-"+string(signing), signing
		var schemes []webhook.Scheme
		for _, m := range d.add(w) {
			schemes = append(schemes, m.Scheme)
			switch m.Scheme {
			case webhook.SchemeV1:
				if key, err := webhook.ParseSecret(m.Text); err != nil || len(key.Reveal()) != 32 || m.Public != "" {
					t.Errorf("secret of %d bytes, %v", len(key.Reveal()), err)
				}
			case webhook.SchemeV1a:
				if !strings.HasPrefix(m.Public, "whpk_") || !m.Text.IsZero() {
					t.Errorf("public key %.5s, secret key given away: %t", m.Public, !m.Text.IsZero())
				}
			}
		}
		if !slices.Equal(schemes, want) {
			t.Errorf("signing %q makes %v", signing, schemes)
		}
		view := d.show("shop", w.ID)
		if view.Status != endpoint.Enabled || view.Problem != "" || view.Source != InStore || view.URL != "https://shop.example/hooks?..." ||
			!slices.Equal(view.Headers, []string{"X-Api-Key"}) || len(view.Secrets) != len(want) {
			t.Errorf("%+v", view)
		}
	}
}

func TestAdd_NamesEveryFaultAtOnce_AndRepeatsNoValue(t *testing.T) {
	d := sit(t, nil)
	_, err := d.Add(t.Context(), Wish{
		ID: "fixed", Merchant: "shop", URL: "ftp://user:canary@x", Events: []string{"payment.canary"}, Signing: "v9",
		Headers: []webhook.Header{{Name: "Webhook-Id", Value: secret.New("canary")}}, Rate: -1, Concurrency: 10_001,
		Schedule: []time.Duration{-1}, Format: "xml",
	})
	var faults *FaultsError
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range faults.Faults {
		fields = append(fields, f.Field)
	}
	want := []string{"url", "url", "events[0]", "headers[0]", "schedule[0]", "format", "concurrency", "rate", "signing", "id"}
	if !slices.Equal(fields, want) {
		t.Errorf("faults of %v, want %v", fields, want)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a value is repeated: %v", err)
	}
	d.add(wish())
	if _, err := d.Add(t.Context(), wish()); !errors.As(err, &faults) || faults.Faults[0].Field != "id" {
		t.Errorf("added twice: %v", err)
	}
	other := wish()
	other.Merchant = "kiosk"
	d.add(other) // ids are each merchant's own
}

func TestRotate_LetsTheOldSecretSignUntilTheOverlapIsOver(t *testing.T) {
	d := sit(t, nil)
	d.add(wish())
	before := time.Now()
	made, err := d.Rotate(t.Context(), "shop", "orders", DefaultOverlap)
	if err != nil {
		t.Fatal(err)
	}
	d.note(made)
	view := d.show("shop", "orders")
	if len(view.Secrets) != 2 || view.Secrets[0].ID != made[0].ID || view.Secrets[0].ExpiresAt != nil ||
		view.Secrets[1].ExpiresAt.Sub(before) < DefaultOverlap || view.Secrets[1].ExpiresAt.Sub(before) > DefaultOverlap+time.Minute {
		t.Errorf("%+v", view.Secrets)
	}
	ends := *view.Secrets[1].ExpiresAt
	if made, err = d.Rotate(t.Context(), "shop", "orders", 2*DefaultOverlap); err != nil {
		t.Fatal(err)
	}
	d.note(made)
	if view = d.show("shop", "orders"); len(view.Secrets) != 3 || !view.Secrets[2].ExpiresAt.Equal(ends) {
		t.Errorf("a later rotation lengthens the life of an older secret: %+v", view.Secrets)
	}
	for range notify.MaxSecrets - 3 {
		if _, err := d.Rotate(t.Context(), "shop", "orders", DefaultOverlap); err != nil {
			t.Fatal(err)
		}
	}
	var faults *FaultsError
	if _, err := d.Rotate(t.Context(), "shop", "orders", DefaultOverlap); !errors.As(err, &faults) {
		t.Errorf("a ninth secret: %v", err)
	}
	if _, err := d.Rotate(t.Context(), "shop", "orders", 0); err != nil {
		t.Fatal(err)
	}
	if view = d.show("shop", "orders"); len(view.Secrets) != 1 {
		t.Errorf("%d secrets after a rotation without overlap", len(view.Secrets))
	}
	if _, err := d.Rotate(t.Context(), "shop", "orders", -1); !errors.As(err, &faults) {
		t.Errorf("%v", err)
	}
	if _, err := d.Rotate(t.Context(), "shop", "fixed", 0); !errors.Is(err, ErrConfigured) {
		t.Errorf("%v", err)
	}
	if _, err := d.Rotate(t.Context(), "kiosk", "orders", 0); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("another merchant rotates: %v", err)
	}
}

func TestSwitch_SaysSinceWhenAndWhy(t *testing.T) {
	d := sit(t, func(o *Options) {
		o.Configured = append(o.Configured, notify.Endpoint{ID: "off", Merchant: "shop", URL: "https://off.example", Disabled: true, Secrets: []secret.Text{secret.New(configuredSecret)}})
	})
	d.add(wish())
	steps := []struct {
		id      string
		verb    endpoint.Verb
		changed bool
		status  endpoint.Status
		err     error
	}{
		{"orders", endpoint.Resume, false, endpoint.Enabled, endpoint.ErrNotPaused},
		{"orders", endpoint.Pause, true, endpoint.Paused, nil},
		{"orders", endpoint.Resume, true, endpoint.Enabled, nil},
		{"orders", endpoint.Disable, true, endpoint.Disabled, nil},
		{"orders", endpoint.Disable, false, endpoint.Disabled, nil},
		{"orders", endpoint.Pause, false, endpoint.Disabled, endpoint.ErrIsDisabled},
		{"orders", endpoint.Enable, true, endpoint.Enabled, nil},
		{"fixed", endpoint.Disable, true, endpoint.Disabled, nil},
		{"fixed", endpoint.Enable, true, endpoint.Enabled, nil},
		{"off", endpoint.Enable, false, endpoint.Disabled, ErrOffInConfiguration},
	}
	for _, step := range steps {
		changed, err := d.Switch(t.Context(), "shop", step.id, step.verb)
		if changed != step.changed || !errors.Is(err, step.err) {
			t.Errorf("%s %s: %t, %v", step.verb, step.id, changed, err)
		}
		view := d.show("shop", step.id)
		if view.Status != step.status || step.id == "orders" && view.Status != endpoint.Enabled && (view.Since == nil || view.Reason != string(endpoint.ByOperator)) {
			t.Errorf("%s %s: %+v", step.verb, step.id, view)
		}
	}
	if _, err := d.Switch(t.Context(), "shop", "nobody", endpoint.Disable); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("%v", err)
	}
}

func TestRemove_ForgetsSecretsAndState(t *testing.T) {
	d := sit(t, nil)
	d.add(wish())
	if _, err := d.Switch(t.Context(), "shop", "orders", endpoint.Disable); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), "shop", "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Show(t.Context(), "shop", "orders"); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("%v", err)
	}
	if is, err := d.o.Store.State(t.Context(), "shop", "orders"); err != nil || !is.On() {
		t.Errorf("its state is kept: %+v, %v", is, err)
	}
	// The end of a removal may never come: its worker died, say.
	if _, _, err := d.o.Store.Do(t.Context(), "shop", "orders", endpoint.Disable); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), "shop", "orders"); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("removed twice: %v", err)
	}
	if err := d.Remove(t.Context(), "shop", "fixed"); !errors.Is(err, ErrConfigured) {
		t.Errorf("%v", err)
	}
	d.add(wish())
	if view := d.show("shop", "orders"); view.Status != endpoint.Enabled {
		t.Errorf("the new endpoint has the old one's state: %+v", view)
	}
}

func TestList_GivesEachMerchantItsOwnOnly(t *testing.T) {
	d := sit(t, nil)
	d.add(wish())
	other := wish()
	other.Merchant, other.URL = "kiosk.*", "https://kiosk.example"
	d.add(other)
	for merchant, want := range map[string]int{"shop": 2, "kiosk.*": 1, "": 3, "kiosk": 0} {
		views, err := d.List(t.Context(), merchant)
		if err != nil || len(views) != want {
			t.Errorf("%q: %d endpoints, %v, want %d", merchant, len(views), err, want)
		}
		for _, v := range views {
			if merchant != "" && v.Merchant != merchant {
				t.Errorf("%q sees an endpoint of %q", merchant, v.Merchant)
			}
		}
	}
}

func TestEndpoints_WithoutAKey_StillServeTheConfiguration(t *testing.T) {
	store, err := endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: brokertest.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	d := sit(t, func(o *Options) { o.Store = store })
	if _, err := d.Add(t.Context(), wish()); !errors.Is(err, endpoint.ErrNoKeys) {
		t.Errorf("%v", err)
	}
	if changed, err := d.Switch(t.Context(), "shop", "fixed", endpoint.Disable); err != nil || !changed {
		t.Errorf("%t, %v", changed, err)
	}
}

// receiver takes webhooks and remembers them.
func receiver(t *testing.T, answer func(http.ResponseWriter, *http.Request, []byte)) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, r, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func sender(t *testing.T, policy webhook.Policy) *webhook.Sender {
	t.Helper()
	s, err := webhook.New(webhook.Options{Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestTest_SendsASignedEventAndShowsEachStep(t *testing.T) {
	loopback := webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	d := sit(t, func(o *Options) { o.Sender = sender(t, loopback) })
	var text string
	server := receiver(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		verifier, err := webhooks.NewWebhook(text)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil || r.Header.Get("X-Api-Key") != "canary" || !strings.Contains(string(body), `"type":"webhook.test"`) {
			t.Errorf("%s: %v, headers %v", body, err, r.Header)
		}
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, "no\nmore")
	})
	w := wish()
	w.URL = server.URL
	text = d.add(w)[0].Text.Reveal()
	if _, err := d.Switch(t.Context(), "shop", "orders", endpoint.Pause); err != nil {
		t.Fatal(err)
	}
	trial, err := d.Test(t.Context(), "shop", "orders")
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, p := range trial.Phases {
		steps = append(steps, p.Name)
	}
	if trial.Class != webhook.ClassGone || trial.Action != notify.Disable || trial.Status != 410 || trial.Excerpt != `no\nmore` ||
		!slices.Equal(steps, []string{"connect", "request", "answer"}) {
		t.Errorf("%+v", trial)
	}
	if view := d.show("shop", "orders"); view.Status != endpoint.Paused || view.Reason != string(endpoint.ByOperator) {
		t.Errorf("a test changed how the endpoint stands: %+v", view)
	}
	if _, err := d.Test(t.Context(), "kiosk", "orders"); !errors.Is(err, ErrNoEndpoint) {
		t.Errorf("another merchant's endpoint was tested: %v", err)
	}
}

func TestTest_ConnectsOnlyWhereThePolicyAllows(t *testing.T) {
	d := sit(t, func(o *Options) { o.Sender = sender(t, webhook.Policy{}) })
	server := receiver(t, func(http.ResponseWriter, *http.Request, []byte) { t.Error("the policy was not asked") })
	w := wish()
	w.URL = server.URL
	d.add(w)
	trial, err := d.Test(t.Context(), "shop", "orders")
	if err != nil || trial.Class != webhook.ClassBlockedAddress || len(trial.Phases) > 0 {
		t.Errorf("%+v, %v", trial, err)
	}
}
