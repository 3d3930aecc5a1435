package uapay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/secret"
)

// Both tokens were computed outside Go, by openssl and by Python.
const (
	vectorRequest = `{"params":{"sessionId":"11111111-1111-4111-8111-111111111111","paymentId":"22222222-2222-4222-8222-222222222222","invoiceId":"33333333-3333-4333-8333-333333333333"},"iat":1700000000}`
	vectorToken   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJwYXJhbXMiOnsic2Vzc2lvbklkIjoiMTExMTExMTEtMTExMS00MTExLTgxMTEtMTExMTExMTExMTExIiwicGF5bWVudElkIjoiMjIyMjIyMjItMjIyMi00MjIyLTgyMjItMjIyMjIyMjIyMjIyIiwiaW52b2ljZUlkIjoiMzMzMzMzMzMtMzMzMy00MzMzLTgzMzMtMzMzMzMzMzMzMzMzIn0sImlhdCI6MTcwMDAwMDAwMH0.WsH_nj21lH6W9WDEBIF0XWiWaaqKO8fP2sq_ytcVOYk"
	vectorAnswer  = `{"id":"22222222-2222-4222-8222-222222222222","status":"FINISHED","amount":12345,"pluginId":1,"paymentStatus":"FINISHED","iat":1700000001}`
	vectorReply   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZCI6IjIyMjIyMjIyLTIyMjItNDIyMi04MjIyLTIyMjIyMjIyMjIyMiIsInN0YXR1cyI6IkZJTklTSEVEIiwiYW1vdW50IjoxMjM0NSwicGx1Z2luSWQiOjEsInBheW1lbnRTdGF0dXMiOiJGSU5JU0hFRCIsImlhdCI6MTcwMDAwMDAwMX0.GF2GvbVJLtFgUwv6q8foZdogd9UlPcFvbiDmSUoyxAo"
)

func TestSignedBody_EqualsTheVector(t *testing.T) {
	body, err := signedBody(secret.New(testKey), params{
		SessionID: "11111111-1111-4111-8111-111111111111",
		PaymentID: "22222222-2222-4222-8222-222222222222",
		InvoiceID: "33333333-3333-4333-8333-333333333333",
	}, time.Unix(1700000000, 0))
	want := strings.TrimSuffix(vectorRequest, "}") + `,"token":"` + vectorToken + `"}`
	if err != nil || string(body) != want {
		t.Fatalf("got  %s, %v\nwant %s", body, err, want)
	}
}

func TestOpenToken_ReadsTheVector(t *testing.T) {
	payload, err := openToken(secret.New(testKey), vectorReply)
	if err != nil || string(payload) != vectorAnswer {
		t.Fatalf("got %s, %v", payload, err)
	}
}

func TestOpenToken_ReadsAPayloadThatIsNotEncodedAsWeWould(t *testing.T) {
	payload := `{ "url":"https:\/\/x\/" , "iat" : "1" }`
	if got, err := openToken(secret.New(testKey), jwt(`{ "typ":"JWT", "alg":"HS256" }`, payload, testKey)); err != nil || string(got) != payload {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestOpenToken_RefusesEveryChangedByte(t *testing.T) {
	for i := range len(vectorReply) {
		changed := []byte(vectorReply)
		changed[i] ^= 1
		if _, err := openToken(secret.New(testKey), string(changed)); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

func TestOpenToken_TellsWhy(t *testing.T) {
	rows := []struct {
		name, token string
		want        error
	}{
		{"another key", jwt(`{"alg":"HS256"}`, "{}", "other"), errTokenSignature},
		{"none", jwt(`{"alg":"none"}`, "{}", testKey), errTokenAlgorithm},
		{"algorithm as a number", jwt(`{"alg":256}`, "{}", testKey), errTokenAlgorithm},
		{"header no JSON", jwt(`HS256`, "{}", testKey), errTokenShape},
		{"empty", "", errTokenShape},
		// "o" ends in bits that mean nothing, and "p" has them set.
		{"bits behind the signature", strings.TrimSuffix(vectorReply, "o") + "p", errTokenSignature},
		{"padding", jwt(`{"alg":"HS256"}`, "{}", testKey) + "=", errTokenSignature},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, err := openToken(secret.New(testKey), row.token); !errors.Is(err, row.want) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
		})
	}
}
