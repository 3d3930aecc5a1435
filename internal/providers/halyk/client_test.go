package halyk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// What all providers agree about is in the contract's own table.
func TestPoll_TellsTheKind_OfEveryHTTPAnswer(t *testing.T) {
	charged := transaction(t, nil)
	rows := []providertest.Refusal{
		{Name: "forbidden", Reply: reply{Status: 403, Body: charged}, Kind: providers.Misconfigured, Setting: "api_url"},
		{Name: "no such page", Reply: reply{Status: 404, Body: "<html>not found</html>"}, Kind: providers.Misconfigured, Setting: "api_url"},
		{Name: "nothing at all", Reply: reply{Status: 404}, Kind: providers.Misconfigured, Setting: "api_url"},
		{Name: "no such invoice under 404", Reply: reply{Status: 404, Body: `{"resultCode":"102","transaction":null}`}, Kind: providers.NotFound},
		{Name: "method refused", Reply: reply{Status: 405}, Kind: providers.Misconfigured, Setting: "api_url"},
		{Name: "not found under 400", Reply: reply{Status: 400, Body: `{"resultCode":102,"transaction":null}`}, Kind: providers.NotFound},
		{Name: "bad request", Reply: reply{Status: 400, Body: `{"message":"bad"}`}, Kind: providers.Unreadable},
		{Name: "other refusal", Reply: reply{Status: 422}, Kind: providers.Unreadable},
		{Name: "later, told in the body", Reply: reply{Header: http.Header{"Retry-After": {"9"}}, Body: `{"resultCode":"107"}`}, Kind: providers.Throttled, After: 9 * time.Second},
		{Name: "later, without a time", Reply: reply{Body: `{"resultCode":"107"}`}, Kind: providers.Throttled},
		{Name: "provider broken", Reply: reply{Status: 500, Body: charged}, Kind: providers.Unavailable},
		{Name: "redirect", Reply: reply{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/login"}}}, Kind: providers.Unavailable},
		{Name: "login page", Reply: reply{Body: "\ufeff\r\n<!DOCTYPE html>"}, Kind: providers.Unavailable},
		{Name: "truncated body", Reply: reply{Body: charged[:80]}, Kind: providers.Unreadable},
	}
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			p := &provider{answer: row.Reply}
			_, err := providertest.Poll(t, setup(t, p, nil), query(t))
			row.Check(t, err, hidden()...)
			if n, tokens := len(p.requests()), len(p.tokenForms()); n != 1 || tokens != 1 {
				t.Errorf("%d status and %d token requests, want 1 and 1", n, tokens)
			}
		})
	}
}

func TestPoll_TellsTheKind_OfEveryTokenAnswer(t *testing.T) {
	rows := []providertest.Refusal{
		{Name: "bad request", Reply: reply{Status: 400, Body: `{"error":"invalid_scope"}`}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "wrong secret", Reply: reply{Status: 401, Body: testSecret}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "forbidden", Reply: reply{Status: 403}, Kind: providers.Misconfigured, Setting: "client_id"},
		{Name: "no such page", Reply: reply{Status: 404}, Kind: providers.Misconfigured, Setting: "token_url"},
		{Name: "redirect", Reply: reply{Status: 307, Header: http.Header{"Location": {"https://elsewhere.example/"}}}, Kind: providers.Unavailable},
		{Name: "login page", Reply: reply{Body: "<html>"}, Kind: providers.Unavailable},
		{Name: "no JSON", Reply: reply{Body: "token"}, Kind: providers.Unreadable},
		{Name: "no token", Reply: reply{Body: `{"expires_in":7200}`}, Kind: providers.Unreadable},
		{Name: "token as a number", Reply: reply{Body: `{"access_token":1}`}, Kind: providers.Unreadable},
		{Name: "empty token", Reply: reply{Body: `{"access_token":""}`}, Kind: providers.Unreadable},
		{Name: "token with a line break", Reply: reply{Body: `{"access_token":"elsewhere\r\nX-Evil: 1"}`}, Kind: providers.Unreadable},
		{Name: "token too long", Reply: reply{Body: `{"access_token":"` + strings.Repeat("x", maxToken+1) + `"}`}, Kind: providers.Unreadable},
	}
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			p := &provider{token: &row.Reply}
			_, err := providertest.Poll(t, setup(t, p, nil), query(t))
			row.Check(t, err, hidden()...)
			if n, tokens := len(p.requests()), len(p.tokenForms()); n != 0 || tokens != 1 {
				t.Errorf("%d status and %d token requests, want 0 and 1", n, tokens)
			}
		})
	}
}

// hidden may show in no error: what belongs to the account, the request or the token.
func hidden() []string {
	return []string{testClient, testSecret, testTerminal, testInvoice, "token-1", "token-2", "Bearer", "http://", "127.0.0.1", "elsewhere"}
}

func TestPoll_ReplacesARefusedToken_Once(t *testing.T) {
	p := &provider{answer: reply{Body: transaction(t, nil)}, refused: []string{"token-1"}}
	adapter := setup(t, p, nil)
	if _, err := providertest.Poll(t, adapter, query(t)); err != nil {
		t.Fatalf("Poll: %v", err)
	}
	if n, tokens := len(p.requests()), len(p.tokenForms()); n != 2 || tokens != 2 {
		t.Errorf("%d status and %d token requests, want 2 and 2", n, tokens)
	}
	if _, err := providertest.Poll(t, adapter, query(t)); err != nil {
		t.Fatalf("Poll: %v", err)
	}
	if n, tokens := len(p.requests()), len(p.tokenForms()); n != 3 || tokens != 2 {
		t.Errorf("then %d status and %d token requests, want 3 and 2: the new token is kept", n, tokens)
	}
}

func TestPoll_IsMisconfigured_WhenAFreshTokenIsRefusedToo(t *testing.T) {
	p := &provider{refused: []string{"token-1", "token-2"}}
	_, err := providertest.Poll(t, setup(t, p, nil), query(t))
	providertest.Refusal{Kind: providers.Misconfigured, Setting: "client_id"}.Check(t, err, hidden()...)
	if n, tokens := len(p.requests()), len(p.tokenForms()); n != 2 || tokens != 2 {
		t.Errorf("%d status and %d token requests, want 2 and 2", n, tokens)
	}
}

func TestProfile_SaysThatAbsenceIsNotFinal(t *testing.T) {
	profile := setup(t, &provider{}, nil).Profile()
	if profile.Name != "halyk" || profile.Floor != 10*time.Second || profile.Absence != providers.AbsenceUnsettled || profile.MappingVersion != mappingVersion {
		t.Errorf("profile %+v", profile)
	}
}
