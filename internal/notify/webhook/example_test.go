package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

// A receiver verifies a webhook with the public Standard Webhooks library
// before it believes a word of it, and remembers webhook-id to tell repeats.
func Example() {
	const sharedSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

	verifier, err := standardwebhooks.NewWebhook(sharedSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || verifier.Verify(body, r.Header) != nil {
			http.Error(w, "not verified", http.StatusUnauthorized)
			return
		}
		fmt.Printf("%s: %s\n", r.Header.Get("webhook-id"), body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	sender, err := webhook.New(webhook.Options{
		Policy: webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sender.Close()
	result := sender.Send(context.Background(), webhook.Request{
		URL:       receiver.URL,
		AllowHTTP: true,
		ID:        "evt_0123456789abcdef01234567_2",
		Body:      []byte(`{"type":"payment.succeeded"}`),
		Secrets:   []secret.Text{secret.New(sharedSecret)},
	})
	fmt.Println(result.Class, result.Status)
	// Output:
	// evt_0123456789abcdef01234567_2: {"type":"payment.succeeded"}
	// delivered 204
}
