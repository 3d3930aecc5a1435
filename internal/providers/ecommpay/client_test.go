package ecommpay

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// What all providers agree about is in the contract's own table.
func kindRows() []providertest.Refusal {
	refused := func(status int, code string) reply {
		return reply{Status: status, Body: `{"status":"error","code":` + code + `,"message":"for Michael Nurenberg"}`}
	}
	return []providertest.Refusal{
		{Name: "429 with a code", Reply: refused(429, `"3261"`), Kind: providers.Throttled},
		{Name: "401", Reply: reply{Status: 401}, Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "403 with HTML", Reply: reply{Status: 403, Body: "<html>"}, Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "403 with an unknown code", Reply: refused(403, `"9876"`), Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "403 with a code of the key", Reply: refused(403, `"3261"`), Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "301", Reply: reply{Status: 301, Header: http.Header{"Location": {"https://elsewhere.example/"}}}, Kind: providers.Misconfigured, Setting: "base_url"},
		{Name: "404 with HTML", Reply: reply{Status: 404, Body: "<html>"}, Kind: providers.Unreadable},
		{Name: "503 with a code", Reply: refused(503, `"3261"`), Kind: providers.Unavailable},
		{Name: "3062", Reply: refused(400, `"3062"`), Kind: providers.Throttled},
		{Name: "2147", Reply: refused(400, `2147`), Kind: providers.Throttled},
		{Name: "501", Reply: refused(400, `"501"`), Kind: providers.Unavailable},
		{Name: "601", Reply: refused(400, `"601"`), Kind: providers.Unavailable},
		{Name: "602", Reply: refused(400, `"602"`), Kind: providers.Unavailable},
		{Name: "314", Reply: refused(400, `"314"`), Kind: providers.Unavailable},
		{Name: "3261", Reply: refused(400, `"3261"`), Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "3262", Reply: refused(400, `"3262"`), Kind: providers.Misconfigured, Setting: "secret"},
		{Name: "2442", Reply: refused(400, `"2442"`), Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "303", Reply: refused(400, `"303"`), Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "310", Reply: refused(400, `"310"`), Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "3299", Reply: refused(400, `"3299"`), Kind: providers.Misconfigured, Setting: "project_id"},
		{Name: "2003", Reply: refused(400, `"2003"`), Kind: providers.Misconfigured},
		{Name: "2004", Reply: refused(400, `"2004"`), Kind: providers.Misconfigured},
		{Name: "502 as a code", Reply: refused(400, `"502"`), Kind: providers.Misconfigured},
		{Name: "702", Reply: refused(400, `"702"`), Kind: providers.Misconfigured},
		{Name: "3024", Reply: refused(400, `"3024"`), Kind: providers.InvalidReference},
		{Name: "3003 is about a surname", Reply: refused(400, `"3003"`), Kind: providers.UnknownStatus},
		{Name: "3061 unsigned", Reply: refused(404, `"3061"`), Kind: providers.UnknownStatus},
		{Name: "code of another type", Reply: refused(400, `[]`), Kind: providers.Unreadable},
		{Name: "400 empty", Reply: reply{Status: 400}, Kind: providers.Unreadable},
		{Name: "204", Reply: reply{Status: 204}, Kind: providers.Unreadable},
		{Name: "201 signed", Reply: reply{Status: 201, Body: signed(`{"payment":{"status":"success"}}`, "payment:status:success")}, Kind: providers.Unreadable},
		{Name: "200 with HTML", Reply: reply{Body: "<html>maintenance</html>"}, Kind: providers.Unreadable},
		{Name: "200 unsigned error", Reply: refused(200, `"3261"`), Kind: providers.SignatureInvalid},
		{Name: "200 signed by another key", Reply: reply{Body: `{"payment":{"status":"success"},"signature":"` + mac("other", "payment:status:success") + `"}`}, Kind: providers.SignatureInvalid},
		{Name: "200 signature as a number", Reply: reply{Body: `{"payment":{"status":"success"},"signature":5}`}, Kind: providers.SignatureInvalid},
		{Name: "200 signature of a shorter answer", Reply: reply{Body: `{"payment":{"status":"success","id":"own-1"},"signature":"` + mac(testKey, "payment:status:success") + `"}`}, Kind: providers.SignatureInvalid},
		{Name: "200 signed with an exponent as amount", Reply: reply{Body: signed(`{"operations":[{"status":"success","sum":{"amount":1e2,"currency":"EUR"},"type":"sale"}],"payment":{"status":"success"}}`,
			"operations:0:status:success", "operations:0:sum:amount:1e2", "operations:0:sum:currency:EUR", "operations:0:type:sale", "payment:status:success")}, Kind: providers.Unreadable},
	}
}

func TestPoll_TurnsEveryOtherAnswerIntoItsKind(t *testing.T) {
	for _, row := range kindRows() {
		t.Run(row.Name, func(t *testing.T) {
			_, err := providertest.Poll(t, overHTTP(t, &fake{reply: row.Reply}, nil), byPayment("own-1"))
			row.Check(t, err, testKey, "127.0.0.1", "own-1", "Nurenberg")
		})
	}
}

func TestPoll_SendsTheDocumentedBody(t *testing.T) {
	a := overHTTP(t, &fake{}, nil)
	got, err := a.body(questionOf(byPayment("gold-e1")))
	want := `{"general":{"project_id":4711,"payment_id":"gold-e1","signature":"ulZ/ZdGoDPaVtVOwIvA3mpaMdT7LvYom65snrjyyNnbjkn9/M064IopHWOz8/ewiMkNtFt8LbveGlROFQYGJ2Q=="}}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestPoll_SignsIDsThatJSONEscapes(t *testing.T) {
	// The signature is over the text itself, however JSON writes it.
	server := &fake{reply: reply{Status: 503}}
	a := overHTTP(t, server, nil)
	for _, id := range []string{`a"b\c`, "<&>", "a;b:c", " "} {
		for _, key := range []string{"payment_id", "request_id"} {
			q := byPayment("")
			q.Reference = payment.Reference{key: id}
			if err := a.CheckReference(q.Reference); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Poll(t.Context(), q); !errors.Is(err, providers.Unavailable) {
				t.Errorf("%s %q: %v", key, id, err)
			}
		}
	}
}

func TestNew_NamesEveryFault(t *testing.T) {
	_, err := New(Config{BaseURL: "http://api.ecommpay.com"}, &http.Transport{})
	for _, part := range []string{"base_url is plain http", "project_id is missing", "secret is empty"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}

func TestConfig_Check(t *testing.T) {
	good := Config{ProjectID: testProject, Secret: secret.New(testKey)}.Defaults()
	if good.BaseURL != "https://api.ecommpay.com" {
		t.Errorf("base URL %s", good.BaseURL)
	}
	providertest.CheckSettings(t, good, []providertest.SettingsRow[Config]{
		{Name: "as it should be", Change: func(*Config) {}},
		{Name: "trailing slash", Change: func(c *Config) { c.BaseURL += "/" }},
		{Name: "loopback", Change: func(c *Config) { c.BaseURL = "http://127.0.0.1:8080" }},
		{Name: "plain http", Change: func(c *Config) { c.BaseURL = "http://api.ecommpay.com" }, Fields: []string{"base_url"}},
		{Name: "relative URL", Change: func(c *Config) { c.BaseURL = "api.ecommpay.com" }, Fields: []string{"base_url"}},
		{Name: "no project", Change: func(c *Config) { c.ProjectID = 0 }, Fields: []string{"project_id"}},
		{Name: "negative project", Change: func(c *Config) { c.ProjectID = -1 }, Fields: []string{"project_id"}},
		{Name: "no secret", Change: func(c *Config) { c.Secret = secret.Text{} }, Fields: []string{"secret"}},
		{Name: "secret with a newline", Change: func(c *Config) { c.Secret = secret.New(testKey + "\n") }, Fields: []string{"secret"}},
	}, testKey)
}

func TestCheckReference(t *testing.T) {
	providertest.CheckReferences(t, overHTTP(t, &fake{}, nil), []providertest.ReferenceRow{
		{Name: "payment", Ref: payment.Reference{"payment_id": "ORDER_ID_302bis"}},
		{Name: "request", Ref: payment.Reference{"request_id": "2f114083cfb0f6d12c2-2ac890ebadb793-05015382"}},
		{Name: "128 characters", Ref: payment.Reference{"payment_id": strings.Repeat("x", 128)}},
		{Name: "nothing", Field: "reference"},
		{Name: "both", Ref: payment.Reference{"payment_id": "a", "request_id": "b"}, Field: "reference"},
		{Name: "foreign key", Ref: payment.Reference{"order": "a"}, Field: "reference"},
		{Name: "empty", Ref: payment.Reference{"payment_id": ""}, Field: "reference.payment_id"},
		{Name: "129 characters", Ref: payment.Reference{"payment_id": strings.Repeat("x", 129)}, Field: "reference.payment_id"},
		{Name: "not ASCII", Ref: payment.Reference{"request_id": "№7"}, Field: "reference.request_id"},
		{Name: "newline", Ref: payment.Reference{"request_id": "a\n"}, Field: "reference.request_id"},
	})
}
