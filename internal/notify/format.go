package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Format is how much a webhook tells.
type Format string

// The formats.
const (
	// FormatFull is the event's body, byte for byte as it was published.
	FormatFull Format = "full"
	// FormatThin tells which payment has which status, and nothing else: the
	// receiver asks for the rest. For receivers that log what they get.
	FormatThin Format = "thin"
)

// Valid reports whether f is a format; empty is FormatFull.
func (f Format) Valid() bool { return f == "" || f == FormatFull || f == FormatThin }

// thin is an event without all but ids, version and status. The parts keep
// their bytes: what is not looked into can't be changed.
type thin struct {
	Type      json.RawMessage `json:"type"`
	Timestamp json.RawMessage `json:"timestamp"`
	Data      struct {
		PaymentID     json.RawMessage `json:"payment_id"`
		MerchantID    json.RawMessage `json:"merchant_id"`
		Version       json.RawMessage `json:"version"`
		Status        json.RawMessage `json:"status"`
		SchemaVersion json.RawMessage `json:"schema_version"`
	} `json:"data"`
}

// Render gives the bytes that an endpoint of that format gets of an event's
// body, the same at every attempt. The body must be an event that was believed.
func (f Format) Render(body []byte) ([]byte, error) {
	if f != FormatThin {
		return body, nil
	}
	var t thin
	if err := json.Unmarshal(body, &t); err != nil {
		return nil, fmt.Errorf("make an event thin: %w", err)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // as the full body is
	if err := enc.Encode(t); err != nil {
		return nil, fmt.Errorf("make an event thin: %w", err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
