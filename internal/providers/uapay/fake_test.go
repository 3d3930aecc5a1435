package uapay

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

const (
	testKey     = "test-secret-not-real=="
	testClient  = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	testPayment = "22222222-2222-4222-8222-222222222222"
	testInvoice = "33333333-3333-4333-8333-333333333333"
	ownSession  = "99999999-9999-4999-8999-999999999999"
)

type reply = providertest.Reply

// fake is UAPAY as far as the tests need it. It shares no code with the
// adapter: it checks each request's token by hand.
type fake struct {
	t *testing.T
	// wrap puts the data of answers into signed tokens.
	wrap bool
	// answer answers everything but sessions/create.
	answer func(path, session string) reply
	// session answers sessions/create; nil: a new id each time.
	session func(n int) reply

	mu       sync.Mutex // protects what follows
	requests []string
	sessions []string // the session of each request but sessions/create
	created  int
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/api/")
	asked := f.checkRequest(r)
	f.mu.Lock()
	f.requests = append(f.requests, path)
	f.mu.Unlock()
	var out reply
	if path == "sessions/create" {
		out = f.newSession(asked)
	} else {
		f.mu.Lock()
		f.sessions = append(f.sessions, asked["sessionId"])
		f.mu.Unlock()
		out = f.answer(path, asked["sessionId"])
	}
	if f.wrap {
		out.Body = wrapped(f.t, out.Body)
	}
	out.Write(w)
}

func (f *fake) newSession(asked map[string]string) reply {
	if asked["clientId"] != testClient {
		f.t.Errorf("sessions/create asked with params %v", asked)
	}
	f.mu.Lock()
	f.created++
	n := f.created
	f.mu.Unlock()
	if f.session != nil {
		return f.session(n)
	}
	return reply{Body: fmt.Sprintf(`{"status":1,"data":{"id":"session-%d"}}`, n)}
}

// checkRequest checks form, signature and freshness, and gives the params.
func (f *fake) checkRequest(r *http.Request) map[string]string {
	f.t.Helper()
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" {
		f.t.Errorf("request is %s with headers %v", r.Method, r.Header)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Errorf("read the request: %v", err)
	}
	var got struct {
		Params map[string]string `json:"params"`
		IAT    int64             `json:"iat"`
		Token  string            `json:"token"`
	}
	if err := json.Unmarshal(body, &got); err != nil {
		f.t.Errorf("request body %s: %v", body, err)
	}
	unsigned := strings.Replace(string(body), `,"token":"`+got.Token+`"`, "", 1)
	if got.Token != jwt(`{"alg":"HS256","typ":"JWT"}`, unsigned, testKey) {
		f.t.Errorf("token %s is not that of %s", got.Token, unsigned)
	}
	if age := time.Now().Unix() - got.IAT; age < 0 || age > 20 {
		f.t.Errorf("iat is %d s old when the request arrives; UAPAY allows 20", age)
	}
	return got.Params
}

// jwt makes a token independently of the adapter.
func jwt(header, payload, key string) string {
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return signed + "." + signature(signed, key)
}

func signature(text, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// wrapped puts the data of an answer into a signed token, if it is an object without one.
func wrapped(t *testing.T, body string) string {
	t.Helper()
	var whole map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &whole) != nil || !bytes.HasPrefix(whole["data"], []byte("{")) || bytes.HasPrefix(whole["data"], []byte(`{"token"`)) {
		return body
	}
	whole["data"] = json.RawMessage(`{"token":"` + jwt(`{"alg":"HS256","typ":"JWT"}`, string(whole["data"]), testKey) + `"}`)
	text, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asked gives the methods asked so far.
func (f *fake) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// always answers every question with the same body.
func always(body string) func(string, string) reply {
	return func(string, string) reply { return reply{Body: body} }
}

// overHTTP makes an adapter that asks the fake over a real connection.
func overHTTP(t *testing.T, f *fake) *Adapter {
	t.Helper()
	f.t = t
	base, transport := providertest.Serve(t, f)
	return newAdapter(t, base+"/api", f.wrap, transport)
}

// inMemory makes an adapter that asks the fake without a network, for bubbles
// of virtual time.
func inMemory(t *testing.T, f *fake) *Adapter {
	t.Helper()
	f.t = t
	return newAdapter(t, "https://uapay.example/api", f.wrap, providertest.RoundTrip(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		f.ServeHTTP(rec, r)
		return rec.Result(), nil
	}))
}

// testSecret is the key as the account's setting holds it.
func testSecret() secret.Text { return secret.New(testKey) }

func newAdapter(t *testing.T, base string, requireSigned bool, transport http.RoundTripper) *Adapter {
	t.Helper()
	a, err := New(Config{BaseURL: base, ClientID: testClient, Secret: secret.New(testKey), RequireSigned: &requireSigned}, transport)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func byPayment() providers.Query {
	return providers.Query{Reference: payment.Reference{"invoice_id": testInvoice, "payment_id": testPayment}, Last: payment.Pending}
}

const finishedBody = `{"status":1,"data":{"id":"` + testPayment + `","status":"FINISHED","amount":12345,"pluginId":1,"paymentStatus":"FINISHED"}}`
