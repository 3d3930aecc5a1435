package endpoint

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"reconciler/internal/secret"
)

func key(id string, fill byte) Key {
	return Key{ID: id, Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), 32))))}
}

func sealer(t *testing.T, keys ...Key) *Sealer {
	t.Helper()
	s, err := NewSealer(keys, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer_OpensWhatItSealed_InItsPlaceOnly(t *testing.T) {
	s := sealer(t, key("k1", 'a'))
	for _, text := range []string{"", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", strings.Repeat("x", 4096)} {
		sealed, err := s.Seal(secret.New(text), "m/e")
		if err != nil {
			t.Fatal(err)
		}
		if text != "" && strings.Contains(sealed, text) {
			t.Error("the text stands in what was sealed")
		}
		if got, err := s.Open(sealed, "m/e"); err != nil || got.Reveal() != text {
			t.Errorf("opened as %d bytes, %v", len(got.Reveal()), err)
		}
		if _, err := s.Open(sealed, "m/other"); !errors.Is(err, ErrSealed) {
			t.Errorf("it opens at another endpoint: %v", err)
		}
		again, _ := s.Seal(secret.New(text), "m/e")
		if again == sealed {
			t.Error("sealed twice it looks the same")
		}
	}
}

func TestSealer_RefusesWhatWasChanged(t *testing.T) {
	s := sealer(t, key("k1", 'a'))
	sealed, err := s.Seal(secret.New("text"), "m/e")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(sealed, "k1."))
	for i := range raw {
		changed := []byte(string(raw))
		changed[i] ^= 1
		if _, err := s.Open("k1."+base64.RawStdEncoding.EncodeToString(changed), "m/e"); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, junk := range []string{"", "k1", "k1.", "k1.!!", "k1.AAAA"} {
		if _, err := s.Open(junk, "m/e"); !errors.Is(err, ErrSealed) {
			t.Errorf("%q: %v", junk, err)
		}
	}
	if _, err := sealer(t, key("k1", 'b')).Open(sealed, "m/e"); !errors.Is(err, ErrSealed) {
		t.Errorf("another key of the same id: %v", err)
	}
}

func TestSealer_OpensWithOlderKeys_AndSealsWithTheNewest(t *testing.T) {
	old := sealer(t, key("k1", 'a'))
	sealed, err := old.Seal(secret.New("text"), "m/e")
	if err != nil {
		t.Fatal(err)
	}
	both := sealer(t, key("k2", 'b'), key("k1", 'a'))
	if got, err := both.Open(sealed, "m/e"); err != nil || got.Reveal() != "text" {
		t.Errorf("the older key does not open: %v", err)
	}
	anew, err := both.Seal(secret.New("text"), "m/e")
	if err != nil || !strings.HasPrefix(anew, "k2.") {
		t.Errorf("sealed as %.3s..., %v", anew, err)
	}
	if both.Current(sealed) || !both.Current(anew) {
		t.Error("which key is current is not known")
	}
	if _, err := sealer(t, key("k2", 'b')).Open(sealed, "m/e"); !errors.Is(err, ErrKeyAbsent) {
		t.Errorf("without its key: %v", err)
	}
}

func TestNewSealer_RefusesBadKeys(t *testing.T) {
	rows := map[string]struct {
		keys []Key
		want error
	}{
		"none":        {nil, ErrNoKey},
		"no id":       {[]Key{key("", 'a')}, ErrKeyID},
		"id with dot": {[]Key{key("a.b", 'a')}, ErrKeyID},
		"long id":     {[]Key{key(strings.Repeat("a", 33), 'a')}, ErrKeyID},
		"short":       {[]Key{{ID: "k", Value: secret.New("c2hvcnQ=")}}, ErrKeyValue},
		"no base64":   {[]Key{{ID: "k", Value: secret.New(strings.Repeat("-", 44))}}, ErrKeyValue},
		"twice":       {[]Key{key("k", 'a'), key("k", 'b')}, ErrKeyTwice},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := NewSealer(row.keys, rand.Reader)
			if !errors.Is(err, row.want) {
				t.Errorf("error %v, want %v", err, row.want)
			}
			for _, k := range row.keys {
				if v := k.Value.Reveal(); v != "" && err != nil && strings.Contains(err.Error(), v) {
					t.Error("the key stands in the error")
				}
			}
		})
	}
}

// The construction is the published one: the vector of
// draft-irtf-cfrg-xchacha-03, A.3.1, opens and seals with the same cipher.
func TestSealer_IsXChaCha20Poly1305(t *testing.T) {
	unhex := func(s string) []byte {
		raw, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	k := unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
	nonce := unhex("404142434445464748494a4b4c4d4e4f5051525354555657")
	about := unhex("50515253c0c1c2c3c4c5c6c7")
	text := "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
	tag := "c0875924c1c7987947deafd8780acf49"
	s := sealer(t, Key{ID: "v", Value: secret.New(base64.StdEncoding.EncodeToString(k))})
	aead, err := chacha20poly1305.NewX(k)
	if err != nil {
		t.Fatal(err)
	}
	sealed := aead.Seal(nonce, nonce, []byte(text), about)
	if got := hex.EncodeToString(sealed[len(sealed)-16:]); got != tag {
		t.Fatalf("tag %s, want %s", got, tag)
	}
	got, err := s.Open("v."+base64.RawStdEncoding.EncodeToString(sealed), string(about))
	if err != nil || got.Reveal() != text {
		t.Errorf("the published vector does not open: %v", err)
	}
}

func FuzzSealer_Open(f *testing.F) {
	f.Add("k1.AAAA", "m/e")
	f.Add("k1.", "")
	f.Add("..", "m")
	f.Fuzz(func(t *testing.T, sealed, about string) {
		if text, err := sealer(t, key("k1", 'a')).Open(sealed, about); err == nil {
			t.Errorf("something nobody sealed opens as %d bytes", len(text.Reveal()))
		}
	})
}
