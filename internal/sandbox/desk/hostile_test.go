package desk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
)

const elsewhere = "http://127.0.0.1:9/redirected"

// lying makes a desk whose provider lies in one way.
func lying(t *testing.T, kind fault.Kind) func(*Options) {
	return func(o *Options) {
		o.Elsewhere = elsewhere
		if err := o.Plan.Add(fault.Trouble{Provider: life.Halyk, Kind: kind, Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDesk_EveryHostileAnswer_SaysNothingToBelieve(t *testing.T) {
	const right = `{"status":"in_progress"}`
	rows := map[fault.Kind]func(status int, body string) bool{
		fault.Page:     func(_ int, body string) bool { return strings.HasPrefix(body, "<!doctype html>") },
		fault.Blank:    func(_ int, body string) bool { return body == "" },
		fault.Bare:     func(_ int, body string) bool { return body == "{}" },
		fault.Stump:    func(_ int, body string) bool { return body == right[:len(right)/2] },
		fault.Types:    func(_ int, body string) bool { return body == `{"status":["in_progress"]}` },
		fault.Oversize: func(_ int, body string) bool { return len(body) == 2<<20+len(right) },
		fault.Bomb:     func(_ int, body string) bool { return len(body) == 16<<20+len(right) && strings.HasSuffix(body, right) },
		fault.Elsewhere: func(status int, body string) bool {
			return body == "" && (status == 302 || status == 307 || status == 308)
		},
		// Nothing is signed here, and there is no other payment.
		fault.Forged:  func(_ int, body string) bool { return strings.HasPrefix(body, "<!doctype html>") },
		fault.Swapped: func(_ int, body string) bool { return strings.HasPrefix(body, "<!doctype html>") },
		fault.Doubled: func(_ int, body string) bool { return strings.HasPrefix(body, "<!doctype html>") },
	}
	for _, kind := range fault.HostileKinds() {
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, lying(t, kind), func(t *testing.T, b *bundle) {
				status, body, err := b.get(t, "/status")
				if err != nil || !rows[kind](status, body) || kind != fault.Elsewhere && status != 200 {
					t.Errorf("answered %d %.80q, %v", status, body, err)
				}
				if got := b.last(t); got.Told != "" || got.Raw != "" || got.Fault != string(kind) || got.Payment != "halyk:1" || got.HTTPStatus != status {
					t.Errorf("wrote down %+v", got)
				}
				if _, body, _ := b.get(t, "/token"); body != `{"token":1}` {
					t.Errorf("a token is answered with %q", body)
				}
			})
		})
	}
}

func TestDesk_HostileAny_SendsEveryKindInTurn(t *testing.T) {
	inBubble(t, lying(t, fault.Anything), func(t *testing.T, b *bundle) {
		for range fault.HostileKinds() {
			_, _, _ = b.get(t, "/status")
		}
		seen := map[string]bool{}
		for _, ask := range b.desk.Ledger.Asks() {
			seen[ask.Fault] = true
		}
		if len(seen) != len(fault.HostileKinds()) {
			t.Errorf("%d kinds came: %v", len(seen), seen)
		}
	})
}

// one and two are payments of the same merchant.
func payments() (one, two *life.Payment) {
	make := func(n string) *life.Payment {
		return &life.Payment{Script: life.Script{Key: "k" + n, Reference: map[string]string{"id": "N" + n, "kind": "x"}}}
	}
	return make("1"), make("2")
}

func told(p *life.Payment, body string) Answer {
	return Answer{Status: http.StatusOK, Body: []byte(body), Endpoint: "status", Payment: p, Told: life.Charged}
}

func TestDesk_Swapped_IsAnAnswerThatNamesAnotherPayment(t *testing.T) {
	one, two := payments()
	d := New(Options{})
	d.keep(told(two, `{"id":"another number of it"}`))
	if got := d.another("status", one); got != nil {
		t.Errorf("swapped in %s, which no client could tell from the right one", got.Body)
	}
	d.keep(told(two, `{"id":"N2"}`))
	d.keep(told(one, `{"id":"N1"}`))
	d.keep(told(one, `{"id":"N1","again":1}`))
	c := call{desk: d, answer: told(one, `{"id":"N1","a":1}`)}
	if got := c.twist(fault.Swapped, d.another("status", one)); string(got.Body) != `{"id":"N2"}` || got.Told != "" || got.Payment != nil {
		t.Errorf("swapped in %+v", got)
	}
	if got := c.twist(fault.Doubled, d.another("status", one)); string(got.Body) != `{"id":"N1","a":1,"id":"N2"}` {
		t.Errorf("doubled to %s", got.Body)
	}
	if d.another("other", one) != nil {
		t.Error("an answer of another endpoint")
	}
}

func TestNames_LooksIntoTokens(t *testing.T) {
	one, two := payments()
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"id":"N1"}`))
	body := []byte(`{"data":{"token":"aaaa.` + claims + `.bbbb"}}`)
	if !names(body, one) || names(body, two) || names([]byte(`{"kind":"x"}`), one) {
		t.Error("a number was not found, or one that is not there")
	}
}

func TestForged_ChangesOneLetterOfTheSignature(t *testing.T) {
	rows := []string{
		`{"a":1,"signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}`,
		`{"status":1,"data":{"token":"eyJh.eyJpZCI6MX0.s1gnature0f43letters"}}`,
	}
	for _, right := range rows {
		wrong := forged([]byte(right))
		apart := 0
		for i := range wrong {
			if wrong[i] != right[i] {
				apart = i
			}
		}
		if len(wrong) != len(right) || bytes.Equal(wrong, []byte(right)) || apart < strings.LastIndexAny(right, ".:") || !json.Valid(wrong) {
			t.Errorf("%s became %s", right, wrong)
		}
	}
	for _, unsigned := range []string{``, `{}`, `{"token":"x"}`, `{"token":"a.b.c"}`, `{"signature":""}`} {
		if got := forged([]byte(unsigned)); got != nil {
			t.Errorf("%s became %s", unsigned, got)
		}
	}
}
