package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/sandbox"
)

// sandboxPayment is a payment as the sandbox's control API takes and gives it.
type sandboxPayment struct {
	Provider  string            `json:"provider"`
	Life      string            `json:"life"`
	Amount    string            `json:"amount"`
	Currency  string            `json:"currency"`
	Reference map[string]string `json:"reference,omitempty"`
}

// makeInSandbox makes the payment at its simulated provider and completes the
// flags with what came of it.
func (f createFlags) makeInSandbox(ctx context.Context) (createFlags, error) {
	wish := sandboxPayment{
		Provider: f.provider, Life: cmp.Or(f.life, "charged"), Amount: cmp.Or(f.amount, "33.00"), Currency: f.currency,
	}
	if usual := sandbox.Currencies(f.provider); f.currency == "" && len(usual) > 0 {
		wish.Currency = usual[0]
	}
	made, err := askSandbox(ctx, strings.TrimSuffix(f.sandbox, "/")+"/payments", wish)
	if err != nil {
		return createFlags{}, err
	}
	f.life, f.amount, f.currency, f.reference = made.Life, made.Amount, made.Currency, made.Reference
	f.merchant = cmp.Or(f.merchant, "shop-a")
	// Not the sandbox's own number: a sandbox that is started again begins to
	// count anew, but the worker remembers.
	f.payment = cmp.Or(f.payment, "p-"+strings.ToLower(rand.Text()[:10]))
	return f, nil
}

// askSandbox posts a wish to the control API.
func askSandbox(ctx context.Context, url string, wish sandboxPayment) (made sandboxPayment, err error) {
	body, err := json.Marshal(wish)
	if err != nil {
		return made, fmt.Errorf("encode the wish: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return made, &usageError{errors.New("--sandbox is no address such as http://127.0.0.1:18080")}
	}
	client := &http.Client{Transport: newTransport(), Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return made, fmt.Errorf("make the payment in the sandbox (is `reconciler sandbox` up?): %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return made, fmt.Errorf("read the sandbox's answer: %w", err)
	}
	if res.StatusCode != http.StatusCreated {
		var refusal struct{ Error string }
		if json.Unmarshal(answer, &refusal) != nil || refusal.Error == "" {
			return made, fmt.Errorf("make the payment in the sandbox: it answered %d; is --sandbox its control API?", res.StatusCode)
		}
		return made, &usageError{fmt.Errorf("the sandbox can't make it: %s", refusal.Error)}
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return made, fmt.Errorf("read the sandbox's answer: %w", err)
	}
	return made, nil
}
