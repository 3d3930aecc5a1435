package uapay

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/wire"
)

// Traps are what UAPAY may do by its documents, or in spite of them, and a calm
// sandbox does not. The zero value springs none.
type Traps struct {
	// Skew is how far UAPAY's clock is ahead of ours; below 0: behind.
	Skew time.Duration
	// OneSession: a new session ends the one before it.
	OneSession bool
	// ErrorStatus is the HTTP status that errors come under; 0: 200. The pages say
	// none; the sister product answers with 400.
	ErrorStatus int
	// Forge is what is wrong with the token of every answer about a payment.
	Forge Forgery
	// Closed: a payment that was broken off is told as CLOSED, the word that no
	// document explains.
	Closed bool
	// BothCanceled: the invoicer writes a release down too, once it was told as
	// CANCELED beside PAID. Who saw neither that nor the hold can't tell it from a
	// payment that was broken off.
	BothCanceled bool
	// ListGap: show/list leaves out the last invoice that it was asked for.
	ListGap bool
}

// Forgery is something wrong with an answer's token.
type Forgery string

// The forgeries.
const (
	// WrongKey: signed with another key.
	WrongKey Forgery = "wrong key"
	// AlgNone: the header says that there is no signature, and there is none.
	AlgNone Forgery = "alg none"
	// AlgHS512 and AlgRS512: signed under another algorithm. The older SDK knows RS512.
	AlgHS512 Forgery = "alg HS512"
	AlgRS512 Forgery = "alg RS512"
	// CutSignature: the signature is not whole.
	CutSignature Forgery = "cut signature"
	// Unsigned: the payload without a token, as the method pages show it.
	Unsigned Forgery = "unsigned"
	// AnotherPayment: a good token about another payment.
	AnotherPayment Forgery = "another payment"
)

// Forgeries lists them.
func Forgeries() []Forgery {
	return []Forgery{WrongKey, AlgNone, AlgHS512, AlgRS512, CutSignature, Unsigned, AnotherPayment}
}

// forge spoils an answer about a payment, which then tells nothing.
func (s *Simulator) forge(a desk.Answer, data wire.Object) desk.Answer {
	payload := wire.JSON(data)
	var inner any = wire.Object{{Key: "token", Value: s.forgedToken(payload)}}
	switch s.Forge {
	case "":
		return a
	case Unsigned:
		inner = data
	case AnotherPayment:
		other := a.Payment.IDs["other_payment_id"]
		for _, key := range []string{"payment_id", "invoice_id"} {
			payload = bytes.ReplaceAll(payload, []byte(a.Payment.IDs[key]), []byte(other))
		}
		inner = wire.Object{{Key: "token", Value: sign(payload, s.Secret)}}
	}
	a.Body = wire.JSON(wire.Object{{Key: "status", Value: 1}, {Key: "data", Value: inner}})
	a.Told, a.CapturedMinor, a.RefundedMinor = "", 0, 0
	return a
}

func (s *Simulator) forgedToken(payload []byte) string {
	good := sign(payload, s.Secret)
	switch s.Forge {
	case WrongKey:
		return sign(payload, s.Secret+"x")
	case AlgNone:
		return unsigned("none", payload) + "."
	case AlgHS512:
		text := unsigned("HS512", payload)
		h := hmac.New(sha512.New, []byte(s.Secret))
		_, _ = h.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	case AlgRS512:
		text := unsigned("RS512", payload)
		return text + "." + base64.RawURLEncoding.EncodeToString(mac(text, s.Secret))
	case CutSignature:
		return good[:strings.LastIndex(good, ".")+12]
	}
	return good
}

// unsigned is the first two parts of a token.
func unsigned(alg string, payload []byte) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"`+alg+`","typ":"JWT"}`)) + "." + enc.EncodeToString(payload)
}

// dress gives an error the form it goes out in: half of them come without a
// status, as the quick start shows one and clients have seen others.
func (s *Simulator) dress(r desk.Request, a desk.Answer) desk.Answer {
	const failed, bare = `{"status":0,"error":`, `{"error":`
	if !bytes.HasPrefix(a.Body, []byte(failed)) && !bytes.HasPrefix(a.Body, []byte(bare)) {
		return a
	}
	if dice.Roll(2, s.Seed, "uapay bare error", string(r.Body)) == 0 {
		a.Body = bytes.Replace(a.Body, []byte(failed), []byte(bare), 1)
	}
	if s.ErrorStatus != 0 {
		a.Status = s.ErrorStatus
	}
	return a
}
