package uapay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// What all providers agree about is in the contract's own table.
func kindRows() []providertest.Refusal {
	err := func(code string) string { return `{"status":0,"error":{"code":"` + code + `"}}` }
	format := func(param string) string {
		return `{"error":{"code":"FORMAT_ERROR","fields":{"params":{"` + param + `":"REQUIRED"}}}}`
	}
	token := func(token string) reply { return reply{Body: `{"status":1,"data":{"token":"` + token + `"}}`} }
	payload := `{"id":"` + testPayment + `","status":"FINISHED","amount":12345,"paymentStatus":"FINISHED"}`
	good := jwt(`{"alg":"HS256","typ":"JWT"}`, payload, testKey)
	return []providertest.Refusal{
		{Name: "500 with an error object", Reply: reply{Status: 500, Body: err("NOT_FOUND")}, Kind: providers.Unavailable},
		{Name: "401", Reply: reply{Status: 401}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "403 with another code", Reply: reply{Status: 403, Body: err("NOT_FOUND")}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "302", Reply: reply{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/"}}}, Kind: providers.Misconfigured, Setting: "base_url"},
		{Name: "404 with HTML", Reply: reply{Status: 404, Body: "<html>"}, Kind: providers.Unreadable},
		{Name: "400 with an error object", Reply: reply{Status: 400, Body: err("INVOICE_NOT_FOUND")}, Kind: providers.NotFound},
		{Name: "400 claiming success", Reply: reply{Status: 400, Body: finishedBody}, Kind: providers.Unreadable},
		{Name: "FORMAT_ERROR of the client", Reply: reply{Body: format("clientId")}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "FORMAT_ERROR of the payment", Reply: reply{Body: format("paymentId")}, Kind: providers.InvalidReference},
		{Name: "FORMAT_ERROR of the invoice", Reply: reply{Body: format("invoiceId")}, Kind: providers.InvalidReference},
		{Name: "FORMAT_ERROR of the invoice's id", Reply: reply{Body: format("id")}, Kind: providers.InvalidReference},
		{Name: "FORMAT_ERROR of nothing we know", Reply: reply{Body: err("FORMAT_ERROR")}, Kind: providers.UnknownStatus},
		{Name: "FORMAT_ERROR of our body", Reply: reply{Body: format("plan")}, Kind: providers.UnknownStatus},
		{Name: "another code about the payment", Reply: reply{Body: strings.Replace(format("paymentId"), "FORMAT_ERROR", "MOON_PHASE", 1)}, Kind: providers.UnknownStatus},
		{Name: "another code about the session", Reply: reply{Body: strings.Replace(format("sessionId"), "FORMAT_ERROR", "MOON_PHASE", 1)}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "NOT_ALLOWED", Reply: reply{Body: err("NOT_ALLOWED")}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "unauthorized", Reply: reply{Body: err("Unauthorized")}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "signature refused", Reply: reply{Body: err("WRONG_SIGNATURE")}, Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "token refused", Reply: reply{Body: err("BAD_TOKEN")}, Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "any other code", Reply: reply{Body: err("MOON_PHASE")}, Kind: providers.UnknownStatus},
		{Name: "error without a code", Reply: reply{Body: `{"error":{"message":"x"}}`}, Kind: providers.Unreadable},
		{Name: "error as text", Reply: reply{Body: `{"error":"x"}`}, Kind: providers.Unreadable},
		{Name: "HTML under 200", Reply: reply{Body: "<html>maintenance</html>"}, Kind: providers.Unreadable},
		{Name: "two JSON values", Reply: reply{Body: finishedBody + finishedBody}, Kind: providers.Unreadable},
		{Name: "envelope status 2", Reply: reply{Body: `{"status":2,"data":{}}`}, Kind: providers.UnknownStatus},
		{Name: "envelope status 0 as text", Reply: reply{Body: `{"status":"0","data":{}}`}, Kind: providers.UnknownStatus},
		{Name: "envelope status missing", Reply: reply{Body: `{"data":{}}`}, Kind: providers.Unreadable},
		{Name: "data as a list", Reply: reply{Body: `{"status":1,"data":[]}`}, Kind: providers.Unreadable},
		{Name: "unsigned", Reply: reply{Body: `{"status":1,"data":{"token":null}}`}, Kind: providers.SignatureInvalid},
		{Name: "another key", Reply: token(jwt(`{"alg":"HS256","typ":"JWT"}`, payload, "another")), Kind: providers.SignatureInvalid},
		{Name: "algorithm none", Reply: token(strings.TrimRight(jwt(`{"alg":"none"}`, payload, testKey), "=")), Kind: providers.SignatureInvalid},
		{Name: "algorithm HS512", Reply: token(jwt(`{"alg":"HS512"}`, payload, testKey)), Kind: providers.SignatureInvalid},
		{Name: "algorithm RS512", Reply: token(jwt(`{"alg":"RS512"}`, payload, testKey)), Kind: providers.SignatureInvalid},
		{Name: "algorithm in lower case", Reply: token(jwt(`{"alg":"hs256"}`, payload, testKey)), Kind: providers.SignatureInvalid},
		{Name: "no algorithm", Reply: token(jwt(`{"typ":"JWT"}`, payload, testKey)), Kind: providers.SignatureInvalid},
		{Name: "signature cut off", Reply: token(good[:strings.LastIndex(good, ".")+1]), Kind: providers.SignatureInvalid},
		{Name: "signature missing", Reply: token(good[:strings.LastIndex(good, ".")]), Kind: providers.SignatureInvalid},
		{Name: "four parts", Reply: token(good + ".x"), Kind: providers.SignatureInvalid},
		{Name: "token as a number", Reply: reply{Body: `{"status":1,"data":{"token":5}}`}, Kind: providers.Unreadable},
		{Name: "signed text that is not JSON", Reply: token(jwt(`{"alg":"HS256"}`, "hello", testKey)), Kind: providers.Unreadable},
		{Name: "signed error", Reply: token(jwt(`{"alg":"HS256"}`, `{"error":{"code":"NOT_FOUND"}}`, testKey)), Kind: providers.NotFound},
		{Name: "id missing", Reply: token(jwt(`{"alg":"HS256"}`, `{"status":"FINISHED","paymentStatus":"FINISHED"}`, testKey)), Kind: providers.Unreadable},
		{Name: "id no UUID", Reply: token(jwt(`{"alg":"HS256"}`, `{"id":"x","status":"FINISHED","paymentStatus":"FINISHED"}`, testKey)), Kind: providers.Unreadable},
		{Name: "status missing", Reply: token(jwt(`{"alg":"HS256"}`, `{"id":"`+testPayment+`","paymentStatus":"FINISHED"}`, testKey)), Kind: providers.Unreadable},
		{Name: "negative amount", Reply: token(jwt(`{"alg":"HS256"}`, strings.Replace(payload, "12345", "-1", 1), testKey)), Kind: providers.Unreadable},
	}
}

func TestPoll_TurnsEveryOtherAnswerIntoItsKind(t *testing.T) {
	for _, row := range kindRows() {
		t.Run(row.Name, func(t *testing.T) {
			server := &fake{wrap: true, answer: func(string, string) reply { return row.Reply }}
			_, err := providertest.Poll(t, overHTTP(t, server), byPayment())
			row.Check(t, err, testKey, "session-1", "uapay.example", "127.0.0.1", testPayment, testClient)
		})
	}
}

func TestPoll_ReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := inMemory(t, &fake{wrap: true, answer: always(finishedBody), session: func(int) reply {
			time.Sleep(8 * time.Second)
			return reply{Body: `{"status":1,"data":{"id":"slow"}}`}
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err := a.Poll(ctx, byPayment())
		if !errors.Is(err, providers.Unavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(began))
		}
		// The fetch went on for those who come later.
		if _, err := a.Poll(t.Context(), byPayment()); err != nil || time.Since(began) != 8*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(began))
		}
	})
}

func TestPoll_SignsWhenTheConnectionIsReady_NotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{t: t, wrap: true, answer: always(finishedBody)}
		direct := inMemory(t, server)
		waits := providertest.RoundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(30 * time.Second) // as for a slow handshake
			return direct.client.Transport.RoundTrip(r)
		})
		// The fake refuses an iat over 20 s old, as UAPAY does.
		if _, err := newAdapter(t, "https://uapay.example/api", true, waits).Poll(t.Context(), byPayment()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPoll_GivesABodyForARepeatedSend(t *testing.T) {
	a := newAdapter(t, "https://uapay.example/api", true, providertest.RoundTrip(func(r *http.Request) (*http.Response, error) {
		first, _ := io.ReadAll(r.Body)
		again, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		second, _ := io.ReadAll(again)
		if len(first) == 0 || len(first) != len(second) || int64(len(first)) != r.ContentLength {
			t.Errorf("bodies of %d and %d bytes, length %d", len(first), len(second), r.ContentLength)
		}
		return nil, io.ErrUnexpectedEOF
	}))
	if _, err := a.Poll(t.Context(), byPayment()); !errors.Is(err, providers.Unavailable) {
		t.Fatal(err)
	}
}

func TestPoll_TriesOnceMore_WhenTheTimeStampWasRefused(t *testing.T) {
	const tooOld = `{"error":{"code":"TIMELIMIT_ERROR"}}`
	signed := `{"status":1,"data":{"token":"` + jwt(tokenHeader, tooOld, testKey) + `"}}`
	rows := []struct {
		name     string
		refusals []reply // of every method
		asked    int     // how often the method is asked
		kind     providers.Kind
	}{
		{"once", []reply{{Body: tooOld}}, 2, 0},
		{"once, inside a token", []reply{{Body: signed}}, 2, 0},
		{"once, under HTTP 400", []reply{{Status: 400, Body: tooOld}}, 2, 0},
		{"twice", []reply{{Body: tooOld}, {Body: tooOld}}, 2, providers.Misconfigured},
		{"by somebody who is out of order", []reply{{Status: 503, Body: tooOld}}, 1, providers.Unavailable},
		{"by somebody who was asked too often", []reply{{Status: 429, Body: tooOld}}, 1, providers.Throttled},
	}
	for _, row := range rows {
		next := func(n *int, good string) reply {
			if *n++; *n <= len(row.refusals) {
				return row.refusals[*n-1]
			}
			return reply{Body: good}
		}
		t.Run(row.name+" for the status", func(t *testing.T) {
			n := 0
			_, err := overHTTP(t, &fake{wrap: true, answer: func(string, string) reply { return next(&n, finishedBody) }}).Poll(t.Context(), byPayment())
			if n != row.asked || row.kind == 0 && err != nil || row.kind != 0 && !errors.Is(err, row.kind) {
				t.Errorf("asked %d times, want %d: %v", n, row.asked, err)
			}
		})
		t.Run(row.name+" for a session", func(t *testing.T) {
			n := 0
			server := &fake{wrap: true, answer: always(finishedBody), session: func(int) reply { return next(&n, `{"status":1,"data":{"id":"made"}}`) }}
			_, err := overHTTP(t, server).Poll(t.Context(), byPayment())
			if n != row.asked || row.kind == 0 && err != nil || row.kind != 0 && !errors.Is(err, row.kind) {
				t.Errorf("asked %d times, want %d: %v", n, row.asked, err)
			}
		})
	}
}

// The second send is signed anew: the first may have waited for its 20 s.
func TestPoll_SignsARepeatedRequestAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stamps []int64
		server := &fake{wrap: true}
		server.answer = func(string, string) reply {
			stamps = append(stamps, time.Now().Unix())
			if len(stamps) == 1 {
				time.Sleep(30 * time.Second)
				return reply{Body: `{"error":{"code":"TIMELIMIT_ERROR"}}`}
			}
			return reply{Body: finishedBody}
		}
		// The fake refuses an iat that is not of this moment.
		if _, err := inMemory(t, server).Poll(t.Context(), byPayment()); err != nil || len(stamps) != 2 || stamps[1]-stamps[0] != 30 {
			t.Errorf("asked at %v: %v", stamps, err)
		}
	})
}

func TestNew_NamesEveryFault(t *testing.T) {
	_, err := New(Config{BaseURL: "http://api.uapay.ua/api"}, nil)
	for _, part := range []string{"base_url is plain http", "client_id is empty", "secret is empty"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}

func TestConfig_Check(t *testing.T) {
	good := Config{ClientID: testClient, Secret: secret.New(testKey)}.Defaults()
	providertest.CheckSettings(t, good, []providertest.SettingsRow[Config]{
		{Name: "as it should be", Change: func(*Config) {}},
		{Name: "trailing slash", Change: func(c *Config) { c.BaseURL += "/" }},
		{Name: "loopback name", Change: func(c *Config) { c.BaseURL = "http://localhost:8080/api" }},
		{Name: "loopback address", Change: func(c *Config) { c.BaseURL = "http://[::1]:8080/api" }},
		{Name: "relative URL", Change: func(c *Config) { c.BaseURL = "/api" }, Fields: []string{"base_url"}},
		{Name: "no host", Change: func(c *Config) { c.BaseURL = "https://:443/api" }, Fields: []string{"base_url"}},
		{Name: "ftp", Change: func(c *Config) { c.BaseURL = "ftp://api.uapay.ua" }, Fields: []string{"base_url"}},
		{Name: "plain http", Change: func(c *Config) { c.BaseURL = "http://api.uapay.ua/api" }, Fields: []string{"base_url"}},
		{Name: "password in the URL", Change: func(c *Config) { c.BaseURL = "https://u:p@api.uapay.ua/api" }, Fields: []string{"base_url"}},
		{Name: "query", Change: func(c *Config) { c.BaseURL = "https://api.uapay.ua/api?x=1" }, Fields: []string{"base_url"}},
		{Name: "no URL", Change: func(c *Config) { c.BaseURL = "https://api uapay" }, Fields: []string{"base_url"}},
		{Name: "empty URL", Change: func(c *Config) { c.BaseURL = "" }, Fields: []string{"base_url"}},
		{Name: "client with a newline", Change: func(c *Config) { c.ClientID += "\n" }, Fields: []string{"client_id"}},
		{Name: "long client", Change: func(c *Config) { c.ClientID = strings.Repeat("x", 129) }, Fields: []string{"client_id"}},
		{Name: "secret with a newline", Change: func(c *Config) { c.Secret = secret.New(testKey + "\n") }, Fields: []string{"secret"}},
		{Name: "no secret", Change: func(c *Config) { c.Secret = secret.Text{} }, Fields: []string{"secret"}},
	}, testKey)
}

func TestConfig_DefaultsKeepsWhatIsSet(t *testing.T) {
	off := false
	if c := (Config{BaseURL: "https://x.example", RequireSigned: &off}).Defaults(); c.BaseURL != "https://x.example" || *c.RequireSigned {
		t.Errorf("got %+v", c)
	}
	if c := (Config{}).Defaults(); c.BaseURL != "https://api.uapay.ua/api" || !*c.RequireSigned {
		t.Errorf("got %+v", c)
	}
}

func TestCheckReference(t *testing.T) {
	providertest.CheckReferences(t, newAdapter(t, "https://uapay.example/api", true, &http.Transport{}), []providertest.ReferenceRow{
		{Name: "invoice", Ref: payment.Reference{"invoice_id": testInvoice}},
		{Name: "all three", Ref: payment.Reference{"invoice_id": testInvoice, "payment_id": testPayment, "session_id": ownSession}},
		{Name: "capitals", Ref: payment.Reference{"invoice_id": "F9F57A53-FE87-465D-8F7A-795251A6BA46"}},
		{Name: "nothing", Field: "reference.invoice_id"},
		{Name: "no invoice", Ref: payment.Reference{"payment_id": testPayment}, Field: "reference.invoice_id"},
		{Name: "invoice no UUID", Ref: payment.Reference{"invoice_id": "14"}, Field: "reference.invoice_id"},
		{Name: "dash at a wrong place", Ref: payment.Reference{"invoice_id": "3333333-33333-4333-8333-333333333333"}, Field: "reference.invoice_id"},
		{Name: "empty payment", Ref: payment.Reference{"invoice_id": testInvoice, "payment_id": ""}, Field: "reference.payment_id"},
		{Name: "session no UUID", Ref: payment.Reference{"invoice_id": testInvoice, "session_id": "x"}, Field: "reference.session_id"},
		{Name: "foreign key", Ref: payment.Reference{"invoice_id": testInvoice, "order": "x"}, Field: "reference"},
	})
}
