package uapay

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// FuzzDecode reads any answer, as it is and signed, to any of the three
// methods: never a panic, always an observation that makes sense or an *Error.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, 200, "authorized", testPayment)
	}
	f.Add([]byte(`{"status":1,"data":{"token":"`+vectorReply+`"}}`), 200, "pending", "")
	f.Add([]byte(`<html>`), 502, "", "")
	f.Fuzz(func(t *testing.T, body []byte, status int, last, bound string) {
		q := byPayment()
		q.Last, q.Bound = payment.Status(last), bound
		for _, signed := range []bool{true, false} {
			r := reader{key: testSecret(), requireSigned: signed}
			for _, m := range []method{checkStatus, invoicesShow} {
				for _, text := range []string{string(body), wrapped(t, string(body))} {
					got, err := r.observe(m, providers.Answer{Status: status, Body: []byte(text)}, q)
					providertest.CheckOutcome(t, mappingVersion, got, err)
					if err == nil && signed && !signedByUs(data([]byte(text))) {
						t.Errorf("believed without a signature of ours: %+v", got)
					}
				}
			}
			if _, err := r.session(providers.Answer{Status: status, Body: body}); err != nil {
				providertest.CheckOutcome(t, mappingVersion, payment.Observation{}, err)
			}
		}
	})
}

// data is the data of an answer.
func data(body []byte) []byte {
	var answer map[string]json.RawMessage
	_ = json.Unmarshal(body, &answer)
	return answer["data"]
}

// signedByUs reports whether an object has a token with the key of the tests.
func signedByUs(object []byte) bool {
	var fields map[string]json.RawMessage
	var token string
	if json.Unmarshal(object, &fields) != nil || json.Unmarshal(fields["token"], &token) != nil {
		return false
	}
	at := strings.LastIndex(token, ".")
	return at >= 0 && token[at+1:] == signature(token[:at], testKey)
}

// FuzzToken opens any token: none opens but those that the key signed, and each of
// those opens to the text that was signed.
func FuzzToken(f *testing.F) {
	f.Add(vectorToken, "{}")
	f.Add(vectorReply, vectorAnswer)
	f.Add(jwt(`{"alg":"none"}`, "{}", testKey), "")
	f.Add(jwt(`{"alg":"HS512","alg":"HS256"}`, "{}", testKey), "\xff")
	f.Add("..", "null")
	f.Add(vectorReply+"=", `{"url":"https:\/\/x\/"}`)
	f.Fuzz(func(t *testing.T, token, payload string) {
		if got, err := openToken(testSecret(), token); err == nil {
			parts := strings.Split(token, ".")
			if len(parts) != 3 || parts[2] != signature(parts[0]+"."+parts[1], testKey) {
				t.Errorf("%q opened to %q", token, got)
			}
		} else if !errors.Is(err, errTokenShape) && !errors.Is(err, errTokenAlgorithm) && !errors.Is(err, errTokenSignature) {
			t.Errorf("error %v", err)
		}
		own := signToken(testSecret(), []byte(payload))
		if own != jwt(tokenHeader, payload, testKey) {
			t.Errorf("signed as %s", own)
		}
		if got, err := openToken(testSecret(), own); err != nil || string(got) != payload {
			t.Errorf("our own token opens to %q, %v", got, err)
		}
		if _, err := openToken(testSecret(), own[:len(own)-1]); err == nil {
			t.Error("a cut token opens")
		}
	})
}

// FuzzCallback reads any callback, as it is and signed: never a panic, a hint only
// with names that a reference could have, and never verified without our key.
func FuzzCallback(f *testing.F) {
	for _, c := range callbacks(f) {
		f.Add(c.body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, signed := range []bool{true, false} {
			r := reader{key: testSecret(), requireSigned: signed}
			checkHint(t, r, body)
			checkHint(t, r, []byte(`{"token":"`+jwt(tokenHeader, string(body), testKey)+`"}`))
		}
	})
}

func checkHint(t *testing.T, r reader, body []byte) {
	t.Helper()
	hint, err := r.hint(body)
	if err != nil {
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != providers.Unreadable && e.Kind != providers.SignatureInvalid || hint.Aliases != nil || hint.Verified {
			t.Errorf("hint %+v, error %v", hint, err)
		}
		return
	}
	if len(hint.Aliases) != 2 || r.requireSigned && !hint.Verified || hint.Verified != signedByUs(body) {
		t.Errorf("%q is worth %+v", body, hint)
	}
	for i, kind := range []string{"payment:", "invoice:"} {
		if id, ok := strings.CutPrefix(hint.Aliases[i], kind); !ok || !isUUID(id) || id != strings.ToLower(id) {
			t.Errorf("alias %q", hint.Aliases[i])
		}
	}
}
