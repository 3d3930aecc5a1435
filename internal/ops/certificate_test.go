package ops

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/secret"
)

func clientOf(c webhooktest.Certificate) *webhook.ClientCertificate {
	return &webhook.ClientCertificate{Chain: secret.New(c.Chain), Key: secret.New(c.Key)}
}

// hide adds what must never be shown of a certificate.
func (d *desk) hide(all ...webhooktest.Certificate) {
	for _, c := range all {
		d.seen = append(d.seen, strings.Split(c.Key, "\n")[1], strings.Split(c.Chain, "\n")[1], "BEGIN")
	}
}

func TestSet_ReplacesTheClientCertificate_AndShowsItsSubjectAndExpiry(t *testing.T) {
	d := sit(t, nil)
	until := time.Now().AddDate(0, 1, 0).UTC().Truncate(time.Second)
	first, second := webhooktest.Make(t, "first", until), webhooktest.Make(t, "second", until.AddDate(0, 1, 0))
	d.hide(first, second)
	w := wish()
	w.Client, w.CAs = *clientOf(first), secret.New(first.Chain+second.Chain)
	d.add(w)
	if v := d.show("shop", "orders"); v.Client == nil || *v.Client != (CertificateView{"CN=first", until}) || v.CAs != 2 || v.Problem != "" {
		t.Errorf("%+v", v)
	}
	if err := d.Set(t.Context(), "shop", "orders", Change{Client: clientOf(second)}); err != nil {
		t.Fatal(err)
	}
	if v := d.show("shop", "orders"); v.Client.Subject != "CN=second" || v.CAs != 2 || len(v.Secrets) != 1 {
		t.Errorf("%+v", v)
	}
	used, err := d.target(t.Context(), name{"shop", "orders"})
	if err != nil || !used.Client.Equal(*clientOf(second)) {
		t.Errorf("another certificate is used, %v", err)
	}
	if err := d.Set(t.Context(), "shop", "orders", Change{Client: &webhook.ClientCertificate{}, CAs: &secret.Text{}}); err != nil {
		t.Fatal(err)
	}
	if v := d.show("shop", "orders"); v.Client != nil || v.CAs != 0 {
		t.Errorf("taken away, and there: %+v", v)
	}
}

func TestSet_RefusesWhatCanNotBeUsed_NamingTheField(t *testing.T) {
	d := sit(t, nil)
	now := time.Now()
	good, other, expired := webhooktest.Make(t, "good", now.AddDate(0, 1, 0)), webhooktest.Make(t, "other", now.AddDate(0, 1, 0)), webhooktest.Make(t, "expired", now.Add(-1))
	early := webhooktest.Make(t, "early", now.AddDate(1, 0, 1))
	d.hide(good, other, expired, early)
	d.add(wish())
	before := d.show("shop", "orders")
	nonsense := secret.New("canary")
	for what, c := range map[string]struct {
		change Change
		field  string
	}{
		"expired":           {Change{Client: clientOf(expired)}, "certificate_file"},
		"not valid yet":     {Change{Client: clientOf(early)}, "certificate_file"},
		"another's key":     {Change{Client: clientOf(webhooktest.Certificate{Chain: good.Chain, Key: other.Key})}, "key_file"},
		"key in the chain":  {Change{Client: clientOf(webhooktest.Certificate{Chain: good.Chain + good.Key, Key: good.Key})}, "certificate_file"},
		"no PEM":            {Change{Client: clientOf(webhooktest.Certificate{Chain: good.Chain, Key: "canary"})}, "key_file"},
		"authorities":       {Change{CAs: &nonsense}, "ca_file"},
		"nothing to change": {Change{}, "change"},
	} {
		err := d.Set(t.Context(), "shop", "orders", c.change)
		var faults *FaultsError
		if !errors.As(err, &faults) || len(faults.Faults) != 1 || faults.Faults[0].Field != c.field {
			t.Errorf("%s: %v, want a fault of %s", what, err, c.field)
			continue
		}
		for _, text := range d.seen {
			if strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v", what, err)
			}
		}
		w := wish()
		w.ID = "another"
		if c.change.Client != nil {
			w.Client = *c.change.Client
			if _, err := d.Add(t.Context(), w); !errors.As(err, &faults) || faults.Faults[0].Field != c.field {
				t.Errorf("added with what is %s: %v", what, err)
			}
		}
	}
	if after := d.show("shop", "orders"); after.Client != nil || !after.UpdatedAt.Equal(*before.UpdatedAt) {
		t.Errorf("changed: %+v", after)
	}
	for id, want := range map[string]error{"fixed": ErrConfigured, "nobody": ErrNoEndpoint} {
		if err := d.Set(t.Context(), "shop", id, Change{Client: clientOf(good)}); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestRotate_SealsTheClientKeyAnewWithTheNewestKey(t *testing.T) {
	b := brokertest.Start(t)
	open := func(ids ...string) *endpoint.Store {
		var keys []endpoint.Key
		for _, id := range ids {
			keys = append(keys, endpoint.Key{ID: id, Value: secret.New("c3RvcmUta2V5LXN0b3JlLWtleS1zdG9yZS1rZXktMzI=")})
		}
		store, err := endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: b, Keys: keys, AllowHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	made := webhooktest.Make(t, "first", time.Now().AddDate(0, 1, 0))
	d := sit(t, func(o *Options) { o.Store = open("old") })
	w := wish()
	w.Client = *clientOf(made)
	d.add(w)
	d.o.Store = open("new", "old")
	if _, err := d.Rotate(t.Context(), "shop", "orders", 0); err != nil {
		t.Fatal(err)
	}
	d.o.Store = open("new") // the old one can go
	if used, err := d.target(t.Context(), name{"shop", "orders"}); err != nil || !used.Client.Equal(w.Client) {
		t.Errorf("%v", err)
	}
}

func TestTest_ShowsTheClientCertificate(t *testing.T) {
	made := webhooktest.Make(t, "first", time.Now().AddDate(0, 1, 0), "127.0.0.1")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{made.Pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: webhooktest.Pool(t, made)}
	server.StartTLS()
	defer server.Close()
	d := sit(t, func(o *Options) {
		o.Sender = sender(t, webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	})
	d.hide(made)
	w := wish()
	w.URL, w.CAs = server.URL, secret.New(made.Chain)
	d.add(w)
	for _, step := range []struct {
		change *webhook.ClientCertificate
		reason webhook.Reason
	}{{nil, webhook.ReasonTLSClientCertificate}, {clientOf(made), ""}} {
		if step.change != nil {
			if err := d.Set(t.Context(), "shop", "orders", Change{Client: step.change}); err != nil {
				t.Fatal(err)
			}
		}
		trial, err := d.Test(t.Context(), "shop", "orders")
		if err != nil || trial.Reason != step.reason || (trial.Class == webhook.ClassDelivered) != (step.reason == "") {
			t.Errorf("%+v, %v", trial, err)
		}
		if encoded, err := json.Marshal(trial); err != nil || strings.Contains(string(encoded), "BEGIN") {
			t.Errorf("%s, %v", encoded, err)
		}
	}
}
