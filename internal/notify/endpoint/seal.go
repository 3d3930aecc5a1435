package endpoint

import (
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"reconciler/internal/secret"
)

// Key is a key that seals what is kept of an endpoint's secrets.
type Key struct {
	// ID names the key in what it sealed: 1 to 32 of a-z 0-9 _ -. It is no secret.
	ID string
	// Value is the base64 form of 32 random bytes.
	Value secret.Text
}

// What can be wrong with a key, or with what was sealed. No text repeats
// anything of either.
var (
	ErrKeyID     = errors.New("the key's id must be 1 to 32 characters of a-z, 0-9, _ and -")
	ErrKeyValue  = errors.New("the key must be standard base64 of 32 bytes, such as `openssl rand -base64 32` prints")
	ErrKeyTwice  = errors.New("two keys have the same id")
	ErrNoKey     = errors.New("no key to seal with")
	ErrKeyAbsent = errors.New("it was sealed with a key that is not configured any more")
	ErrSealed    = errors.New("it is not what was sealed: another place, another key of the same id, or damaged")
)

// Sealer seals and opens short secrets with XChaCha20-Poly1305 (RFC 8439 with a
// nonce of 24 bytes, which may be random). It is safe for concurrent use.
type Sealer struct {
	seals string
	keys  map[string]cipher.AEAD
	rand  io.Reader
}

// NewSealer makes a sealer of keys: the first one seals, all of them open, so
// that a key is replaced by putting a new one before it. random is where
// nonces come from: crypto/rand.Reader.
func NewSealer(keys []Key, random io.Reader) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	s := &Sealer{seals: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys)), rand: random}
	for i, k := range keys {
		sealing, err := k.aead()
		if err == nil && s.keys[k.ID] != nil {
			err = ErrKeyTwice
		}
		if err != nil {
			return nil, fmt.Errorf("sealing key %d: %w", i+1, err)
		}
		s.keys[k.ID] = sealing
	}
	return s, nil
}

// maxKeyID is the longest id of a key.
const maxKeyID = 32

func (k Key) aead() (cipher.AEAD, error) {
	if !validKeyID(k.ID) {
		return nil, ErrKeyID
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(k.Value.Reveal())
	if err != nil || len(raw) != chacha20poly1305.KeySize {
		return nil, ErrKeyValue
	}
	return chacha20poly1305.NewX(raw)
}

func validKeyID(id string) bool {
	return id != "" && len(id) <= maxKeyID && !strings.ContainsFunc(id, notInKeyID)
}

func notInKeyID(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-')
}

// Seal closes a secret up as "<key id>.<base64 of nonce and text>". about says
// where it belongs, such as merchant and endpoint: it opens nowhere else.
func (s *Sealer) Seal(text secret.Text, about string) (string, error) {
	sealing := s.keys[s.seals]
	nonce := make([]byte, sealing.NonceSize(), sealing.NonceSize()+len(text.Reveal())+sealing.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return "", fmt.Errorf("seal a secret: %w", err)
	}
	sealed := sealing.Seal(nonce, nonce, []byte(text.Reveal()), []byte(about))
	return s.seals + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open gives what was sealed. The error is ErrKeyAbsent or ErrSealed.
func (s *Sealer) Open(sealed, about string) (secret.Text, error) {
	id, encoded, ok := strings.Cut(sealed, ".")
	if !ok {
		return secret.Text{}, ErrSealed
	}
	opening := s.keys[id]
	if opening == nil {
		return secret.Text{}, ErrKeyAbsent
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < opening.NonceSize() {
		return secret.Text{}, ErrSealed
	}
	text, err := opening.Open(nil, raw[:opening.NonceSize()], raw[opening.NonceSize():], []byte(about))
	if err != nil {
		return secret.Text{}, ErrSealed
	}
	return secret.New(string(text)), nil
}

// Current reports whether the key that seals now sealed it; if not, sealing it
// anew lets the older key go.
func (s *Sealer) Current(sealed string) bool { return strings.HasPrefix(sealed, s.seals+".") }
