package notify_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

// sample is one program of the guide and what it takes to run it.
type sample struct {
	language, file string
	needs          []tool
	build, run     []string
	// noKeys says that the program verifies v1 only.
	noKeys bool
}

// tool is a program that must be there, and what it must answer when it is
// asked for its version; nothing: any will do.
type tool struct{ name, ask, answer string }

func samples() []sample {
	return []sample{
		{language: "go", file: "verify.go", needs: []tool{{"go", "version", `go1\.`}},
			build: []string{"go", "build", "-o", "verify", "verify.go"}, run: []string{"./verify"}},
		{language: "python", file: "verify.py", needs: []tool{{"python3", "--version", `Python 3\.`}},
			run: []string{"python3", "verify.py"}, noKeys: true},
		{language: "js", file: "verify.mjs", needs: []tool{{"node", "--version", `^v(1[6-9]|[2-9]\d)\.`}},
			run: []string{"node", "verify.mjs"}},
		{language: "php", file: "verify.php", needs: []tool{{"php", "--version", `PHP ([89]|\d\d)\.`}, {"php", "-m", `(?m)^sodium$`}},
			run: []string{"php", "verify.php"}},
		{language: "java", file: "Verify.java", needs: []tool{{"java", "-version", `"(1[5-9]|[2-9]\d)`}, {"javac", "-version", `javac (1[5-9]|[2-9]\d)`}},
			build: []string{"javac", "Verify.java"}, run: []string{"java", "-XX:TieredStopAtLevel=1", "Verify"}},
		{language: "sh", file: "verify.sh", needs: []tool{{"sh", "", ""}, {"od", "", ""}, {"openssl", "version", `^OpenSSL ([3-9]|\d\d)\.`}},
			run: []string{"sh", "verify.sh"}},
	}
}

// missing says which tool of the sample is not on this machine; empty: none.
func (s sample) missing(ctx context.Context) string {
	for _, need := range s.needs {
		if _, err := exec.LookPath(need.name); err != nil {
			return need.name
		}
		if need.answer == "" {
			continue
		}
		answer, err := exec.CommandContext(ctx, need.name, need.ask).CombinedOutput()
		if err != nil || !regexp.MustCompile(need.answer).Match(answer) {
			return fmt.Sprintf("%s %s with an answer like %s", need.name, need.ask, need.answer)
		}
	}
	return ""
}

// install writes the sample into a folder of its own and builds it there.
func (s sample) install(t *testing.T, code string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, s.file), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(s.build) > 0 {
		cmd := exec.CommandContext(t.Context(), s.build[0], s.build[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v: %s", err, out)
		}
	}
	return dir
}

// try gives a delivery to the sample and compares what it says. A refusal is
// exit code 1 and a reason, so that no crash is taken for one.
func (s sample) try(t *testing.T, dir string, d delivery) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.run[0], s.run[1:]...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(d.body)
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "WEBHOOK_SECRET=") || strings.HasPrefix(v, "HTTP_WEBHOOK_")
	})
	for name, value := range map[string]string{
		"WEBHOOK_SECRET": d.secret, "HTTP_WEBHOOK_ID": d.id, "HTTP_WEBHOOK_TIMESTAMP": d.timestamp, "HTTP_WEBHOOK_SIGNATURE": d.signatures,
	} {
		if value != "" { // a header that is not there is a variable that is not there
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case d.refused == "" && err == nil && len(out) == 0:
	case d.refused != "" && errors.As(err, &exit) && exit.ExitCode() == 1 &&
		bytes.HasPrefix(out, []byte("refused: ")) && bytes.Contains(out, []byte(d.refused)):
	default:
		t.Errorf("%s: want refused: %q; got %v, %q", d.name, d.refused, err, out)
	}
}

// The programs share no code with ours, so this is also the proof that our
// signatures can be verified in those languages.
func TestGuide_SamplesTellGenuineWebhooksFromOthers(t *testing.T) {
	text := readGuide(t)
	for _, s := range samples() {
		code := text.code(t, s.language)
		t.Run(s.language, func(t *testing.T) {
			t.Parallel()
			if tool := s.missing(t.Context()); tool != "" {
				t.Logf("NOT RUN: the guide's sample in %s, because this machine has no %s", s.language, tool)
				t.SkipNow()
			}
			dir := s.install(t, code)
			for _, d := range append(sharedDeliveries(t), keyDeliveries(t, s.noKeys)...) {
				s.try(t, dir, d)
			}
		})
	}
}

// delivery is a request as it comes to a receiver with that secret.
type delivery struct {
	name, secret, id, timestamp, signatures string
	body                                    []byte
	// refused is a word of the reason; empty: the delivery is genuine.
	refused string
}

// sentBody is not as JSON comes out of an encoder: whoever does not verify the
// bytes themselves fails.
const sentBody = "{ \"type\":\"payment.succeeded\",\r\n\"data\": {\"amount\":1.0, \"name\": \"\u00e9\u2028\\u00e9\x00\" } }\n\n"

const sentID = "evt_0d1d9ba504085cfd5b24b827_2"

// sent is a genuine delivery, signed at that moment with those keys, to a
// receiver that holds held.
func sent(t *testing.T, name, held string, at time.Time, keys ...secret.Text) delivery {
	t.Helper()
	signatures, err := webhook.Sign(sentID, at, []byte(sentBody), keys)
	if err != nil {
		t.Fatal(err)
	}
	return delivery{
		name: name, secret: held, id: sentID, timestamp: strconv.FormatInt(at.Unix(), 10), signatures: signatures, body: []byte(sentBody),
	}
}

// but makes a delivery of another name that is refused for that reason.
func (d delivery) but(name, refused string, change func(*delivery)) delivery {
	d.name, d.refused = name, refused
	change(&d)
	return d
}

// forged signs like v1 with a key that the attacker knows.
func forged(d *delivery, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(d.id + "." + d.timestamp + "." + string(d.body)))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func newSecret(t *testing.T) secret.Text {
	t.Helper()
	s, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newPair(t *testing.T) (private secret.Text, public string) {
	t.Helper()
	private, public, err := webhook.NewKeyPair(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

// sharedDeliveries go to a receiver with a shared secret.
func sharedDeliveries(t *testing.T) []delivery {
	t.Helper()
	now, other := time.Now(), newSecret(t)
	// Zeros and line breaks in the key are a shell's traps.
	own := secret.New("whsec_" + base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{0, '\n', 0xfe}, 8), rand.Text()...)))
	pair, _ := newPair(t)
	right := sent(t, "right", own.Reveal(), now, own)
	junk := sent(t, "junk and another scheme first, 4 minutes old", own.Reveal(), now.Add(-4*time.Minute), pair, own)
	junk.signatures = "v1 v1, v1,% v1,AAAA v2," + junk.signatures[len("v1a,"):] + " * " + junk.signatures
	return []delivery{
		right, // and with it: id and timestamp are part of what is signed
		junk,
		sent(t, "two signatures, the second matches, 4 minutes early", own.Reveal(), now.Add(4*time.Minute), other, own),

		right.but("changed body", "no signature", func(d *delivery) { d.body = d.body[:len(d.body)-1] }),
		sent(t, "", own.Reveal(), now, other).but("wrong secret", "no signature", func(*delivery) {}),
		right.but("no signature", "no signature", func(d *delivery) { d.signatures = "" }),
		right.but("empty, cut short, of another scheme", "no signature", func(d *delivery) {
			d.signatures = "v1, v1,= " + d.signatures[:23] + " v2" + d.signatures[len("v1"):]
		}),
		sent(t, "", own.Reveal(), now.Add(-6*time.Minute), own).but("6 minutes old", "timestamp", func(*delivery) {}),
		sent(t, "", own.Reveal(), now.Add(6*time.Minute), own).but("6 minutes early", "timestamp", func(*delivery) {}),
		right.but("nothing but a body", "timestamp", func(d *delivery) { d.id, d.timestamp, d.signatures = "", "", "" }),
		right.but("no secret", "secret", func(d *delivery) { d.secret, d.signatures = "", forged(d, "") }),
		right.but("an empty secret", "secret", func(d *delivery) { d.secret, d.signatures = "whsec_", forged(d, "") }),
		right.but("a short secret", "secret", func(d *delivery) { d.secret, d.signatures = "whsec_c2hvcnQ=", forged(d, "short") }),
	}
}

// keyDeliveries go to a receiver with a public key. A program that can't verify
// those must say so.
func keyDeliveries(t *testing.T, unsupported bool) []delivery {
	t.Helper()
	now, shared := time.Now(), newSecret(t)
	own, public := newPair(t)
	other, _ := newPair(t)
	right := sent(t, "v1a: the last of three matches", public, now, shared, other, own)
	if unsupported {
		return []delivery{right.but("v1a: a public key", "secret", func(*delivery) {})}
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	return []delivery{
		right,
		right.but("v1a: changed body", "no signature", func(d *delivery) { d.body = d.body[:len(d.body)-1] }),
		right.but("v1a: cut short", "no signature", func(d *delivery) { d.signatures = d.signatures[:len(d.signatures)-44] }),
		right.but("v1a: the public key as a shared secret", "no signature", func(d *delivery) {
			signature := forged(d, string(key))
			d.signatures = signature + " v1a" + signature[len("v1"):]
		}),
		right.but("v1a: a short key", "secret", func(d *delivery) { d.secret = public[:len("whpk_")+4] }),
	}
}
