package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"reconciler/internal/secret"
)

// The published vector of v1a: seed and public key.
const testKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="

// verifyV1a is a receiver's check of v1a that shares nothing with the code:
// it knows the public key's text, the headers and the body.
func verifyV1a(public string, header http.Header, body []byte) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil || len(key) != ed25519.PublicKeySize || !strings.HasPrefix(public, "whpk_") {
		return fmt.Errorf("no public key: %q", public)
	}
	message := header.Get("Webhook-Id") + "." + header.Get("Webhook-Timestamp") + "." + string(body)
	for _, part := range strings.Fields(header.Get("Webhook-Signature")) {
		encoded, ok := strings.CutPrefix(part, "v1a,")
		if !ok {
			continue
		}
		if signature, err := base64.StdEncoding.DecodeString(encoded); err == nil && ed25519.Verify(key, []byte(message), signature) {
			return nil
		}
	}
	return errors.New("no signature matches")
}

func signedHeader(id string, at time.Time, signature string) http.Header {
	header := http.Header{}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(HeaderSignature, signature)
	return header
}

func newPair(t testing.TB) (secret.Text, string) {
	t.Helper()
	private, public, err := NewKeyPair(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func TestSign_GivesThePublishedVectorOfV1a(t *testing.T) {
	body := []byte(`{"test": 2432232314}`)
	at := time.Unix(1614265330, 0)
	got, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, []secret.Text{secret.New(testKey), secret.New(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	want := "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==" +
		" v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	public, err := PublicKey(secret.New(testKey))
	if err != nil || public != "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=" {
		t.Errorf("public key %q, %v", public, err)
	}
	if err := verifyV1a(public, signedHeader("msg_p5jXN8AQM9LWM0D4loKWxJek", at, got), body); err != nil {
		t.Error(err)
	}
}

func TestSigner_IsAcceptedByEachReceiverOfARotation_InBothSchemes(t *testing.T) {
	newKey, newPublic := newPair(t)
	oldKey, oldPublic := newPair(t)
	newText, oldText := newSecret(t), newSecret(t)
	signer, err := NewSigner([]secret.Text{newKey, newText, oldKey, oldText})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, body := range []string{"", testBody, strings.Repeat("payload ", 20_000), "\x00\xff not text"} {
		signature, err := signer.Sign(testEventID, now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		var schemes []string
		for _, part := range strings.Split(signature, " ") {
			scheme, _, _ := strings.Cut(part, ",")
			schemes = append(schemes, scheme)
		}
		if want := []string{"v1a", "v1", "v1a", "v1"}; !slices.Equal(schemes, want) {
			t.Errorf("schemes %v, want %v: newest first", schemes, want)
		}
		header := signedHeader(testEventID, now, signature)
		for name, public := range map[string]string{"new": newPublic, "old": oldPublic} {
			if err := verifyV1a(public, header, []byte(body)); err != nil {
				t.Errorf("%s public key, body of %d bytes: %v", name, len(body), err)
			}
			if verifyV1a(public, header, []byte(body+" ")) == nil {
				t.Errorf("%s public key accepts a changed body", name)
			}
		}
		for name, text := range map[string]secret.Text{"new": newText, "old": oldText} {
			if err := verifier(t, text).Verify([]byte(body), header); err != nil {
				t.Errorf("%s secret, body of %d bytes: %v", name, len(body), err)
			}
		}
		_, stranger := newPair(t)
		if verifyV1a(stranger, header, []byte(body)) == nil || verifier(t, newSecret(t)).Verify([]byte(body), header) == nil {
			t.Error("a stranger's key verifies too")
		}
	}
}

func TestSchemeOf_ChecksFormLengthAndPair(t *testing.T) {
	encode := func(b []byte) string { return "whsk_" + base64.StdEncoding.EncodeToString(b) }
	whole, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(testKey, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := bytes.Clone(whole)
	foreign[40] ^= 1
	tests := []struct {
		name, text string
		scheme     Scheme
		want       error
	}{
		{"secret", testSecret, SchemeV1, nil},
		{"seed and public key", testKey, SchemeV1a, nil},
		{"seed alone", encode(whole[:32]), SchemeV1a, nil},
		{"public key of another", encode(foreign), "", ErrKeyPair},
		{"31 bytes", encode(whole[:31]), "", ErrKeyLength},
		{"48 bytes", encode(whole[:48]), "", ErrKeyLength},
		{"65 bytes", encode(append(bytes.Clone(whole), 0)), "", ErrKeyLength},
		{"prefix alone", "whsk_", "", ErrKeyLength},
		{"no padding", strings.TrimRight(testKey, "="), "", ErrKeyBase64},
		{"line break", testKey + "\n", "", ErrKeyBase64},
		{"public key", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "", ErrPrefix},
		{"absent", "", "", ErrPrefix},
		{"short secret", "whsec_AAAA", "", ErrSecretLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scheme, err := SchemeOf(secret.New(tt.text))
			if scheme != tt.scheme || !errors.Is(err, tt.want) {
				t.Errorf("%q, %v; want %q, %v", scheme, err, tt.scheme, tt.want)
			}
		})
	}
	if _, err := PublicKey(secret.New(testSecret)); !errors.Is(err, ErrKeyPrefix) {
		t.Errorf("the public key of a secret: %v, want %v", err, ErrKeyPrefix)
	}
}

func TestNewKeyPair_MakesAPairThatParses_FromItsSourceAlone(t *testing.T) {
	private, public := newPair(t)
	if derived, err := PublicKey(private); err != nil || derived != public {
		t.Errorf("the pair says %s, the key %s, %v", public, derived, err)
	}
	other, _ := newPair(t)
	if other.Reveal() == private.Reveal() {
		t.Error("two pairs are the same")
	}
	one, _, err1 := NewKeyPair(strings.NewReader(strings.Repeat("s", 32)))
	two, _, err2 := NewKeyPair(strings.NewReader(strings.Repeat("s", 32)))
	if err1 != nil || err2 != nil || one.Reveal() != two.Reveal() {
		t.Errorf("the same source gives different pairs: %v, %v", err1, err2)
	}
	if _, _, err := NewKeyPair(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that ends gives %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestSigner_PrintsNoKey(t *testing.T) {
	signer, err := NewSigner([]secret.Text{secret.New(testSecret), secret.New(testKey)})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(Request{Signer: signer, Secrets: []secret.Text{secret.New(testKey)}, Headers: []Header{{"X", secret.New(testSecret)}}})
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(testKey, "whsk_"))
	for _, printed := range []string{
		string(encoded), fmt.Sprintf("%v %+v %#v", signer, signer, signer), fmt.Sprintf("%+v %#v", *signer, *signer),
		fmt.Sprintf("%+v %#v", Request{Signer: signer}, Request{Secrets: []secret.Text{secret.New(testKey)}}),
	} {
		assertClean(t, printed)
		for _, private := range []string{testKey[5:], fmt.Sprint([]byte(whole[:32]))[1:60], fmt.Sprintf("%x", whole[:32]), fmt.Sprintf("%#v", whole[:4])[8:20]} {
			if strings.Contains(printed, private) {
				t.Errorf("%q shows in %q", private, printed)
			}
		}
	}
	if _, err := new(Signer).Sign(testEventID, time.Unix(1, 0), nil); !errors.Is(err, ErrNoSecret) {
		t.Errorf("a signer without keys: %v, want %v", err, ErrNoSecret)
	}
	if _, err := signer.Sign("evt.1", time.Unix(1, 0), nil); !errors.Is(err, ErrID) {
		t.Errorf("a dot in the id: %v, want %v", err, ErrID)
	}
}

func FuzzSchemeOf(f *testing.F) {
	for _, seed := range []string{testSecret, testKey, "", "whsk_", "whsk_AAAA", "whpk_AAAA", testKey + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scheme, err := SchemeOf(secret.New(text))
		if (scheme == "") == (err == nil) {
			t.Fatalf("%q beside %v", scheme, err)
		}
		if err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Errorf("the text shows in %q", err)
		}
		if err != nil {
			return
		}
		at := time.Unix(1614265330, 0)
		signature, err := Sign(testEventID, at, []byte(text), []secret.Text{secret.New(text)})
		if err != nil || !strings.HasPrefix(signature, string(scheme)+",") {
			t.Fatalf("a good key gives %q, %v", signature, err)
		}
		if scheme == SchemeV1a {
			public, err := PublicKey(secret.New(text))
			if err != nil || verifyV1a(public, signedHeader(testEventID, at, signature), []byte(text)) != nil {
				t.Errorf("its own public key %q refuses the signature: %v", public, err)
			}
		}
	})
}
