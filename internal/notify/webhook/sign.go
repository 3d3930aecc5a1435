package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"reconciler/internal/secret"
)

// The headers of Standard Webhooks 1.0.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// maxID bounds a webhook-id; ours are under 50 characters.
const maxID = 256

// Why a webhook can't be signed.
var (
	ErrID       = errors.New("the webhook id must be 1 to 256 visible ASCII characters without a dot")
	ErrNoSecret = errors.New("there is no secret to sign with")
)

// Sign makes the value of the webhook-signature header: for each secret
// "v1," and the base64 of HMAC-SHA256 over "<id>.<unix seconds>.<body>",
// separated by a space, in the order of secrets. While a secret is being
// rotated there are several, and the receiver accepts any match.
//
// The errors are ErrID, ErrNoSecret and, wrapped with the secret's place in
// the list, those of ParseSecret.
func Sign(id string, at time.Time, body []byte, secrets []secret.Text) (string, error) {
	if !validID(id) {
		return "", ErrID
	}
	if len(secrets) == 0 {
		return "", ErrNoSecret
	}
	opening := make([]byte, 0, len(id)+len(".9223372036854775807."))
	opening = append(opening, id...)
	opening = append(opening, '.')
	opening = strconv.AppendInt(opening, at.Unix(), 10)
	opening = append(opening, '.')

	header := make([]byte, 0, len(secrets)*len("v1,47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= "))
	var sum [sha256.Size]byte
	for i, text := range secrets {
		key, err := decodeSecret(text)
		if err != nil {
			return "", fmt.Errorf("secret %d of %d %w", i+1, len(secrets), err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(opening) // in two parts: the body is never copied
		mac.Write(body)
		if i > 0 {
			header = append(header, ' ')
		}
		header = append(header, "v1,"...)
		header = base64.StdEncoding.AppendEncode(header, mac.Sum(sum[:0]))
	}
	return string(header), nil
}

// validID refuses dots because the signed text separates its parts with them:
// with a dot in the id two different messages could have the same signature.
func validID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '.' {
			return false
		}
	}
	return true
}
