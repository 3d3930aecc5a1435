package worker_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/providers/ecommpay"
	"reconciler/internal/providers/finipay"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/providers/uapay"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/secret"
	"reconciler/internal/worker"
)

// goldenKey is what the recorded answers of ecommpay are signed with, and what
// those of UAPAY are signed with here.
const goldenKey = "golden-secret"

// sample is an answer as a provider's document shows it, and its place on the
// test's network.
type sample struct {
	providertest.Golden[map[string]any]
	provider, address string
	// sealed are the answer's values that may show nowhere.
	sealed []string
	served chan struct{} // closed when all forms of the answer were served
}

// documentedSamples are those of all providers' golden files.
func documentedSamples(t *testing.T) []sample {
	t.Helper()
	var all []sample
	folder, err := filepath.Abs(filepath.Join("..", "providers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range catalog.All() {
		t.Chdir(filepath.Join(folder, e.Name))
		found := 0
		for _, g := range providertest.Goldens[map[string]any](t, 1) {
			if !strings.HasPrefix(g.Name, "documented") {
				continue
			}
			found++
			one := sample{Golden: g, provider: e.Name}
			one.sealed = one.private(t)
			all = append(all, one)
		}
		if found == 0 {
			t.Errorf("%s has no golden file of a documented answer", e.Name)
		}
	}
	return all
}

// forms are the answers to be served in turn. The sample itself is the last, and
// served for good, because it may end the watch.
func (s sample) forms() []providertest.Reply {
	text := string(s.Body)
	var all []providertest.Reply
	for _, body := range []string{
		text[:len(text)-3],
		strings.NewReplacer(`"status":"`, `"status":"X`, `"status": "`, `"status": "X`, `"statusName":"`, `"statusName":"X`, `"statusName": "`, `"statusName": "X`).Replace(text),
		strings.ReplaceAll(text, `"amount":`, `"amount":"x","was":`),
		strings.NewReplacer(`"id":`, `"id":"other","was":`, `"orderNumber":`, `"orderNumber":"other","was":`, `"invoiceID":`, `"invoiceID":"other","was":`).Replace(text),
	} {
		if body != text {
			all = append(all, providertest.Reply{Body: s.signed(body)})
		}
	}
	all = append(all, providertest.Reply{Status: 500, Body: text}, providertest.Reply{Status: 400, Body: text}, providertest.Reply{Status: 429, Body: text})
	return append(all, providertest.Reply{Status: s.Want.HTTP, Body: s.signed(text)})
}

// signed puts an answer of UAPAY into a token; those of ecommpay are recorded
// with their signatures, which the broken ones then lack.
func (s sample) signed(body string) string {
	var whole map[string]json.RawMessage
	if s.provider != "uapay" || json.Unmarshal([]byte(body), &whole) != nil {
		return body
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64(whole["data"])
	mac := hmac.New(sha256.New, []byte(goldenKey))
	_, _ = mac.Write([]byte(text))
	return fmt.Sprintf(`{"status":1,"data":{"token":"%s"}}`, text+"."+b64(mac.Sum(nil)))
}

// serve answers as the provider on the test's network: tokens and sessions to
// whoever asks, the forms to the rest.
func (s *sample) serve(t *testing.T, net *sandboxtest.Network) {
	t.Helper()
	listener, err := net.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.served = "http://"+listener.Addr().String(), make(chan struct{})
	forms := make(chan providertest.Reply, len(s.forms()))
	for _, f := range s.forms() {
		forms <- f
	}
	last := providertest.Reply{Status: s.Want.HTTP, Body: s.signed(string(s.Body))}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/oauth2/token"):
			_, _ = io.WriteString(w, `{"access_token":"t-1","expires_in":1200,"token_type":"Bearer"}`)
		case strings.HasSuffix(r.URL.Path, "/sessions/create"):
			_, _ = io.WriteString(w, s.signed(`{"status":1,"data":{"id":"s-1"}}`))
		default:
			select {
			case f := <-forms:
				f.Write(w)
				if len(forms) == 0 {
					close(s.served)
				}
			default:
				last.Write(w)
			}
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// account is the sample's own account: a case may be about another terminal or
// project than the next.
func (s sample) account(t *testing.T, net *sandboxtest.Network) worker.Account {
	t.Helper()
	entry, ok := catalog.Find(s.provider)
	if !ok {
		t.Fatalf("no provider %q", s.provider)
	}
	text := func(key string) string { v, _ := s.Case[key].(string); return v }
	yes := func(key string) bool { v, _ := s.Case[key].(bool); return v }
	project, _ := s.Case["project_id"].(float64)
	settings := map[string]any{
		"finipay": &finipay.Config{BaseURL: s.address, Login: "login", Password: secret.New("password"), AmountUnverified: yes("amount_unverified")},
		"halyk": &halyk.Config{
			APIURL: s.address, TokenURL: s.address + "/oauth2/token", ClientID: "client", ClientSecret: secret.New("hidden"),
			Terminal: text("terminal"), TwoStage: yes("two_stage"),
		},
		"uapay":    &uapay.Config{BaseURL: s.address, ClientID: "client", Secret: secret.New(goldenKey)},
		"ecommpay": &ecommpay.Config{BaseURL: s.address, ProjectID: max(int64(project), 1), Secret: secret.New(goldenKey)},
	}[s.provider]
	transport := &http.Transport{DialContext: net.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := entry.New(settings, transport)
	if err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
	return worker.Account{Name: s.provider + " " + s.Name, Provider: p, Cadence: fast(), Floor: 300 * time.Millisecond, Guard: guard.Options{
		Concurrency: 4, TimeLimit: time.Second, Consecutive: 5, Reopen: []time.Duration{300 * time.Millisecond},
	}}
}

// created is the event about the sample's payment. Where the case names no money,
// it is the answer's.
func (s sample) created() map[string]any {
	amount, currency := "33.00", "UAH"
	if m := s.Want.Expected; m.Known() {
		amount, currency, _ = strings.Cut(m.String(), " ")
	} else if o := s.Want.Observation; o != nil && o.Amount != "" {
		amount, currency, _ = strings.Cut(o.Amount, " ")
	}
	return map[string]any{
		"id": "e-" + s.provider + s.Name, "payment_id": s.payment(), "merchant_id": merchant, "provider": s.provider + " " + s.Name,
		"reference": s.Want.Reference, "amount": amount, "currency": currency, "created_at": time.Now().UTC().Format(time.RFC3339Nano),
	}
}

func (s sample) payment() string { return "p-" + s.provider + "-" + s.Name }
