package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client asks the four simulated providers as their documents say, with the
// credentials of Accounts and nothing else.
type client struct {
	http     *http.Client
	settings map[string]map[string]string
	token    string
	session  string
}

func newClient(s *Sandbox, h *http.Client) *client {
	c := &client{http: h, settings: map[string]map[string]string{}}
	for _, a := range s.Accounts() {
		c.settings[a.Provider] = a.Settings
	}
	return c
}

// ask asks once for a payment, fetching a token or session first where one is
// needed. The error is the network's.
func (c *client) ask(ctx context.Context, p Payment) (status int, body string, err error) {
	switch p.Provider {
	case Finipay:
		return c.finipay(ctx, p)
	case Halyk:
		return c.halyk(ctx, p)
	case Uapay:
		return c.uapay(ctx, p)
	}
	return c.ecommpay(ctx, p)
}

func (c *client) do(ctx context.Context, method, url, body string, header map[string]string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

var asJSON = map[string]string{"Content-Type": "application/json"}

func (c *client) finipay(ctx context.Context, p Payment) (int, string, error) {
	s := c.settings[Finipay]
	header := map[string]string{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(s["login"]+":"+s["password"])),
		"Content-Type":  "application/json",
	}
	if id := p.Reference["transaction_id"]; id != "" {
		return c.do(ctx, "GET", s["base_url"]+"/gen/qr/transaction/status?transaction_id="+id, "", header)
	}
	body := fmt.Sprintf(`{"orderNumber":%q,"language":"en"}`, p.Reference["order_number"])
	return c.do(ctx, "GET", s["base_url"]+"/api/v1.1.0/status", body, header)
}

func (c *client) halyk(ctx context.Context, p Payment) (int, string, error) {
	s := c.settings[Halyk]
	if c.token == "" {
		form := url.Values{
			"grant_type": {"client_credentials"}, "scope": {"payment"}, "client_id": {s["client_id"]},
			"client_secret": {s["client_secret"]}, "terminal": {s["terminal"]},
		}
		status, body, err := c.do(ctx, "POST", s["token_url"], form.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
		var got struct {
			AccessToken string `json:"access_token"`
		}
		if err != nil || status != 200 || json.Unmarshal([]byte(body), &got) != nil {
			return status, body, err
		}
		c.token = got.AccessToken
	}
	path := "/check-status/payment/transaction/" + p.Reference["invoice_id"]
	status, body, err := c.do(ctx, "GET", s["api_url"]+path, "", map[string]string{"Authorization": "Bearer " + c.token})
	if status == http.StatusUnauthorized {
		c.token = ""
	}
	return status, body, err
}

func (c *client) uapay(ctx context.Context, p Payment) (int, string, error) {
	s := c.settings[Uapay]
	if c.session == "" {
		status, body, err := c.jwtCall(ctx, "/sessions/create", fmt.Sprintf(`{"clientId":%q}`, s["client_id"]))
		if err != nil || status != 200 {
			return status, body, err
		}
		if c.session, _ = payload(body)["id"].(string); c.session == "" {
			return status, body, nil
		}
	}
	invoice, payment := p.Reference["invoice_id"], p.Reference["payment_id"]
	path, params := "/invoicer/invoices/show", fmt.Sprintf(`{"sessionId":%q,"id":%q}`, c.session, invoice)
	if payment != "" {
		path = "/invoicer/payments/checkStatus"
		params = fmt.Sprintf(`{"sessionId":%q,"paymentId":%q,"invoiceId":%q}`, c.session, payment, invoice)
	}
	status, body, err := c.jwtCall(ctx, path, params)
	if strings.Contains(body, "SESSION") {
		c.session = ""
	}
	return status, body, err
}

func (c *client) jwtCall(ctx context.Context, path, params string) (int, string, error) {
	s := c.settings[Uapay]
	b64 := base64.RawURLEncoding
	data := fmt.Sprintf(`{"params":%s,"iat":%d}`, params, time.Now().Unix())
	text := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString([]byte(data))
	mac := hmac.New(sha256.New, []byte(s["secret"]))
	_, _ = mac.Write([]byte(text))
	body := fmt.Sprintf(`%s,"token":%q}`, strings.TrimSuffix(data, "}"), text+"."+b64.EncodeToString(mac.Sum(nil)))
	return c.do(ctx, "POST", s["base_url"]+path, body, asJSON)
}

// payload opens a wrapped uapay answer without checking it; nil where it is none.
func payload(body string) map[string]any {
	var got struct{ Data struct{ Token string } }
	_ = json.Unmarshal([]byte(body), &got)
	parts := strings.Split(got.Data.Token, ".")
	if len(parts) != 3 {
		return nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var data map[string]any
	_ = json.Unmarshal(raw, &data)
	return data
}

func (c *client) ecommpay(ctx context.Context, p Payment) (int, string, error) {
	s := c.settings[Ecommpay]
	sign := func(text string) string {
		mac := hmac.New(sha512.New, []byte(s["secret"]))
		_, _ = mac.Write([]byte(text))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	if id := p.Reference["request_id"]; id != "" {
		body := fmt.Sprintf(`{"project_id":%s,"request_id":%q,"signature":%q}`, s["project_id"], id,
			sign("project_id:"+s["project_id"]+";request_id:"+id))
		return c.do(ctx, "POST", s["base_url"]+"/v2/payment/status/request", body, asJSON)
	}
	id := p.Reference["payment_id"]
	body := fmt.Sprintf(`{"general":{"project_id":%s,"payment_id":%q,"signature":%q}}`, s["project_id"], id,
		sign("general:payment_id:"+id+";general:project_id:"+s["project_id"]))
	return c.do(ctx, "POST", s["base_url"]+"/v2/payment/status", body, asJSON)
}
