package providertest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"reconciler/internal/payment"
)

func TestHostileBodies_TwistEveryPlaceOfAnAnswer(t *testing.T) {
	const good = `{"a":{"b":[1,{"c":"x"}]},"d":22.50}`
	bodies := hostileBodies(good)
	for name, want := range map[string]string{
		"null at $.a":          `{"a":null,"d":22.50}`,
		"-1 at $.a.b[0]":       `{"a":{"b":[-1,{"c":"x"}]},"d":22.50}`,
		"[] at $.a.b[1]":       `{"a":{"b":[1,[]]},"d":22.50}`,
		"true at $.a.b[1].c":   `{"a":{"b":[1,{"c":true}]},"d":22.50}`,
		"1e999999999 at $.d":   `{"a":{"b":[1,{"c":"x"}]},"d":1e999999999}`,
		"its first 9 bytes":    good[:9],
		"its first 0 bytes":    "",
		"twice":                good + good,
		"its keys in capitals": strings.ToUpper(good),
	} {
		if bodies[name] != want {
			t.Errorf("%s is %q, want %q", name, bodies[name], want)
		}
	}
	// 6 places, each with every strange value, and no body that is good.
	if least := len(good) + 6*len(strange()); len(bodies) < least {
		t.Errorf("%d bodies, want at least %d", len(bodies), least)
	}
	for name, body := range bodies {
		if body == good {
			t.Errorf("%s is the good answer", name)
		}
	}
	if len(hostileBodies("OK")) < 5 {
		t.Error("an answer that is no JSON can't be twisted")
	}
}

func TestNames_LooksIntoTokens(t *testing.T) {
	ref := payment.Reference{"kind": "qr", "payment_id": "22222222-2222"}
	claims := `{"id":"22222222-2222","amount":1,"comment":"long enough to be seen as a token of its own"}`
	token := "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	rows := []struct {
		name, body string
		want       bool
	}{
		{"plain", `{"id":"22222222-2222"}`, true}, {"in a token", `{"data":{"token":"` + token + `"}}`, true},
		{"another", `{"id":"33333333-3333"}`, false}, {"the kind is no name", `{"kind":"qr"}`, false}, {"nothing", "", false},
	}
	for _, row := range rows {
		if got := names(row.body, ref); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}

func TestBomb_IsSmallOnTheWireAndOverTheLimitUnpacked(t *testing.T) {
	packed, err := bomb()
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader([]byte(packed.Body)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil || n != 64<<20 || len(packed.Body) > 1<<17 {
		t.Errorf("%d bytes of %d, %v", len(packed.Body), n, err)
	}
}
