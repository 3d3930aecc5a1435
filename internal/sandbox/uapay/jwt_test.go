package uapay

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The vector published with the provider's facts, computed with openssl and
// with Python: key text, request and answer payloads and their tokens.
const (
	vectorKey     = "test-secret-not-real=="
	vectorRequest = `{"params":{"sessionId":"11111111-1111-4111-8111-111111111111","paymentId":"22222222-2222-4222-8222-222222222222","invoiceId":"33333333-3333-4333-8333-333333333333"},"iat":1700000000}`
	requestToken  = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJwYXJhbXMiOnsic2Vzc2lvbklkIjoiMTExMTExMTEtMTExMS00MTExLTgxMTEtMTExMTExMTExMTExIiwicGF5bWVudElkIjoiMjIyMjIyMjItMjIyMi00MjIyLTgyMjItMjIyMjIyMjIyMjIyIiwiaW52b2ljZUlkIjoiMzMzMzMzMzMtMzMzMy00MzMzLTgzMzMtMzMzMzMzMzMzMzMzIn0sImlhdCI6MTcwMDAwMDAwMH0.WsH_nj21lH6W9WDEBIF0XWiWaaqKO8fP2sq_ytcVOYk"
	vectorAnswer  = `{"id":"22222222-2222-4222-8222-222222222222","status":"FINISHED","amount":12345,"pluginId":1,"paymentStatus":"FINISHED","iat":1700000001}`
	answerToken   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6IjIyMjIyMjIyLTIyMjItNDIyMi04MjIyLTIyMjIyMjIyMjIyMiIsInN0YXR1cyI6IkZJTklTSEVEIiwiYW1vdW50IjoxMjM0NSwicGx1Z2luSWQiOjEsInBheW1lbnRTdGF0dXMiOiJGSU5JU0hFRCIsImlhdCI6MTcwMDAwMDAwMX0.GF2GvbVJLtFgUwv6q8foZdogd9UlPcFvbiDmSUoyxAo"
)

func TestSign_ReproducesThePublishedVectors(t *testing.T) {
	if got := sign([]byte(vectorRequest), vectorKey); got != requestToken {
		t.Errorf("request token %s", got)
	}
	if got := sign([]byte(vectorAnswer), vectorKey); got != answerToken {
		t.Errorf("answer token %s", got)
	}
	payload, err := open(requestToken, vectorKey)
	if err != nil || payload["params"] == nil {
		t.Errorf("the published token does not open: %v %v", payload, err)
	}
}

func TestOpen_RefusesEverythingElse(t *testing.T) {
	parts := strings.Split(requestToken, ".")
	head := func(header string) string {
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + parts[1]
		return text + "." + base64.RawURLEncoding.EncodeToString(mac(text, vectorKey))
	}
	rows := []struct{ name, token, key string }{
		{"another key", requestToken, vectorKey + "x"},
		{"the key decoded from base64", requestToken, "\xb5\xeb"},
		{"alg none without signature", strings.Split(head(`{"alg":"none"}`), ".")[0] + "." + parts[1] + ".", vectorKey},
		{"alg none, signed all the same", head(`{"alg":"none","typ":"JWT"}`), vectorKey},
		{"alg HS512", head(`{"alg":"HS512","typ":"JWT"}`), vectorKey},
		{"alg in lower case", head(`{"alg":"hs256","typ":"JWT"}`), vectorKey},
		{"a header that is no JSON", head(`alg`), vectorKey},
		{"a cut signature", requestToken[:len(requestToken)-4], vectorKey},
		{"no signature", parts[0] + "." + parts[1], vectorKey},
		{"four parts", requestToken + ".x", vectorKey},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "=", vectorKey},
		{"a changed payload", parts[0] + "." + parts[1][:len(parts[1])-2] + "AA." + parts[2], vectorKey},
		{"nothing", "", vectorKey},
	}
	for _, row := range rows {
		if payload, err := open(row.token, row.key); err == nil {
			t.Errorf("%s: opened as %v", row.name, payload)
		}
	}
	if _, err := open(sign([]byte(`"text"`), "k"), "k"); err == nil {
		t.Error("a payload that is no object was opened")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(requestToken)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0..")
	f.Fuzz(func(t *testing.T, token string) {
		payload, err := open(token, vectorKey)
		if err == nil && token != requestToken && token != answerToken && !strings.HasPrefix(token, strings.Split(requestToken, ".")[0]) {
			t.Errorf("%q was opened as %v", token, payload)
		}
	})
}
