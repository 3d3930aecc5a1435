// Package merchant simulates a shop that receives webhooks. It verifies every
// delivery with the public Standard Webhooks library, lets the planned faults
// happen, and writes down everything that arrived, verified or not.
//
// A wrong signature is answered 401 and never counts as an attempt of a fault
// plan. A delivery is written down before its answer leaves. Faults are bounded
// per webhook id, so every correct webhook is accepted in the end. Safe for
// concurrent use; no lock is held while reading, writing or waiting.
package merchant

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/sandbox/fault"
)

// maxBody is the most a shop reads of a webhook; the standard advises 20 kB.
const maxBody = 256 << 10

// RedirectPath is where redirects point, the shop's own and the hostile ones of
// providers. Whatever arrives there followed one, which no sender of webhooks and
// no client of a provider may.
const RedirectPath = "/redirected"

// headerReplay marks, with the value "true", a webhook that somebody asked to have
// sent again.
const headerReplay = "webhook-replay"

// Options say which hooks exist.
type Options struct {
	// Secrets are the hooks' signing secrets by hook name: "whsec_" and the
	// base64 form of 24 to 64 bytes.
	Secrets map[string]string
	Plan    *fault.Plan
	// Step is the unit of slow and hanging answers.
	Step time.Duration
}

// Merchant is the receiver's http.Handler and its ledger.
type Merchant struct {
	ledger
	verifiers map[string]*standardwebhooks.Webhook
	plan      *fault.Plan
	step      time.Duration
}

// New makes a receiver. The error names the hook whose secret can't be used;
// the secret itself is in no error.
func New(o Options) (*Merchant, error) {
	m := &Merchant{verifiers: map[string]*standardwebhooks.Webhook{}, plan: o.Plan, step: o.Step}
	for name, secret := range o.Secrets {
		if name == "" || strings.ContainsAny(name, "/?#% ") {
			return nil, fmt.Errorf("the hook name %q must be plain letters and digits", name)
		}
		verifier, err := verifier(secret)
		if err != nil {
			return nil, fmt.Errorf("the secret of hook %q %w", name, err)
		}
		m.verifiers[name] = verifier
	}
	return m, nil
}

// verifier refuses what the library would accept: empty and short secrets,
// with which anybody could sign.
func verifier(secret string) (*standardwebhooks.Webhook, error) {
	text, prefixed := strings.CutPrefix(secret, "whsec_")
	if !prefixed {
		return nil, errors.New(`must begin with "whsec_"`)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("must be padded standard base64 behind whsec_")
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, fmt.Errorf("must be 24 to 64 bytes long, not %d", len(key))
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// ServeHTTP takes one delivery.
func (m *Merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	receipt := Receipt{
		At: time.Now(), ID: r.Header.Get(standardwebhooks.HeaderWebhookID),
		Timestamp: r.Header.Get(standardwebhooks.HeaderWebhookTimestamp), TraceParent: r.Header.Get("Traceparent") != "",
		Replay: r.Header.Get(headerReplay) == "true",
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	receipt.Body = body
	name, isHook := strings.CutPrefix(r.URL.Path, "/hooks/")
	receipt.Hook = name
	verifier := m.verifiers[name]
	switch {
	case err != nil:
		m.refuse(w, receipt, http.StatusRequestEntityTooLarge, "the body is too large or broke off")
	case r.URL.Path == RedirectPath:
		receipt.Hook = "redirected"
		m.refuse(w, receipt, http.StatusGone, "a redirect was followed")
	case !isHook || verifier == nil:
		m.refuse(w, receipt, http.StatusNotFound, "no such hook")
	case r.Method != http.MethodPost:
		m.refuse(w, receipt, http.StatusMethodNotAllowed, "wrong method")
	default:
		m.verify(w, r, receipt, verifier)
	}
}

// verify checks the signature, then accepts or lets a fault happen.
func (m *Merchant) verify(w http.ResponseWriter, r *http.Request, receipt Receipt, v *standardwebhooks.Webhook) {
	if err := v.Verify(receipt.Body, r.Header); err != nil {
		m.refuse(w, receipt, http.StatusUnauthorized, err.Error())
		return
	}
	receipt.Verified = true
	met := m.plan.HookMeets(receipt.Hook, receipt.ID, receipt.At)
	receipt.Fault = string(met.Kind)
	c := call{merchant: m, w: w, r: r, place: m.open(receipt)}
	c.play(met)
}

func (m *Merchant) refuse(w http.ResponseWriter, receipt Receipt, status int, problem string) {
	receipt.Problem = problem
	c := call{merchant: m, w: w, place: m.open(receipt)}
	c.answer(status, `{"ok":false}`)
}
