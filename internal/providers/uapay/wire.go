package uapay

import (
	"net/http"
	"strconv"
	"strings"

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
		return payment.Observation{}, m.fail(providers.Unreadable, "field $.data is missing")
	}
	payload, err := r.unwrap(m, envelope)
	if err != nil {
		return payment.Observation{}, err
	}
	if m == checkStatus {
		return observePayment(m, payload, q)
	}
	return observeInvoice(m, payload, q)
}

// session reads the answer of sessions/create in its three known forms: the id
// in a token (official plugins), in data (two clients), and at the top level
// (the method page). The last two are not signed.
func (r reader) session(a providers.Answer) (string, error) {
	envelope, err := openEnvelope(sessionsCreate, a)
	if err != nil {
		return "", err
	}
	payload, err := r.unwrap(sessionsCreate, envelope)
	if err != nil {
		return "", err
	}
	id, err := payload.String("id")
	if err != nil {
		return "", providers.Unreadably(sessionsCreate.doing(), err)
	}
	if id == "" || len(id) > maxSessionID || !providers.Printable(id) {
		return "", sessionsCreate.fail(providers.Unreadable, "field $.id is no session id")
	}
	return id, nil
}

// openEnvelope takes the outer shell off an answer: the HTTP status, the error
// object, the envelope's own status. What it returns claims success.
func openEnvelope(m method, a providers.Answer) (providers.Object, error) {
	envelope, unreadable := providers.ReadObject(a.Body)
	if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
		// Nobody knows the HTTP code of a refused session, so a body that names
		// the session counts for more than these two.
		if unreadable == nil && sessionNamed(envelope) {
			return providers.Object{}, errorAnswer(m, envelope)
		}
	}
	if err := providers.ByHTTPStatus(a, m.doing(), "client_id"); err != nil {
		return providers.Object{}, err
	}
	if unreadable != nil {
		return providers.Object{}, notUnderstood(m, a.Status, unreadable.Error())
	}
	if envelope.Has("error") {
		return providers.Object{}, errorAnswer(m, envelope)
	}
	status, err := envelope.Code("status")
	if err != nil {
		return providers.Object{}, notUnderstood(m, a.Status, err.Error())
	}
	if status != "1" {
		return providers.Object{}, notUnderstood(m, a.Status, "the envelope tells of a failure without an error")
	}
	if a.Status != http.StatusOK {
		return providers.Object{}, notUnderstood(m, a.Status, "the envelope claims success")
	}
	return envelope, nil
}

// notUnderstood is an answer outside the documents. For a session it is the
// address that is wrong when nothing answers there in UAPAY's form.
func notUnderstood(m method, status int, detail string) *providers.Error {
	if m == sessionsCreate && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		return &providers.Error{Kind: providers.Misconfigured, Doing: m.doing(), Detail: "HTTP " + strconv.Itoa(status), Setting: "base_url"}
	}
	if status != http.StatusOK {
		detail = "HTTP " + strconv.Itoa(status) + ": " + detail
	}
	return m.fail(providers.Unreadable, detail)
}

// unwrap gives the payload of an answer: what is inside data.token, whose
// signature must hold, or, where the account allows unsigned answers, data
// itself (or the envelope, for a session).
func (r reader) unwrap(m method, envelope providers.Object) (providers.Object, error) {
	holder := envelope
	if envelope.Has("data") {
		data, err := envelope.Object("data")
		if err != nil {
			return providers.Object{}, providers.Unreadably(m.doing(), err)
		}
		holder = data
	}
	if !holder.Has("token") {
		if r.requireSigned {
			return providers.Object{}, m.fail(providers.SignatureInvalid, "the answer is not signed")
		}
		return holder, nil
	}
	token, err := holder.String("token")
	if err != nil {
		return providers.Object{}, providers.Unreadably(m.doing(), err)
	}
	text, err := openToken(r.key, token)
	if err != nil {
		return providers.Object{}, m.fail(providers.SignatureInvalid, err.Error())
	}
	payload, err := providers.ReadObject(text)
	if err != nil {
		return providers.Object{}, m.fail(providers.Unreadable, "inside the token: "+err.Error())
	}
	if payload.Has("error") {
		return providers.Object{}, errorAnswer(m, payload)
	}
	return payload, nil
}

// sameID compares two of UAPAY's ids, which are UUIDs and so have no case.
func sameID(a, b string) bool { return strings.EqualFold(a, b) }
