package finipay

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

const charged = `{"code":"200","message":"PAYMENT_SUCCESS","data":{"orderNumber":"ORDER-1001","amount":120.50,"status":"CHARGE","currency":"KGS"}}`

// hidden may show in no error.
func hidden() []string {
	return []string{
		testLogin, testPassword, base64.StdEncoding.EncodeToString([]byte(testLogin + ":" + testPassword)),
		"Basic", "http://", "127.0.0.1", "ORDER-1001", "elsewhere",
	}
}

// What all providers agree about is in the contract's own table.
func TestPoll_TellsTheKind_OfEveryHTTPAnswer(t *testing.T) {
	post := func(c *Config) { c.StatusMethod = http.MethodPost }
	rows := []struct {
		name    string
		answer  reply
		change  func(*Config)
		kind    providers.Kind
		setting string
	}{
		{"wrong login", reply{Status: 401}, nil, providers.Misconfigured, "login"},
		{"forbidden", reply{Status: 403, Body: "<html>"}, nil, providers.Misconfigured, "login"},
		{"no such order", reply{Status: 404, Body: `{"code":"404","message":"x","data":null}`}, nil, providers.NotFound, ""},
		{"no such page", reply{Status: 404, Body: "<html>not found</html>"}, nil, providers.Misconfigured, "base_url"},
		{"nothing at all", reply{Status: 404}, nil, providers.Misconfigured, "base_url"},
		{"method refused", reply{Status: 405}, nil, providers.Misconfigured, "status_method"},
		{"POST refused", reply{Status: 405}, post, providers.Misconfigured, "status_method"},
		{"media type refused", reply{Status: 415}, nil, providers.Misconfigured, "status_method"},
		{"length wanted", reply{Status: 411}, nil, providers.Misconfigured, "status_method"},
		{"reference refused", reply{Status: 400, Body: `{"code":"400","message":"orderNumber is mandatory"}`}, nil, providers.InvalidReference, ""},
		{"GET with a body refused by a proxy", reply{Status: 400, Body: "<html>Bad Request</html>"}, nil, providers.Misconfigured, "status_method"},
		{"POST refused by something else", reply{Status: 400, Body: "<html>Bad Request</html>"}, post, providers.Unreadable, ""},
		{"other refusal", reply{Status: 422, Body: charged}, nil, providers.Unreadable, ""},
		{"provider broken", reply{Status: 500, Body: charged}, nil, providers.Unavailable, ""},
		{"redirect", reply{Status: 302, Header: http.Header{"Location": {"https://elsewhere.example/login"}}}, nil, providers.Misconfigured, "base_url"},
		{"truncated body", reply{Body: charged[:60]}, nil, providers.Unreadable, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p := &provider{Reply: row.answer}
			_, err := providertest.Poll(t, setup(t, p, row.change), cardQuery(t))
			providertest.Refusal{Kind: row.kind, Setting: row.setting}.Check(t, err, hidden()...)
			if n := len(p.requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestPoll_NamesTheSetting_WhenAGetLosesItsBodyOnTheWay(t *testing.T) {
	p := &provider{Reply: reply{Status: 400, Body: `{"code":"400","message":"orderNumber is mandatory"}`}}
	_, err := providertest.Poll(t, setup(t, p, nil), cardQuery(t))
	if err == nil || !strings.Contains(err.Error(), "status_method") {
		t.Errorf("error %v, want one that names status_method", err)
	}
}

func TestPoll_Posts_WhenTheAccountSaysSo(t *testing.T) {
	p := &provider{Reply: reply{Body: charged}}
	adapter := setup(t, p, func(c *Config) { c.StatusMethod, c.BaseURL = http.MethodPost, c.BaseURL+"/proxy/" })
	if _, err := providertest.Poll(t, adapter, cardQuery(t)); err != nil {
		t.Fatal(err)
	}
	got := p.requests()[0]
	if got.method != "POST" || got.uri != "/proxy/api/v1.1.0/status" || got.length != int64(len(got.body)) {
		t.Errorf("asked %+v", got)
	}
}

func TestPoll_EscapesTheTransactionID_OfAQR(t *testing.T) {
	p := &provider{Reply: reply{Body: `{"code":"100","message":"Success","data":"CREATED"}`}}
	q := providers.Query{Reference: payment.Reference{kindKey: kindQR, transactionKey: "FNP/1?a=b&c#d"}}
	if _, err := providertest.Poll(t, setup(t, p, nil), q); err != nil {
		t.Fatal(err)
	}
	if got, want := p.requests()[0].uri, "/gen/qr/transaction/status?transaction_id=FNP%2F1%3Fa%3Db%26c%23d"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestProfile_HoldsTheDocumentedFloor(t *testing.T) {
	profile := setup(t, &provider{}, nil).Profile()
	if profile.Name != "finipay" || profile.Floor != 10*time.Second || profile.Absence != providers.AbsenceUnsettled || profile.MappingVersion != mappingVersion {
		t.Errorf("profile %+v", profile)
	}
}
