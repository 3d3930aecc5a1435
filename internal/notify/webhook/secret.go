package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"reconciler/internal/secret"
)

// A secret by Standard Webhooks 1.0: "whsec_" and 24 to 64 random bytes in base64.
const (
	secretPrefix   = "whsec_"
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = 32 // the size of the hash: more adds nothing to HMAC-SHA256
)

// What can be wrong with a secret. Each text completes "<the secret> ..." and
// repeats nothing of it.
var (
	ErrSecretPrefix = errors.New("must begin with whsec_")
	ErrSecretBase64 = errors.New("must be standard base64 with padding behind whsec_, without spaces or line breaks")
	ErrSecretLength = errors.New("must hold 24 to 64 bytes")
)

// ParseSecret reads a "whsec_..." secret and gives the signing key inside,
// which is as secret. The error is one of ErrSecretPrefix, ErrSecretBase64 and
// ErrSecretLength. The length is checked because an empty key signs as well as
// any other, and everybody knows it.
func ParseSecret(text secret.Text) (secret.Text, error) {
	key, err := decodeSecret(text)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(string(key)), nil
}

func decodeSecret(text secret.Text) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text.Reveal(), secretPrefix)
	if !ok {
		return nil, ErrSecretPrefix
	}
	key, err := strictBase64(encoded)
	if err != nil {
		return nil, ErrSecretBase64 // the decoder's own text tells where, and so a little of what
	}
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return nil, ErrSecretLength
	}
	return key, nil
}

var errLineBreak = errors.New("line break in base64")

// strictBase64 reads standard base64 with padding. The decoder skips line
// breaks; a receiver's may not, and then nothing it gets from us would ever
// verify. Strict for the same reason.
func strictBase64(encoded string) ([]byte, error) {
	if strings.ContainsAny(encoded, "\r\n") {
		return nil, errLineBreak
	}
	return base64.StdEncoding.Strict().DecodeString(encoded)
}

// NewSecret makes a secret of 32 bytes read from random, which must be a
// cryptographic source such as crypto/rand.Reader.
func NewSecret(random io.Reader) (secret.Text, error) {
	var key [newSecretBytes]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return secret.Text{}, fmt.Errorf("make a webhook secret: %w", err)
	}
	return secret.New(secretPrefix + base64.StdEncoding.EncodeToString(key[:])), nil
}
