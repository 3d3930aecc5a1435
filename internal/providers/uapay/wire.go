package uapay

import (
	"errors"
	"net/http"
	"strconv"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// maxSessionID bounds a session's id; documented ones are UUIDs.
const maxSessionID = 128

// reader turns answers into observations. It is pure: the same answer and
// question give the same result, and every error is a *providers.Error.
type reader struct {
	key           secret.Text
	requireSigned bool
}

// observe reads the answer to a question about a payment.
func (r reader) observe(m method, a providers.Answer, q providers.Query) (payment.Observation, error) {
	envelope, err := openEnvelope(m, a)
	if err != nil {
		return payment.Observation{}, err
	}
	if !envelope.Has("data") {
		return payment.Observation{}, m.refuse(envelopeTable[envelopeBare], "field $.data is missing")
	}
	payload, err := r.unwrap(envelope)
	if err != nil {
		return payment.Observation{}, err
	}
	if m == checkStatus {
		return observePayment(payload, q)
	}
	return observeInvoice(payload, q)
}

// session reads the answer of sessions/create in its three known forms: the id
// in a token (official plugins), in data (two clients), and at the top level
// (the method page). The last two are not signed.
func (r reader) session(a providers.Answer) (string, error) {
	envelope, err := openEnvelope(sessionsCreate, a)
	if err != nil {
		return "", err
	}
	payload, err := r.unwrap(envelope)
	if err != nil {
		return "", err
	}
	id, err := payload.String("id")
	if err != nil {
		return "", payload.unreadable(err)
	}
	if id == "" || len(id) > maxSessionID || !providers.Printable(id) {
		return "", payload.problem("id", "is no session id")
	}
	return id, nil
}

// openEnvelope takes the outer shell off an answer: the HTTP status, the error
// object, the envelope's own status. What it returns claims success.
func openEnvelope(m method, a providers.Answer) (part, error) {
	object, unreadable := providers.ReadObject(a.Body)
	envelope := part{Object: object, m: m, at: "$"}
	if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
		// Nobody knows the HTTP code of a refused session, so a body that names
		// the session counts for more than these two.
		if unreadable == nil && envelope.Has("error") {
			if err := errorAnswer(envelope); errors.Is(err, errSessionRefused) {
				return part{}, err
			}
		}
	}
	if err := providers.ByHTTPStatus(a, m.doing(), "client_id"); err != nil {
		return part{}, err
	}
	if unreadable != nil {
		return part{}, notUnderstood(m, a.Status, unreadable)
	}
	if envelope.Has("error") {
		return part{}, errorAnswer(envelope)
	}
	// Documented as a number, shown as a string on another page.
	status, err := envelope.Code("status")
	if err != nil {
		return part{}, notUnderstood(m, a.Status, err)
	}
	switch {
	case status == "0":
		return part{}, m.refuse(envelopeTable[envelopeFailed], "the envelope tells of a failure without an error")
	case status != "1":
		return part{}, &providers.Error{Kind: providers.UnknownStatus, Doing: m.doing(), Detail: "the envelope's status is in no table", Raw: providers.CleanRaw(status)}
	case a.Status != http.StatusOK:
		return part{}, m.refuse(envelopeTable[envelopeElsewhere], "HTTP "+strconv.Itoa(a.Status)+": the envelope claims success")
	}
	return envelope, nil
}

// notUnderstood is an answer outside the documents. For a session it is the
// address that is wrong when nothing answers there in UAPAY's form.
func notUnderstood(m method, status int, err error) *providers.Error {
	if m == sessionsCreate && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		return &providers.Error{Kind: providers.Misconfigured, Doing: m.doing(), Detail: "HTTP " + strconv.Itoa(status), Setting: "base_url"}
	}
	e := providers.Unreadably(m.doing(), err)
	if status != http.StatusOK {
		e.Detail = "HTTP " + strconv.Itoa(status) + ": " + e.Detail
	}
	return e
}

// unwrap gives the payload of an answer: what is inside data.token, whose
// signature must hold, or, where the account allows unsigned answers, data
// itself (or the envelope, for a session).
func (r reader) unwrap(envelope part) (part, error) {
	holder := envelope
	if envelope.Has("data") {
		data, err := envelope.Object.Object("data")
		if err != nil {
			return part{}, envelope.unreadable(err)
		}
		holder.Object, holder.at = data, "$.data"
	}
	if !holder.Has("token") {
		if r.requireSigned {
			return part{}, envelope.m.refuse(envelopeTable[envelopeUnsigned], "the answer is not signed")
		}
		return holder, nil
	}
	payload, err := r.open(holder)
	if err != nil {
		return part{}, err
	}
	if payload.Has("error") {
		return part{}, errorAnswer(payload)
	}
	return payload, nil
}

// open gives what is inside the holder's token, whose signature must hold.
func (r reader) open(holder part) (part, error) {
	token, err := holder.String("token")
	if err != nil {
		return part{}, holder.unreadable(err)
	}
	text, err := openToken(r.key, token)
	if err != nil {
		return part{}, holder.m.fail(providers.SignatureInvalid, err.Error())
	}
	inside := part{m: holder.m, at: "$", signed: true}
	if inside.Object, err = providers.ReadObject(text); err != nil {
		return part{}, inside.unreadable(err)
	}
	return inside, nil
}
