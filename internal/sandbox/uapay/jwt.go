package uapay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"reconciler/internal/sandbox/wire"
)

// jwtHeader is the only header there is: HS256, as the quick start says.
const jwtHeader = `{"alg":"HS256","typ":"JWT"}`

// sign makes a JWT of a payload. The key is the secret's text, byte for byte:
// it looks like base64 and is not decoded by anybody.
func sign(payload []byte, secret string) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(jwtHeader)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return head + "." + base64.RawURLEncoding.EncodeToString(mac(head, secret))
}

func mac(text, secret string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

// errToken is any token that is not ours to believe; which half of it is wrong
// is nobody's business.
var errToken = errors.New("the token is not signed with the secret under HS256")

// open checks a JWT and gives its payload. The algorithm is never taken from
// the token: a header that names another one, "none" included, is refused.
func open(token, secret string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errToken
	}
	rawHeader, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, errToken
	}
	header, err := wire.ReadObject(rawHeader)
	if err != nil || header["alg"] != "HS256" {
		return nil, errToken
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, mac(parts[0]+"."+parts[1], secret)) {
		return nil, errToken
	}
	rawPayload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errToken
	}
	payload, err := wire.ReadObject(rawPayload)
	if err != nil {
		return nil, errToken
	}
	return payload, nil
}
