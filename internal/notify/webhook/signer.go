package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/secret"
)

// Signer signs with keys that were read and checked once: what signing with
// ed25519 costs is halved by that. It is safe for concurrent use and prints no key.
type Signer struct{ keys []signingKey }

// signingKey is one key in the form its scheme wants.
type signingKey struct {
	scheme Scheme
	secret secret.Text // v1: the decoded bytes
	// v1a. A pointer, because package fmt prints unexported fields of other
	// structs by reflection: it then shows an address.
	pair *ed25519.PrivateKey
}

// NewSigner reads the keys, newest first: "whsec_..." secrets sign by v1,
// "whsk_..." secret keys by v1a, and a list may mix both. The errors are
// ErrNoSecret and, wrapped with the key's place in the list, those of SchemeOf.
func NewSigner(keys []secret.Text) (*Signer, error) {
	if len(keys) == 0 {
		return nil, ErrNoSecret
	}
	s := &Signer{keys: make([]signingKey, len(keys))}
	for i, text := range keys {
		key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d %w", i+1, len(keys), err)
		}
		s.keys[i] = key
	}
	return s, nil
}

func parseKey(text secret.Text) (signingKey, error) {
	switch value := text.Reveal(); {
	case strings.HasPrefix(value, secretPrefix):
		key, err := decodeSecret(text)
		if err != nil {
			return signingKey{}, err
		}
		return signingKey{scheme: SchemeV1, secret: secret.New(string(key))}, nil
	case strings.HasPrefix(value, keyPrefix):
		pair, err := decodeKey(text)
		if err != nil {
			return signingKey{}, err
		}
		return signingKey{scheme: SchemeV1a, pair: &pair}, nil
	}
	return signingKey{}, ErrPrefix
}

// Sign makes the value of the webhook-signature header: for each key its
// scheme, a comma and the base64 of its signature over
// "<id>.<unix seconds>.<body>", separated by a space, in the order of the keys.
// While keys are rotated there are several, and the receiver accepts any match.
// The errors are ErrID and ErrNoSecret.
func (s *Signer) Sign(id string, at time.Time, body []byte) (string, error) {
	if !validID(id) {
		return "", ErrID
	}
	if s == nil || len(s.keys) == 0 {
		return "", ErrNoSecret
	}
	opening := make([]byte, 0, len(id)+len(".9223372036854775807."))
	opening = append(opening, id...)
	opening = append(opening, '.')
	opening = strconv.AppendInt(opening, at.Unix(), 10)
	opening = append(opening, '.')

	var whole []byte // ed25519 reads the message twice, so it needs a copy in one piece; HMAC needs none
	header := make([]byte, 0, len(s.keys)*len("v1a,")+len(s.keys)*(base64.StdEncoding.EncodedLen(ed25519.SignatureSize)+1))
	for i, key := range s.keys {
		if i > 0 {
			header = append(header, ' ')
		}
		header = append(append(header, key.scheme...), ',')
		if key.scheme == SchemeV1 {
			header = appendHMAC(header, key.secret, opening, body)
			continue
		}
		if whole == nil {
			whole = append(append(make([]byte, 0, len(opening)+len(body)), opening...), body...)
		}
		header = base64.StdEncoding.AppendEncode(header, ed25519.Sign(*key.pair, whole))
	}
	return string(header), nil
}

// appendHMAC writes the signature over opening and body in two parts: the body
// is never copied.
func appendHMAC(header []byte, key secret.Text, opening, body []byte) []byte {
	var sum [sha256.Size]byte
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(opening)
	mac.Write(body)
	return base64.StdEncoding.AppendEncode(header, mac.Sum(sum[:0]))
}
