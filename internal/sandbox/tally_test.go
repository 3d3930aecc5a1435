package sandbox

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// send posts a webhook to the hook "shop".
func send(t *testing.T, s *Sandbox, c *client, id, secret string) {
	t.Helper()
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Now(), "{}"
	signature, err := webhook.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.do(t.Context(), http.MethodPost, s.Hooks()[0].URL, body, map[string]string{
		"webhook-id": id, "webhook-timestamp": strconv.FormatInt(now.Unix(), 10), "webhook-signature": signature,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTally_CountsAsTheLedgersDo(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		if got := s.Tally(); got != (Tally{}) {
			t.Errorf("at the start the tally is %+v", got)
		}
		p := mustCreate(t, s, CreateOptions{Provider: Halyk, Life: "charged", AmountMinor: 100, Currency: "KZT"})
		for range 3 {
			if _, _, err := c.ask(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		const other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		send(t, s, c, "evt_1", DefaultHookSecret)
		send(t, s, c, "evt_1", DefaultHookSecret) // the same webhook again
		send(t, s, c, "evt_2", DefaultHookSecret)
		send(t, s, c, "evt_3", other) // refused
		credentials := 0
		for _, ask := range s.Asked() {
			if ask.Credential {
				credentials++
			}
		}
		if got := s.Tally(); got != (Tally{Polls: 3, Delivered: 2}) || credentials == 0 || len(s.Received()) != 4 {
			t.Errorf("the tally is %+v, with %d asks for a token and %d receipts", got, credentials, len(s.Received()))
		}
	})
}
