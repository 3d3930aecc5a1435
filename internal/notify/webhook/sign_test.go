package webhook

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/secret"
)

// The vector that every Standard Webhooks library is tested with.
func TestSign_GivesThePublishedVector(t *testing.T) {
	got, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), []secret.Text{secret.New(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestSign_IsAcceptedByAForeignVerifier_WithEachSecretOfARotation(t *testing.T) {
	secrets := []secret.Text{newSecret(t), newSecret(t), newSecret(t)}
	now := time.Now()
	for _, body := range []string{"", "{}", testBody, strings.Repeat("payload ", 20_000), "\x00\xff not text"} {
		header, err := Sign(testEventID, now, []byte(body), secrets)
		if err != nil {
			t.Fatal(err)
		}
		headers := http.Header{}
		headers.Set(HeaderID, testEventID)
		headers.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		headers.Set(HeaderSignature, header)
		for i, s := range secrets {
			if err := verifier(t, s).Verify([]byte(body), headers); err != nil {
				t.Errorf("secret %d of a rotation, body of %d bytes: %v", i+1, len(body), err)
			}
		}
		if err := verifier(t, newSecret(t)).Verify([]byte(body), headers); err == nil {
			t.Error("another secret verifies too")
		}
		if err := verifier(t, secrets[0]).Verify([]byte(body+" "), headers); err == nil {
			t.Error("a changed body verifies too")
		}
	}
}

func verifier(t testing.TB, s secret.Text) *standardwebhooks.Webhook {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newSecret(t testing.TB) secret.Text {
	t.Helper()
	s, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign_RefusesWhatIsNotSafeToSign(t *testing.T) {
	good := []secret.Text{secret.New(testSecret)}
	tests := []struct {
		name    string
		id      string
		secrets []secret.Text
		want    error
	}{
		{"empty id", "", good, ErrID},
		{"dot in the id", "evt.1", good, ErrID},
		{"space in the id", "evt 1", good, ErrID},
		{"line break in the id", "evt\n1", good, ErrID},
		{"id that is not ASCII", "évt", good, ErrID},
		{"long id", strings.Repeat("e", 257), good, ErrID},
		{"no secret", testEventID, nil, ErrNoSecret},
		{"zero secret", testEventID, []secret.Text{{}}, ErrPrefix},
		{"second secret without prefix", testEventID, []secret.Text{good[0], secret.New("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, ErrPrefix},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, err := Sign(tt.id, time.Unix(1, 0), nil, tt.secrets)
			if !errors.Is(err, tt.want) || header != "" {
				t.Errorf("%q, %v; want %v", header, err, tt.want)
			}
			assertClean(t, fmt.Sprint(err))
		})
	}
	if _, err := Sign(strings.Repeat("e", 256), time.Unix(1, 0), nil, good); err != nil {
		t.Errorf("an id of 256 characters is refused: %v", err)
	}
}

func TestSigner_AllocatesTheSame_HoweverLongTheBody(t *testing.T) {
	signer, err := NewSigner([]secret.Text{secret.New(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	measure := func(size int) float64 {
		body := bytes.Repeat([]byte("x"), size)
		return testing.AllocsPerRun(100, func() {
			if _, err := signer.Sign(testEventID, at, body); err != nil {
				t.Fatal(err)
			}
		})
	}
	short, long := measure(100), measure(1<<20)
	if short != long || short > 12 {
		t.Errorf("%v allocations for 100 bytes, %v for 1 MiB; want the same and 12 at most", short, long)
	}
}

func TestParseSecret_ChecksFormAndLength(t *testing.T) {
	encode := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	tests := []struct {
		name, text string
		want       error
	}{
		{"24 bytes", "whsec_" + encode(24), nil},
		{"32 bytes", "whsec_" + encode(32), nil},
		{"64 bytes", "whsec_" + encode(64), nil},
		{"absent", "", ErrSecretPrefix},
		{"prefix alone", "whsec_", ErrSecretLength},
		{"no prefix", encode(32), ErrSecretPrefix},
		{"key of the other scheme", "whsk_" + encode(32), ErrSecretPrefix},
		{"23 bytes", "whsec_" + encode(23), ErrSecretLength},
		{"65 bytes", "whsec_" + encode(65), ErrSecretLength},
		{"no padding", "whsec_" + strings.TrimRight(encode(32), "="), ErrSecretBase64},
		{"URL alphabet", "whsec_" + strings.NewReplacer("+", "-", "/", "_").Replace(encode(32)), ErrSecretBase64},
		{"line break behind", "whsec_" + encode(32) + "\n", ErrSecretBase64},
		{"space before", " whsec_" + encode(32), ErrSecretPrefix},
		{"bits left over", "whsec_" + encode(24) + "+/==", ErrSecretBase64},
		{"not base64", "whsec_" + strings.Repeat("*", 40), ErrSecretBase64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseSecret(secret.New(tt.text)); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestNewSecret_MakesASecretThatParses(t *testing.T) {
	key, err := ParseSecret(newSecret(t))
	if err != nil || len(key.Reveal()) != 32 {
		t.Errorf("a new secret of %d bytes: %v", len(key.Reveal()), err)
	}
	if _, err := NewSecret(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that ends gives %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{testSecret, "", "whsec_", "whsec_AAAA", "whsec_====", "whsk_" + testSecret[6:], testSecret + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseSecret(secret.New(text))
		if err != nil {
			if !key.IsZero() {
				t.Error("a key beside an error")
			}
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("the text shows in %q", err)
			}
			return
		}
		value := key.Reveal()
		if len(value) < 24 || len(value) > 64 {
			t.Errorf("a key of %d bytes", len(value))
		}
		if again := "whsec_" + base64.StdEncoding.EncodeToString([]byte(value)); again != text {
			t.Errorf("%q is another writing of %q", text, again)
		}
	})
}
