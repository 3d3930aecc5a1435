package ecommpay

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
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
	answer, err := providers.ReadObject(a.Body)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(ask.doing(), err)
	}
	if err := verify(r.config.Secret, a.Body, signatureOf(answer)); err != nil {
		return payment.Observation{}, ask.fail(providers.SignatureInvalid, err.Error())
	}
	return r.interpret(ask, answer)
}

// signatureOf finds an answer's signature at its two places; "" if there is none.
func signatureOf(answer providers.Object) string {
	holder := answer
	if !answer.Has("signature") {
		inner, err := answer.Object("general")
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
	if code == codeNotFound {
		return &providers.Error{Kind: providers.UnknownStatus, Doing: ask.doing(), Detail: "an unsigned answer says that the payment is not known", Raw: code}
	}
	byCode := failByCode(ask, code)
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

// facts is what an answer says about the payment.
type facts struct {
	id, status, kind string
	date             time.Time
	operations       []operation
	errors           []string
	payment          providers.Object
}

// interpret reads an answer whose signature holds.
func (r reader) interpret(ask question, answer providers.Object) (payment.Observation, error) {
	if err := r.checkProject(ask, answer); err != nil {
		return payment.Observation{}, err
	}
	f, err := readFacts(answer)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(ask.doing(), err)
	}
	if err := checkPayment(ask, f.id); err != nil {
		return payment.Observation{}, err
	}
	if normal(f.status) == "error" && len(f.errors) > 0 {
		if err := failByErrors(ask, f); err != nil {
			return payment.Observation{}, err
		}
	}
	row := mapStatus(f.status, f.kind)
	if row.Kind != 0 {
		raw := f.status
		if row.Field == otherTypeField {
			raw += " (" + f.kind + ")"
		}
		return payment.Observation{}, &providers.Error{Kind: row.Kind, Doing: ask.doing(), Detail: row.Words, Raw: providers.CleanRaw(raw)}
	}
	return r.observation(ask, f, row)
}

// checkProject refuses another project's answer. An absent number is legal: it
// is missing beside 3061, and projects choose their fields.
func (r reader) checkProject(ask question, answer providers.Object) error {
	project, err := answer.OptionalCode("project_id")
	if err != nil {
		return providers.Unreadably(ask.doing(), err)
	}
	if project != "" && project != strconv.FormatInt(r.config.ProjectID, 10) {
		return ask.fail(providers.IdentityMismatch, "field $.project_id is another project's")
	}
	return nil
}

// readFacts reads the fields we know; the error is a *providers.FieldProblem.
func readFacts(answer providers.Object) (facts, error) {
	var f facts
	var err error
	if f.payment, err = answer.Object("payment"); err != nil {
		return facts{}, err
	}
	if f.status, err = f.payment.String("status"); err != nil {
		return facts{}, err
	}
	if f.id, err = f.payment.OptionalCode("id"); err != nil {
		return facts{}, err
	}
	if f.kind, err = f.payment.OptionalString("type"); err != nil {
		return facts{}, err
	}
	f.date = readDate(f.payment, "date")
	if f.operations, err = readOperations(answer); err != nil {
		return facts{}, err
	}
	f.errors, err = readErrors(answer)
	return f, err
}

// readErrors reads errors[].code; the messages are free text.
func readErrors(answer providers.Object) ([]string, error) {
	items, err := answer.Objects("errors")
	if err != nil {
		return nil, err
	}
	codes := make([]string, len(items))
	for i, item := range items {
		if codes[i], err = item.Code("code"); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// checkPayment refuses another payment's answer. An absent id is legal, as for
// the project.
func checkPayment(ask question, id string) error {
	switch {
	case id == "":
		return nil
	case ask.paymentID != "" && id != ask.paymentID, ask.Bound != "" && id != ask.Bound:
		return ask.fail(providers.IdentityMismatch, "field $.payment.id is another payment's")
	case len(id) > maxReference || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return ask.fail(providers.Unreadable, "field $.payment.id is no id")
	}
	return nil
}

// failByErrors reads the error answer under a signed 200. Where it tells of no
// payment, its code says what is wrong; where it does, status error is the
// payment's own (nil here), except beside "not found", which can't be.
func failByErrors(ask question, f facts) error {
	absent := slices.Contains(f.errors, codeNotFound)
	switch noPayment := f.id == "" && len(f.operations) == 0; {
	case noPayment && absent:
		row := findStatus(f.status, absentField)
		return &providers.Error{Kind: row.Kind, Doing: ask.doing(), Detail: row.Words, Raw: codeNotFound}
	case noPayment:
		return failByCode(ask, f.errors[0])
	case absent:
		return &providers.Error{Kind: providers.Inconsistent, Doing: ask.doing(), Detail: "a payment that is there is said not to be known", Raw: codeNotFound}
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
	if o.Status == payment.Failed && o.Reason == "" {
		o.Reason = declineReason(code)
	}
	if o.Status == payment.Authorized && !r.config.TwoStage {
		o.ProviderMessage = oneStep
	}
	m, err := tally(f.operations)
	if err == nil {
		err = m.fill(&o, f, ask.Expected.Currency())
	}
	if err != nil {
		return payment.Observation{}, providers.Unreadably(ask.doing(), err)
	}
	o.AmountUnverified = r.config.AmountUnverified && !o.Amount.Known()
	return o, nil
}

// readDate reads a date such as 2019-12-12T15:46:51+0000, which is not RFC 3339
// for want of a colon; that is read too. A date decides nothing, so one that
// can't be read is absent, and so is one that no event could hold.
func readDate(o providers.Object, key string) time.Time {
	text, err := o.OptionalString(key)
	if err != nil {
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.UTC().Year() >= 1970 && at.UTC().Year() <= 9998 {
			return at.UTC()
		}
	}
	return time.Time{}
}
