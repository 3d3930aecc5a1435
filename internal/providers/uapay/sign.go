package uapay

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// tokenHeader is the header of every token we write (quick start page 753795086).
const tokenHeader = `{"alg":"HS256","typ":"JWT"}`

// params are the parameters of the methods we call; each method takes its own
// few. The order of the fields is the order of the documented examples.
type params struct {
	SessionID string `json:"sessionId,omitempty"`
	ClientID  string `json:"clientId,omitempty"`
	PaymentID string `json:"paymentId,omitempty"`
	InvoiceID string `json:"invoiceId,omitempty"`
	ID        string `json:"id,omitempty"`
}

// signedBody writes a request's body: {"params":{...},"iat":<unix s>,"token":"<JWT>"}
// where the token's payload is the same object without the token. The token
// holds the very bytes of the body, so that nobody can read the two differently.
func signedBody(key secret.Text, p params, now time.Time) ([]byte, error) {
	payload, err := json.Marshal(struct {
		Params params `json:"params"`
		IAT    int64  `json:"iat"`
	}{p, now.Unix()})
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	var body bytes.Buffer
	body.Write(payload[:len(payload)-1])
	body.WriteString(`,"token":"` + signToken(key, payload) + `"}`)
	return body.Bytes(), nil
}

// signToken makes the compact JWT (RFC 7515) of a payload by HMAC-SHA256. The
// key is the secret's text as it is: no client of UAPAY decodes it.
func signToken(key secret.Text, payload []byte) string {
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(tokenHeader)) + "." + enc.EncodeToString(payload)
	return signed + "." + enc.EncodeToString(tokenMAC(key, signed))
}

func tokenMAC(key secret.Text, signed string) []byte {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = io.WriteString(mac, signed)
	return mac.Sum(nil)
}

// Why a token is not believed.
var (
	errTokenShape     = errors.New("the token is not a JWT of three parts")
	errTokenAlgorithm = errors.New("the token's algorithm is not HS256")
	errTokenSignature = errors.New("the token's signature is wrong")
)

// openToken gives a token's payload if its signature holds. The MAC is taken
// over the received bytes: encoding them anew would refuse honest tokens of
// PHP clients, which escape slashes.
func openToken(key secret.Text, token string) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errTokenShape
	}
	enc := base64.RawURLEncoding.Strict()
	header, err := enc.DecodeString(parts[0])
	if err != nil {
		return nil, errTokenShape
	}
	// The algorithm is ours to choose; the header may only agree. Believing it
	// would accept "none".
	claims, err := providers.ReadObject(header)
	if err != nil {
		return nil, errTokenShape
	}
	if alg, err := claims.String("alg"); err != nil || alg != "HS256" {
		return nil, errTokenAlgorithm
	}
	mac, err := enc.DecodeString(parts[2])
	if err != nil || !hmac.Equal(mac, tokenMAC(key, parts[0]+"."+parts[1])) {
		return nil, errTokenSignature
	}
	payload, err := enc.DecodeString(parts[1])
	if err != nil {
		return nil, errTokenShape
	}
	return payload, nil
}
