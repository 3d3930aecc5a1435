// Package secret holds values that must never be printed: passwords, signing keys, tokens.
//
// A Text shows as "[secret]" however it is formatted, logged or encoded; only
// Reveal gives the value, so a search for Reveal finds every place where a
// secret is used.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const mask = "[secret]"

// Text is a secret string. The zero value is the absent secret. Two Texts are
// compared by what they Reveal, not with ==.
type Text struct {
	// A pointer, because package fmt prints unexported fields of other structs by
	// reflection, past every method: it then shows an address.
	value *string
}

// New wraps value.
func New(value string) Text { return Text{value: &value} }

// Reveal gives the secret itself. Call it only where the value is used: in a
// signature, an Authorization header, a token request.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether no secret is set.
func (t Text) IsZero() bool { return t.Reveal() == "" }

// String hides the secret.
func (t Text) String() string { return mask }

// GoString hides the secret from %#v.
func (t Text) GoString() string { return mask }

// Format hides the secret from every verb of package fmt.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText hides the secret from JSON, YAML and every other text encoding.
func (t Text) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue hides the secret from log/slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(mask) }
