package finipay

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

const (
	testLogin    = "shop-login-7"
	testPassword = "shop-password-9"
)

// asked is a request as the provider got it.
type asked struct {
	method, uri, contentType, accept, login, password string
	length                                            int64
	body                                              string
}

type reply = providertest.Reply

// provider is a finipay that gives one answer and remembers what it was asked.
type provider struct {
	providertest.Reply

	mu   sync.Mutex // protects all following fields
	asks []asked
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	login, password, _ := r.BasicAuth()
	p.mu.Lock()
	p.asks = append(p.asks, asked{
		method: r.Method, uri: r.RequestURI, contentType: r.Header.Get("Content-Type"), accept: r.Header.Get("Accept"),
		login: login, password: password, length: r.ContentLength, body: string(body),
	})
	p.mu.Unlock()
	p.Write(w)
}

func (p *provider) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.asks...)
}

// setup serves p on a loopback socket and gives the adapter that asks it.
func setup(t *testing.T, p *provider, change func(*Config)) *Adapter {
	t.Helper()
	base, transport := providertest.Serve(t, p)
	return adapterFor(t, base, transport, change)
}

// adapterFor gives the adapter of the test's account at an address.
func adapterFor(t *testing.T, base string, transport http.RoundTripper, change func(*Config)) *Adapter {
	t.Helper()
	cfg := Config{BaseURL: base, Login: testLogin, Password: secret.New(testPassword)}
	if change != nil {
		change(&cfg)
	}
	adapter, err := New(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

func cardQuery(t *testing.T) providers.Query {
	return providers.Query{Reference: payment.Reference{orderKey: "ORDER-1001"}, Expected: providertest.Money(t, "120.50 KGS"), Last: payment.Pending}
}
