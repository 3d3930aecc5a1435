package halyk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

const (
	testInvoice  = "000100001"
	testTerminal = "11111111-2222-4333-8444-555555555555"
	testClient   = "shop-client-7"
	testSecret   = "shop-secret-9"
)

type reply = providertest.Reply

// asked is a status request as the provider got it.
type asked struct{ method, uri, authorization, accept, body string }

// provider is an ePay of one answer. Its tokens are token-1, token-2 and so on;
// those in refused get HTTP 401.
type provider struct {
	answer  reply
	token   *reply        // instead of a good token
	hold    chan struct{} // token requests wait until it is closed
	fetched chan struct{} // told of each token request, if not nil
	refused []string

	mu    sync.Mutex // protects all following fields
	asks  []asked
	forms []url.Values
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth2/token" {
		p.serveToken(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	authorization := r.Header.Get("Authorization")
	p.mu.Lock()
	p.asks = append(p.asks, asked{r.Method, r.RequestURI, authorization, r.Header.Get("Accept"), string(body)})
	p.mu.Unlock()
	for _, token := range p.refused {
		if authorization == "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
	}
	p.answer.Write(w)
}

func (p *provider) serveToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	p.forms = append(p.forms, r.PostForm)
	n := len(p.forms)
	p.mu.Unlock()
	if p.fetched != nil {
		p.fetched <- struct{}{}
	}
	if p.hold != nil {
		<-p.hold
	}
	if p.token != nil {
		p.token.Write(w)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":"1200","refresh_token":"","scope":"payment","token_type":"Bearer"}`, n)
}

func (p *provider) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.asks...)
}

func (p *provider) tokenForms() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values(nil), p.forms...)
}

// setup serves p on a loopback socket and gives the adapter that asks it.
func setup(t *testing.T, p *provider, change func(*Config)) *Adapter {
	t.Helper()
	base, transport := providertest.Serve(t, p)
	cfg := Config{
		APIURL: base + "/api", TokenURL: base + "/oauth2/token",
		ClientID: testClient, ClientSecret: secret.New(testSecret), Terminal: testTerminal,
	}
	if change != nil {
		change(&cfg)
	}
	adapter, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

func query(t testing.TB) providers.Query {
	return providers.Query{Reference: payment.Reference{invoiceKey: testInvoice}, Expected: providertest.Money(t, "1500.50 KZT"), Last: payment.Pending}
}

// transaction makes a found answer about the test's invoice; members replace
// those of a plain charge.
func transaction(t testing.TB, members map[string]any) string {
	t.Helper()
	all := map[string]any{
		"invoiceID": testInvoice, "terminalID": testTerminal, "statusName": "CHARGE", "currency": "KZT",
		"amount": json.Number("1500.5"), "orgAmount": json.Number("1500.5"), "payoutAmount": 0, "amountBonus": 0,
	}
	for key, value := range members {
		all[key] = value
	}
	text, err := json.Marshal(map[string]any{"resultCode": "100", "transaction": all})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testdata reads a file of testdata.
func testdata(t testing.TB, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func formOf(t testing.TB, body string) url.Values {
	t.Helper()
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}
