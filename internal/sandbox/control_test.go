package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// deliver sends one signed webhook to a hook.
func deliver(ctx context.Context, h *http.Client, hook Hook, id, body string) (int, error) {
	signer, err := standardwebhooks.NewWebhook(hook.Secret)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	res, err := h.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func TestControl_MakesAPaymentThatCanBeAskedFor(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		for provider, currency := range map[string]string{Finipay: "KGS", Halyk: "KZT", Uapay: "UAH", Ecommpay: "USD"} {
			body := `{"provider":"` + provider + `","life":"charged_at_once","amount":"33.00","currency":"` + currency + `"}`
			status, answer, err := c.do(t.Context(), "POST", s.URL(ControlPeer)+"/payments", body, asJSON)
			if status != http.StatusCreated || err != nil {
				t.Fatalf("%s: %d %s %v", provider, status, answer, err)
			}
			var got made
			if err := json.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatal(err)
			}
			if got.Provider != provider || got.Amount != "33.00" || got.Currency != currency || got.ID == "" || got.Life != "charged_at_once" {
				t.Errorf("made %+v", got)
			}
			truth := s.Truth(provider, got.Reference)
			if truth.Word != Charged || truth.CapturedMinor != 3300 {
				t.Errorf("%s: truth %+v", provider, truth)
			}
			_, _, err = c.ask(t.Context(), Payment{Provider: provider, Reference: got.Reference})
			if asks := s.Asked(); err != nil || asks[len(asks)-1].Told != Charged {
				t.Errorf("%s: %v, %+v", provider, err, asks[len(asks)-1])
			}
		}
	})
}

func TestControl_NamesTheFieldThatIsWrong(t *testing.T) {
	rows := []struct{ name, body, want string }{
		{"not JSON", `x`, "one JSON object"},
		{"a list", `[]`, "one JSON object"},
		{"two objects", `{"provider":"finipay"}{}`, "nothing behind"},
		{"an unknown field", `{"provider":"finipay","ammount":"1"}`, `field \"ammount\" is unknown`},
		{"an amount that is a number", `{"provider":"finipay","life":"charged","amount":33,"currency":"KGS"}`, "amount must be a JSON string"},
		{"no currency", `{"provider":"finipay","life":"charged","amount":"33.00"}`, "currency is missing"},
		{"no amount", `{"provider":"finipay","life":"charged","currency":"KGS"}`, "amount must be a decimal number"},
		{"a negative amount", `{"provider":"finipay","life":"charged","amount":"-1","currency":"KGS"}`, "amount must be a decimal number"},
		{"too many places", `{"provider":"finipay","life":"charged","amount":"1.001","currency":"KGS"}`, "amount has 3 decimal places"},
		{"nothing", `{"provider":"finipay","life":"charged","amount":"0","currency":"KGS"}`, "amount must be from 2"},
		{"no provider", `{"life":"charged","amount":"1","currency":"KGS"}`, "provider must be one of finipay, halyk, uapay, ecommpay"},
		{"no life", `{"provider":"finipay","amount":"1","currency":"KGS"}`, "life must be one of charged,"},
		{"a life it can't tell", `{"provider":"finipay","life":"expired","amount":"1","currency":"KGS"}`, `can't be told by finipay`},
		{"another provider's currency", `{"provider":"uapay","life":"charged","amount":"1","currency":"KGS"}`, "currency must be one of UAH at uapay"},
		{"over 64 KiB", `{"life":"` + strings.Repeat("x", maxControlBody) + `"}`, "over 64 KiB"},
	}
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		for _, row := range rows {
			status, answer, err := c.do(t.Context(), "POST", s.URL(ControlPeer)+"/payments", row.body, asJSON)
			// A sender of too much may see the connection close before the answer.
			if err != nil && len(row.body) > maxControlBody {
				continue
			}
			if status != http.StatusBadRequest || !strings.Contains(answer, row.want) {
				t.Errorf("%s: %d %s %v, want %q", row.name, status, answer, err, row.want)
			}
		}
		if len(s.Asked()) != 0 {
			t.Error("the control API is no provider")
		}
		// net/http lingers for half a second on a connection it cut off.
		time.Sleep(time.Second)
	})
}

func TestControl_OverviewListsLivesAccountsAndHooks(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		status, text, err := c.do(t.Context(), "GET", s.URL(ControlPeer)+"/", "", nil)
		if status != 200 || err != nil {
			t.Fatalf("%d %v", status, err)
		}
		wants := []string{DefaultHookSecret, s.Hooks()[0].URL, "reversed            charged, given back whole the same day (ecommpay)"}
		for _, a := range s.Accounts() {
			for _, value := range a.Settings {
				wants = append(wants, value)
			}
		}
		for _, its := range Lives() {
			wants = append(wants, its.Name, its.Says)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in the overview", want)
			}
		}
		if status, _, _ := c.do(t.Context(), "GET", s.URL(ControlPeer)+"/nothing", "", nil); status != 404 {
			t.Errorf("another path is answered %d", status)
		}
		if status, _, _ := c.do(t.Context(), "GET", s.URL(ControlPeer)+"/payments", "", nil); status != 405 {
			t.Errorf("GET /payments is answered %d", status)
		}
	})
}

func TestControl_ReceivedIsTheMerchantsLedger(t *testing.T) {
	o := Options{Merchant: MerchantOptions{Secrets: map[string]string{"a": DefaultHookSecret, "b": "whsec_" + strings.Repeat("QUFB", 8)}}}
	inBubble(t, o, func(t *testing.T, s *Sandbox, c *client) {
		hooks := s.Hooks()
		if len(hooks) != 2 || hooks[0].Name != "a" || hooks[1].Name != "b" {
			t.Fatalf("hooks %+v", hooks)
		}
		if status, err := deliver(t.Context(), c.http, hooks[0], "evt_1", `{"type":"payment.succeeded"}`); status != 200 || err != nil {
			t.Fatalf("answered %d %v", status, err)
		}
		// Hook b's secret does not fit hook a's place.
		swapped := Hook{URL: hooks[0].URL, Secret: hooks[1].Secret}
		if status, err := deliver(t.Context(), c.http, swapped, "evt_2", `{}`); status != 401 || err != nil {
			t.Fatalf("answered %d %v", status, err)
		}
		_, text, err := c.do(t.Context(), "GET", s.URL(ControlPeer)+"/received", "", nil)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if err != nil || len(lines) != 2 {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		var first, second received
		if json.Unmarshal([]byte(lines[0]), &first) != nil || json.Unmarshal([]byte(lines[1]), &second) != nil {
			t.Fatalf("no JSON lines: %s", text)
		}
		if first.ID != "evt_1" || !first.Verified || !first.Delivered || first.Hook != "a" || first.Body != `{"type":"payment.succeeded"}` || first.Trace {
			t.Errorf("first %+v", first)
		}
		if second.ID != "evt_2" || second.Verified || second.Delivered || second.HTTPStatus != 401 || second.Problem == "" {
			t.Errorf("second %+v", second)
		}
	})
}

func FuzzReadWish(f *testing.F) {
	f.Add([]byte(`{"provider":"finipay","life":"charged","amount":"33.00","currency":"KGS"}`))
	f.Add([]byte(`{"amount":1}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := readWish(body); err == nil && !json.Valid(body) {
			t.Errorf("%q is no JSON and was read", body)
		}
	})
}
