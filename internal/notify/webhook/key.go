package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"reconciler/internal/secret"
)

// The keys of scheme v1a by Standard Webhooks 1.0: "whsk_" and the base64 of an
// ed25519 secret key, "whpk_" and the base64 of its public key.
const (
	keyPrefix       = "whsk_"
	publicKeyPrefix = "whpk_"
)

// What can be wrong with a v1a secret key. Each text completes "<the key> ..."
// and repeats nothing of it.
var (
	ErrKeyPrefix = errors.New("must begin with whsk_")
	ErrKeyBase64 = errors.New("must be standard base64 with padding behind whsk_, without spaces or line breaks")
	ErrKeyLength = errors.New("must hold 32 bytes (the seed) or 64 (the seed and its public key)")
	ErrKeyPair   = errors.New("holds a public key that is not its own")
)

// ErrPrefix is for a text that is neither a secret of v1 nor a secret key of v1a.
var ErrPrefix = errors.New("must begin with whsec_ or whsk_")

// Scheme is a way of signing, as it stands before each signature.
type Scheme string

// The schemes of Standard Webhooks 1.0.
const (
	SchemeV1  Scheme = "v1"  // HMAC-SHA256 with a shared secret, "whsec_"
	SchemeV1a Scheme = "v1a" // ed25519, "whsk_"; the receiver holds "whpk_" only and can't forge
)

// SchemeOf checks the text of a secret or secret key whole and says which
// scheme it signs by. The error is ErrPrefix, one of ParseSecret or an ErrKey.
func SchemeOf(text secret.Text) (Scheme, error) {
	key, err := parseKey(text)
	return key.scheme, err
}

// NewKeyPair makes an ed25519 key pair of 32 bytes read from random, which must
// be a cryptographic source such as crypto/rand.Reader: the secret key that
// signs, and the public key for the receiver.
//
// The secret key is written as seed and public key together, 64 bytes: the
// form that the published vector has.
func NewKeyPair(random io.Reader) (private secret.Text, public string, err error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return secret.Text{}, "", fmt.Errorf("make a webhook key pair: %w", err)
	}
	pair := ed25519.NewKeyFromSeed(seed[:])
	return secret.New(keyPrefix + base64.StdEncoding.EncodeToString(pair)), publicText(pair), nil
}

// PublicKey is the "whpk_..." text of a "whsk_..." secret key. It is no secret.
// The error is one of ErrKeyPrefix, ErrKeyBase64, ErrKeyLength and ErrKeyPair.
func PublicKey(private secret.Text) (string, error) {
	pair, err := decodeKey(private)
	if err != nil {
		return "", err
	}
	return publicText(pair), nil
}

// publicText writes the second half of the pair, which is the public key (RFC 8032).
func publicText(pair ed25519.PrivateKey) string {
	return publicKeyPrefix + base64.StdEncoding.EncodeToString(pair[ed25519.SeedSize:])
}

func decodeKey(text secret.Text) (ed25519.PrivateKey, error) {
	encoded, ok := strings.CutPrefix(text.Reveal(), keyPrefix)
	if !ok {
		return nil, ErrKeyPrefix
	}
	key, err := strictBase64(encoded)
	if err != nil {
		return nil, ErrKeyBase64
	}
	if len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return nil, ErrKeyLength
	}
	pair := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	// Two signatures of one message under two public keys give the secret key
	// away, so a public half is never taken on trust.
	if len(key) == ed25519.PrivateKeySize && !pair.Equal(ed25519.PrivateKey(key)) {
		return nil, ErrKeyPair
	}
	return pair, nil
}
