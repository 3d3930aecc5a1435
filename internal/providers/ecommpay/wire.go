package ecommpay

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// maxReference bounds the payment id that an answer to a request id may name.
const maxReference = 255

// oneStep is the only message an observation carries, in our own words.
const oneStep = "waits for a capture, but the account captures in one step"

// reader turns answers into observations. It is pure: the same answer and
// question give the same result, and every error is a *providers.Error.
type reader struct{ config Config }

// observe reads an answer. Nothing in it counts before its signature does.
func (r reader) observe(ask question, a providers.Answer) (payment.Observation, error) {
	if a.Status != http.StatusOK {
		return payment.Observation{}, refusal(ask, a)
	}
	answer, err := r.open(ask.doing(), a.Body)
	if err != nil {
		return payment.Observation{}, err
	}
	return r.interpret(ask, answer)
}

// open gives the object of a body, answer or callback, whose signature holds.
// The error is an *providers.Error.
func (r reader) open(doing string, body []byte) (providers.Object, error) {
	object, err := providers.ReadObject(body)
	if err != nil {
		return providers.Object{}, providers.Unreadably(doing, err)
	}
	if err := verify(r.config.Secret, body, signatureOf(object)); err != nil {
		return providers.Object{}, &providers.Error{Kind: providers.SignatureInvalid, Doing: doing, Detail: err.Error()}
	}
	return object, nil
}

// signatureOf finds a body's signature at its two places; "" if there is none.
func signatureOf(body providers.Object) string {
	holder := body
	if !body.Has("signature") {
		inner, err := body.Object("general")
		if err != nil {
			return ""
		}
		holder = inner
	}
	signature, err := holder.OptionalString("signature")
	if err != nil {
		return ""
	}
	return signature
}

// refusal reads an answer with another HTTP status than 200. These are never
// signed, so none of them tells anything about the payment itself.
func refusal(ask question, a providers.Answer) *providers.Error {
	setting := "secret"
	if a.Status == http.StatusForbidden {
		// As sister brands do for an address that is not on the project's list.
		setting = "project_id"
	}
	byHTTP := providers.ByHTTPStatus(a, ask.doing(), setting)
	if a.Status < 400 || a.Status >= 500 || byHTTP != nil && byHTTP.Kind == providers.Throttled {
		return orUnreadable(byHTTP, ask, a)
	}
	code := flatCode(a.Body)
	if code == "" {
		return orUnreadable(byHTTP, ask, a)
	}
	byCode := failByCode(ask, code, envelope{signed: false})
	if byCode.Kind == providers.UnknownStatus && byHTTP != nil {
		return byHTTP
	}
	return byCode
}

func orUnreadable(e *providers.Error, ask question, a providers.Answer) *providers.Error {
	if e != nil {
		return e
	}
	return ask.fail(providers.Unreadable, a.String()+" without an error code")
}

// flatCode is the code of {"status":"error","code":...,"message":...}; "" if
// the body has another form.
func flatCode(body []byte) string {
	answer, err := providers.ReadObject(body)
	if err != nil {
		return ""
	}
	code, err := answer.OptionalCode("code")
	if err != nil {
		return ""
	}
	return code
}

// interpret reads an answer whose signature holds.
func (r reader) interpret(ask question, answer providers.Object) (payment.Observation, error) {
	if err := r.checkProject(ask, answer); err != nil {
		return payment.Observation{}, err
	}
	f, err := r.readFacts(answer)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(ask.doing(), err)
	}
	if err := checkPayment(ask, f); err != nil {
		return payment.Observation{}, err
	}
	if f.refused() && !f.absent() {
		return payment.Observation{}, failByCode(ask, f.errors[0], envelope{signed: true})
	}
	row := findStatus(f)
	if row.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: row.Kind, Doing: ask.doing(), Detail: row.Words, Raw: rawOf(f, row)}
	}
	return r.observation(ask, f, row)
}

// rawOf is what an error calls the provider's word: a code says more than
// "error", and a word that is good for other types says nothing without the type.
func rawOf(f facts, row statusRow) string {
	switch {
	case row.Raw == "error":
		return codeNotFound
	case row.Raw == "success":
		return providers.CleanRaw(f.status + " (" + f.kind + ")")
	}
	return providers.CleanRaw(f.status)
}

// checkProject refuses another project's answer. An absent number is legal: it
// is missing beside 3061, and projects choose their fields.
func (r reader) checkProject(ask question, answer providers.Object) error {
	ours, err := r.isOurs(answer)
	if err != nil {
		return providers.Unreadably(ask.doing(), err)
	}
	if !ours {
		return ask.fail(providers.IdentityMismatch, "field $.project_id is another project's")
	}
	return nil
}

// isOurs reports whether an answer or callback names our project, or none.
func (r reader) isOurs(body providers.Object) (bool, error) {
	if !body.Has("project_id") {
		return true, nil
	}
	project, err := body.Integer("project_id")
	return project == r.config.ProjectID, err
}

// checkPayment refuses another payment's answer. An absent id is legal, as for
// the project. Who asked by a request's id is answered by the payment of which
// that request began an operation; where all operations name theirs, it is one.
func checkPayment(ask question, f facts) error {
	switch {
	case f.id != "" && ask.paymentID != "" && f.id != ask.paymentID, f.id != "" && ask.Bound != "" && f.id != ask.Bound:
		return ask.fail(providers.IdentityMismatch, "field $.payment.id is another payment's")
	case ask.requestID != "" && f.isOfOtherRequests(ask.requestID):
		return ask.fail(providers.IdentityMismatch, "no field $.operations[].request_id is the request's")
	case len(f.id) > maxReference || !utf8.ValidString(f.id) || strings.ContainsFunc(f.id, unicode.IsControl):
		return ask.fail(providers.Unreadable, "field $.payment.id is no id")
	}
	return nil
}

// observation puts the payment into our words.
func (r reader) observation(ask question, f facts, row statusRow) (payment.Observation, error) {
	code := deciding(f.operations).code
	o := payment.Observation{
		Status:            row.Status,
		Reason:            row.Reason,
		ProviderStatus:    providers.CleanRaw(f.status),
		ProviderCode:      providers.CleanRaw(code),
		ProviderReference: f.id,
		MappingVersion:    mappingVersion,
		OccurredAt:        f.date,
	}
	f.trusted = true
	claimed := findStatus(f).Status
	f.trusted = false
	switch {
	case o.Status == payment.Review:
		o.Reason = f.doubt(claimed)
	case o.Status == payment.Failed && o.Reason == "":
		o.Reason = declineReason(code)
	case o.Status == payment.Authorized && !r.config.TwoStage:
		o.ProviderMessage = oneStep
	}
	if err := f.money.fill(&o, claimed, f, ask.Expected.Currency()); err != nil {
		return payment.Observation{}, providers.Unreadably(ask.doing(), err)
	}
	o.AmountUnverified = r.config.AmountUnverified && !o.Amount.Known()
	return o, nil
}
