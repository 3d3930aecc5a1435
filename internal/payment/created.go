package payment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a created event.
const (
	// MaxCreated is the largest created event that is read, in bytes.
	MaxCreated = 64 << 10
	// MaxID is the longest id, in bytes.
	MaxID = 128
	// maxMetadata keeps the event body below the 20 kB that the Standard
	// Webhooks specification advises, with room for the other fields.
	maxMetadata = 8 << 10
	// maxAhead is how far a created_at may lie in the future: clocks differ, days don't.
	maxAhead = 24 * time.Hour
)

// Errors of a created event that is not even an object; everything else is a *FieldError.
var (
	ErrTooLarge = fmt.Errorf("the event is over %d bytes", MaxCreated)
	ErrNotJSON  = errors.New("the event is not a JSON object")
)

// Created is a valid "payment created" event: the order to watch a payment.
type Created struct {
	// ID is the event's own id.
	ID string
	// PaymentID and MerchantID identify the payment: one merchant has one
	// payment of that id.
	PaymentID  string
	MerchantID string
	// Account is the configured provider account ("provider" in the event).
	Account string
	// Reference is what that provider is asked with; only its adapter knows
	// whether it can be.
	Reference Reference
	// Expected is the money the payment is about.
	Expected Money
	// CreatedAt is when the payment was created, by the backend's clock.
	CreatedAt time.Time
	// ExpiresAt is when the payer's chance to pay ends; zero if it was not given.
	ExpiresAt time.Time
	// Metadata is the backend's own JSON object, at most 8 KiB, or nil.
	Metadata json.RawMessage
}

// ParseCreated reads a created event:
//
//	{"id":"e-1","payment_id":"p-1","merchant_id":"m-1","provider":"finipay-main",
//	 "reference":{"order_number":"ORDER-1"},"amount":"33.00","currency":"USD",
//	 "created_at":"2026-02-03T10:00:00Z","expires_at":"2026-02-03T10:30:00Z","metadata":{}}
//
// expires_at and metadata are optional, keys it does not know are ignored, of a
// repeated key the last one counts. The error is ErrTooLarge, ErrNotJSON or a
// *FieldError that names the first faulty field.
func ParseCreated(data []byte, now time.Time) (Created, error) {
	if len(data) > MaxCreated {
		return Created{}, ErrTooLarge
	}
	// A map keeps keys exact: struct decoding would also take "AMOUNT" for "amount".
	dec := json.NewDecoder(bytes.NewReader(data))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil || fields == nil {
		return Created{}, ErrNotJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return Created{}, ErrNotJSON
	}
	r := fieldReader{fields: fields}
	c := Created{
		ID:         r.id("id"),
		PaymentID:  r.id("payment_id"),
		MerchantID: r.id("merchant_id"),
		Account:    r.id("provider"),
		Reference:  r.reference(),
		Expected:   r.money(),
		CreatedAt:  r.time("created_at", true),
		ExpiresAt:  r.time("expires_at", false),
		Metadata:   r.metadata(),
	}
	if r.err == nil && c.CreatedAt.After(now.Add(maxAhead)) {
		r.fail("created_at", "is more than 24 hours in the future")
	}
	if r.err == nil && !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(c.CreatedAt) {
		r.fail("expires_at", "is before created_at")
	}
	if r.err != nil {
		return Created{}, r.err
	}
	return c, nil
}

// Digest is a hash of everything that makes the event what it is, its own id
// excepted: the same payment told twice has the same digest, other content has
// another.
func (c Created) Digest() string {
	content, _ := json.Marshal(struct { // plain strings and numbers can't fail to encode
		Payment, Merchant, Account string
		Reference                  Reference
		Minor                      int64
		Currency                   string
		CreatedAt, ExpiresAt       int64
		Metadata                   string
	}{
		c.PaymentID, c.MerchantID, c.Account, c.Reference, c.Expected.Minor(), c.Expected.Currency(),
		c.CreatedAt.UnixNano(), unixOrZero(c.ExpiresAt), string(c.Metadata),
	})
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// fieldReader reads fields and keeps the first fault.
type fieldReader struct {
	fields map[string]json.RawMessage
	err    error
}

func (r *fieldReader) fail(field, problem string) {
	if r.err == nil {
		r.err = &FieldError{Field: field, Problem: problem}
	}
}

func (r *fieldReader) text(field string, required bool) string {
	raw, ok := r.fields[field]
	if !ok || string(raw) == "null" {
		if required {
			r.fail(field, "is missing")
		}
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		r.fail(field, "is not a string")
	}
	return s
}

func (r *fieldReader) id(field string) string {
	s := r.text(field, true)
	if problem := CheckID(s); problem != "" {
		r.fail(field, problem)
	}
	return s
}

// CheckID says what is wrong with an id, or "" if it may be used: 1 to 128
// bytes of UTF-8 without control characters.
func CheckID(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxID:
		return fmt.Sprintf("is longer than %d bytes", MaxID)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	for _, c := range s {
		// U+FFFD is what encoding/json makes of broken UTF-8: two broken ids
		// would become one.
		if unicode.IsControl(c) || c == utf8.RuneError {
			return "holds a control or broken character"
		}
	}
	return ""
}

func (r *fieldReader) money() Money {
	amount, currency := r.text("amount", true), r.text("currency", true)
	if r.err != nil {
		return Money{}
	}
	m, err := ParseMoney(amount, currency)
	var fault *MoneyError
	if errors.As(err, &fault) {
		r.fail(fault.Field, fault.Problem)
	}
	return m
}

func (r *fieldReader) time(field string, required bool) time.Time {
	s := r.text(field, required)
	if s == "" && !required {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	// time.Parse also takes "T9:00:00,5Z", which no other reader does.
	loose := err == nil && (s[len("2026-02-03T10")] != ':' || strings.Contains(s, ","))
	if err != nil || loose || t.Year() < 2000 || t.Year() > 2200 {
		r.fail(field, "is not an RFC 3339 time such as 2026-02-03T10:00:00Z")
	}
	return t.UTC()
}

func (r *fieldReader) reference() Reference {
	raw, ok := r.fields["reference"]
	if !ok || string(raw) == "null" {
		r.fail("reference", "is missing")
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		r.fail("reference", "is not an object")
		return nil
	}
	ref := make(Reference, len(members))
	for _, key := range slices.Sorted(maps.Keys(members)) { // in order, so that the first fault is always the same
		value := members[key]
		var s string
		if json.Unmarshal(value, &s) != nil || value[0] != '"' {
			r.fail("reference."+safeKey(key), "is not a string")
		}
		ref[key] = s
	}
	return ref
}

// safeKey keeps an outside key fit for an error text.
func safeKey(key string) string {
	if len(key) > 32 || CheckID(key) != "" {
		return "(key)"
	}
	return key
}

func (r *fieldReader) metadata() json.RawMessage {
	raw, ok := r.fields["metadata"]
	if !ok || string(raw) == "null" {
		return nil
	}
	// Decoded and encoded again, so that key order and white space make no other payment.
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var members map[string]any
	if dec.Decode(&members) != nil {
		r.fail("metadata", "is not an object")
		return nil
	}
	canonical, err := json.Marshal(members)
	if err != nil {
		r.fail("metadata", "is not an object")
		return nil
	}
	if len(canonical) > maxMetadata {
		r.fail("metadata", fmt.Sprintf("is over %d bytes", maxMetadata))
	}
	return canonical
}
