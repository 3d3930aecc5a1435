package webhook

import (
	"errors"
	"time"

	"reconciler/internal/secret"
)

// The headers of Standard Webhooks 1.0.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// HeaderReplay, with the value "true", marks a webhook that somebody asked to
// have sent again. The standard knows no such header, and a receiver needs none:
// webhook-id is the original's. It is not signed and for people who read logs.
const HeaderReplay = "webhook-replay"

// maxID bounds a webhook-id; ours are under 50 characters.
const maxID = 256

// Why a webhook can't be signed.
var (
	ErrID       = errors.New("the webhook id must be 1 to 256 visible ASCII characters without a dot")
	ErrNoSecret = errors.New("there is no secret to sign with")
)

// Sign is Signer.Sign with keys that are read for this one signature: see
// there and NewSigner for the form and the errors. "v1," and the base64 of
// HMAC-SHA256 for each "whsec_..." secret, "v1a," and the base64 of ed25519 for
// each "whsk_..." secret key.
func Sign(id string, at time.Time, body []byte, secrets []secret.Text) (string, error) {
	if !validID(id) {
		return "", ErrID
	}
	signer, err := NewSigner(secrets)
	if err != nil {
		return "", err
	}
	return signer.Sign(id, at, body)
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
