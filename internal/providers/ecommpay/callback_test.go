package ecommpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// goldenCallback is a callback as it is recorded in testdata/callbacks, and the
// hint or error that it gives.
type goldenCallback struct {
	name string
	body []byte

	About string `json:"about"`
	// Key and ProjectID are the account's; defaults: those of all tests.
	Key       string   `json:"key"`
	ProjectID int64    `json:"project_id"`
	Aliases   []string `json:"aliases"`
	// Error is the kind of error, Path the field that it names.
	Error    string   `json:"error"`
	Path     string   `json:"path"`
	Personal []string `json:"personal"`
}

func (g goldenCallback) adapter() *Adapter {
	cfg := Config{ProjectID: max(g.ProjectID, testProject), Secret: secret.New(g.Key)}
	if g.Key == "" {
		cfg.Secret = secret.New(testKey)
	}
	return &Adapter{config: cfg, reader: reader{config: cfg}}
}

func goldenCallbacks(t testing.TB) []goldenCallback {
	t.Helper()
	files, err := filepath.Glob("testdata/callbacks/*.want.json")
	if err != nil || len(files) < 22 {
		t.Fatalf("%d golden callbacks, %v", len(files), err)
	}
	all := make([]goldenCallback, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&all[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		body := strings.TrimSuffix(file, ".want.json") + ".json"
		all[i].name = filepath.Base(body)
		if all[i].body, err = os.ReadFile(body); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestReadCallback_ReadsGoldenCallbacks(t *testing.T) {
	for _, g := range goldenCallbacks(t) {
		t.Run(g.name, func(t *testing.T) {
			for _, value := range g.Personal {
				if !bytes.Contains(g.body, []byte(value)) {
					t.Errorf("%q is not in the callback, so its absence proves nothing", value)
				}
			}
			hint, err := g.adapter().ReadCallback(providers.Callback{Body: g.body})
			providertest.CheckHidden(t, append(g.Personal, testKey), hint, err)
			if g.Error == "" {
				if err != nil || !hint.Verified || !slices.Equal(hint.Aliases, g.Aliases) {
					t.Errorf("%+v, %v, want %q", hint, err, g.Aliases)
				}
				return
			}
			checkNoHint(t, hint, err)
			var e *providers.Error
			if !errors.As(err, &e) || e.Kind.String() != g.Error || g.Path != "" && unreadableAt(err) != g.Path {
				t.Errorf("error %v, want %s at %s", err, g.Error, g.Path)
			}
		})
	}
}

// checkNoHint checks what every failed reading promises.
func checkNoHint(t *testing.T, hint providers.Hint, err error) {
	t.Helper()
	providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
	if hint.Aliases != nil || hint.Verified {
		t.Errorf("a hint came with the error: %+v", hint)
	}
	if !errors.Is(err, providers.SignatureInvalid) && !errors.Is(err, providers.Unreadable) {
		t.Errorf("error %v", err)
	}
}

// A payment is found by what the callback calls it, whichever it was created with.
func TestAliases_AreWhatCallbacksCallThePayment(t *testing.T) {
	body, err := os.ReadFile("testdata/callbacks/operation.json")
	if err != nil {
		t.Fatal(err)
	}
	a := goldenCallback{}.adapter()
	hint, err := a.ReadCallback(providers.Callback{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	for alias, ref := range map[string]payment.Reference{
		"payment:own-1": {"payment_id": "own-1"}, "request:rq-7001": {"request_id": "rq-7001"},
	} {
		if got := a.Aliases(ref); !slices.Equal(got, []string{alias}) || !slices.Contains(hint.Aliases, alias) {
			t.Errorf("%v is called %q; the callback says %q", ref, got, hint.Aliases)
		}
	}
	// The same text as the other's name is another payment's.
	if got := a.Aliases(payment.Reference{"request_id": "own-1"}); slices.Contains(hint.Aliases, got[0]) {
		t.Errorf("a request is found by a payment's id: %q", got)
	}
}

// Answers are signed as callbacks are: whatever answer is not believed is not
// believed as a callback either, in all orders of the signature.
func TestReadCallback_BelievesTheSignaturesThatPollsDo(t *testing.T) {
	for _, g := range goldens(t) {
		if g.Want.HTTP != 0 {
			continue
		}
		cfg := Config{Secret: secret.New(testKey)}
		g.Case.apply(&cfg)
		a := &Adapter{config: cfg, reader: reader{config: cfg}}
		hint, err := a.ReadCallback(providers.Callback{Body: g.Body})
		_, polled := a.reader.observe(questionOf(g.Query()), providers.Answer{Status: 200, Body: g.Body})
		if errors.Is(err, providers.SignatureInvalid) != errors.Is(polled, providers.SignatureInvalid) {
			t.Errorf("%s: %v as a callback, %v as an answer", g.Name, err, polled)
		}
		providertest.CheckHidden(t, g.Want.Personal, hint, err)
	}
}
