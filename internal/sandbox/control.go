package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"reconciler/internal/sandbox/wire"
)

// maxControlBody is the most the control API reads.
const maxControlBody = 64 << 10

// control is the API for trying things by hand. It has no authentication:
// check keeps it on loopback.
func (s *Sandbox) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("POST /payments", s.postPayment)
	mux.HandleFunc("POST /payments/{id}/callback", s.postCallback)
	mux.HandleFunc("GET /received", s.getReceived)
	return mux
}

// wish is the body of POST /payments.
type wish struct {
	Provider string `json:"provider"`
	Life     string `json:"life"`
	// Amount is a decimal string in major units: "33.00".
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// made is the answer to it.
type made struct {
	ID        string            `json:"id"`
	Provider  string            `json:"provider"`
	Life      string            `json:"life"`
	Reference map[string]string `json:"reference"`
	Amount    string            `json:"amount"`
	Currency  string            `json:"currency"`
}

// postPayment serves POST /payments.
func (s *Sandbox) postPayment(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body is over 64 KiB or broke off"})
		return
	}
	p, err := s.grant(body)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusCreated, made{
		ID: p.ID, Provider: p.Provider, Life: p.Life, Reference: p.Reference, Amount: p.Amount, Currency: p.Currency,
	})
}

// grant makes the payment that a body wishes for. The error is one clear
// sentence that names the field.
func (s *Sandbox) grant(body []byte) (Payment, error) {
	wished, err := readWish(body)
	if err != nil {
		return Payment{}, err
	}
	exponent, ok := wire.Exponent(wished.Currency)
	if !ok {
		return Payment{}, &FieldError{"currency", "is missing or not one the sandbox deals in"}
	}
	minor, err := wire.ParseMajor(wished.Amount, exponent)
	if err != nil {
		return Payment{}, &FieldError{"amount", err.Error()}
	}
	return s.Create(CreateOptions{Provider: wished.Provider, Life: wished.Life, AmountMinor: minor, Currency: wished.Currency})
}

// readWish reads exactly one JSON object with known fields.
func readWish(body []byte) (wish, error) {
	var wished wish
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wished); err != nil {
		var kind *json.UnmarshalTypeError
		field, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
		switch {
		case errors.As(err, &kind) && kind.Field != "":
			return wish{}, &FieldError{kind.Field, "must be a JSON string, such as \"33.00\" for the amount"}
		case unknown:
			return wish{}, &FieldError{"field " + field, "is unknown; known are provider, life, amount, currency"}
		}
		return wish{}, errors.New("the body must be one JSON object with provider, life, amount, currency")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return wish{}, errors.New("the body must be one JSON object and nothing behind it")
	}
	return wished, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(wire.JSON(body), '\n'))
}

// overview serves GET /: lives and accounts as plain text, for a person.
func (s *Sandbox) overview(w http.ResponseWriter, _ *http.Request) {
	var text strings.Builder
	text.WriteString("Lives (POST /payments with provider, life, amount, currency):\n")
	for _, l := range Lives() {
		var told []string
		for _, provider := range Providers() {
			if l.For(provider) {
				told = append(told, provider)
			}
		}
		fmt.Fprintf(&text, "  %-19s %s (%s)\n", l.Name, l.Says, strings.Join(told, ", "))
	}
	text.WriteString("\nPOST /payments/{id or reference}/callback with url sends the provider's callback there, as the payment is now.\n")
	text.WriteString("\nAccounts:\n")
	for _, a := range s.Accounts() {
		fmt.Fprintf(&text, "  %s (%s)\n", a.Provider, strings.Join(Currencies(a.Provider), ", "))
		for _, key := range slices.Sorted(maps.Keys(a.Settings)) {
			fmt.Fprintf(&text, "    %s: %s\n", key, a.Settings[key])
		}
	}
	text.WriteString("\nHooks:\n")
	for _, h := range s.Hooks() {
		fmt.Fprintf(&text, "  %s: %s secret %s\n", h.Name, h.URL, h.Secret)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text.String())
}

// received is one line of GET /received.
type received struct {
	At         string `json:"at"`
	Hook       string `json:"hook"`
	ID         string `json:"webhook_id"`
	Timestamp  string `json:"webhook_timestamp"`
	Verified   bool   `json:"verified"`
	Problem    string `json:"problem,omitempty"`
	Fault      string `json:"fault,omitempty"`
	HTTPStatus int    `json:"http_status"`
	Delivered  bool   `json:"delivered"`
	Taken      bool   `json:"taken"`
	Replay     bool   `json:"replay"`
	Trace      bool   `json:"traceparent"`
	Body       string `json:"body"`
}

// getReceived serves GET /received: the merchant's ledger, one JSON object a line.
func (s *Sandbox) getReceived(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	for _, r := range s.Received() {
		row := received{
			At: r.At.UTC().Format("2006-01-02T15:04:05.000Z"), Hook: r.Hook, ID: r.ID, Timestamp: r.Timestamp,
			Verified: r.Verified, Problem: r.Problem, Fault: r.Fault, HTTPStatus: r.HTTPStatus, Delivered: r.Delivered,
			Taken: r.Taken, Replay: r.Replay, Trace: r.TraceParent, Body: string(r.Body),
		}
		if _, err := w.Write(append(wire.JSON(row), '\n')); err != nil {
			return
		}
	}
}
