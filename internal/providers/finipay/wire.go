package finipay

import (
	"errors"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// maxWord is the longest text that can be a status word. A QR answer's data
// may hold an image or a payload instead, which must not travel as a raw word.
const maxWord = 32

// statusRequest is the body of the status call.
type statusRequest struct {
	OrderNumber string `json:"orderNumber"`
	Language    string `json:"language"`
}

// envelope is the object around every answer.
type envelope struct {
	root          providers.Object
	code, message string
}

// decodeStatus reads the body of an answer about a card or a wallet;
// confirmedIsPaid is the account's reading of a wallet's CONFIRMED. The error
// is always a *providers.Error.
func decodeStatus(body []byte, q providers.Query, confirmedIsPaid bool) (payment.Observation, error) {
	obs, err := readStatus(body, q, facts{wallet: wallet(q.Reference), confirmedIsPaid: confirmedIsPaid})
	return obs, asError(doingStatus, err)
}

func readStatus(body []byte, q providers.Query, f facts) (payment.Observation, error) {
	e, err := readEnvelope(body)
	if err != nil {
		return payment.Observation{}, err
	}
	if !e.root.Has("data") {
		return payment.Observation{}, withoutData(e, doingStatus)
	}
	data, err := e.root.Object("data")
	if err != nil {
		return payment.Observation{}, err
	}
	raw, err := statusWord(e, data)
	if err != nil {
		return payment.Observation{}, err
	}
	word := providers.PlainWord(raw)
	reference, err := identify(data, word, q)
	if err != nil {
		return payment.Observation{}, err
	}
	if !rules.Knows(fieldStatus, word) {
		return payment.Observation{}, unknownWord(fieldStatus, raw)
	}
	money, err := readMoney(data, word, f)
	if err != nil {
		return payment.Observation{}, err
	}
	obs, err := observe(e, fieldStatus, raw, money)
	if err != nil {
		return payment.Observation{}, err
	}
	obs.ProviderReference = reference
	obs.Amount = money.amount
	if obs.Status.Paid() || obs.Status == payment.Refunded {
		obs.Captured, obs.Refunded = money.amount, money.refunded
	}
	return obs, nil
}

// decodeQR reads the body of an answer about a QR, whose data is the word
// itself. It names no amount: unverified says that the account does without.
// The error is always a *providers.Error.
func decodeQR(body []byte, unverified bool) (payment.Observation, error) {
	obs, err := readQR(body)
	if err != nil {
		return payment.Observation{}, asError(doingQR, err)
	}
	obs.AmountUnverified = unverified
	return obs, nil
}

func readQR(body []byte) (payment.Observation, error) {
	e, err := readEnvelope(body)
	if err != nil {
		return payment.Observation{}, err
	}
	if !e.root.Has("data") {
		return payment.Observation{}, withoutData(e, doingQR)
	}
	raw, err := e.root.String("data")
	if err != nil {
		return payment.Observation{}, err
	}
	if !rules.Knows(fieldQR, providers.PlainWord(raw)) {
		return payment.Observation{}, unknownWord(fieldQR, raw)
	}
	return observe(e, fieldQR, raw, facts{})
}

// readEnvelope reads the object around every answer. code is required beside
// data, since it may speak against a charge. The pages show it as a string; the
// gateway behind has numbers for codes, so one is read too. message is for
// people and may be missing.
func readEnvelope(body []byte) (envelope, error) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return envelope{}, err
	}
	e := envelope{root: root}
	read := root.OptionalCode
	if root.Has("data") {
		read = root.Code
	}
	if e.code, err = read("code"); err != nil {
		return envelope{}, err
	}
	e.message, err = root.OptionalString("message")
	return e, err
}

// statusWord gives the raw status word. The refund call's answer has none; there
// code 204 is the word. A status as a number is one of the gateway's own and is
// passed on as the unknown word it is.
func statusWord(e envelope, data providers.Object) (string, error) {
	if data.Has("status") {
		return data.Code("status")
	}
	if e.code == codeRefund {
		return wordRefund, nil
	}
	for _, o := range []providers.Object{data, e.root} {
		if !o.Has("orderStatus") {
			continue
		}
		leaked, err := o.Code("orderStatus")
		if err != nil {
			return "", err
		}
		return "", &providers.Error{Kind: providers.UnknownStatus, Doing: doingStatus, Detail: "orderStatus of the gateway", Raw: providers.CleanRaw(leaked)}
	}
	return data.Code("status") // is missing
}

// identify checks whom the answer is about and gives the provider's number to
// bind, empty where the answer echoes the merchant's and none is bound.
func identify(data providers.Object, word string, q providers.Query) (string, error) {
	if word == wordRefund && !data.Has("orderNumber") {
		return q.Bound, nil
	}
	number, err := data.String("orderNumber")
	if err != nil {
		return "", err
	}
	switch {
	case number == q.Reference[orderKey]:
		return q.Bound, nil
	case q.Bound != "" && number == q.Bound:
		return q.Bound, nil
	case q.Bound == "" && len(number) > 2 && strings.EqualFold(number[:2], "Fp") && orderNumber(number):
		return number, nil
	}
	return "", &providers.Error{Kind: providers.IdentityMismatch, Doing: doingStatus, Detail: "field $.data.orderNumber is another payment's"}
}

// observe applies the table to a word that it knows.
func observe(e envelope, field, raw string, f facts) (payment.Observation, error) {
	f.code = e.code
	r, ok := rules.Find(field, providers.PlainWord(raw), f)
	if !ok {
		return payment.Observation{}, unknownWord(field, raw)
	}
	if r.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: r.Kind, Doing: "read " + field, Detail: r.Case, Raw: providers.CleanRaw(raw)}
	}
	return payment.Observation{
		Status: r.Status, Reason: r.Reason,
		ProviderStatus:  providers.CleanRaw(strings.TrimSpace(raw)),
		ProviderCode:    providers.CleanRaw(e.code),
		ProviderMessage: providers.CleanRaw(e.message),
		MappingVersion:  mappingVersion,
	}, nil
}

// unknownWord is the error of a text that is in no row of the table.
func unknownWord(field, raw string) error {
	raw = strings.TrimSpace(raw)
	if len(raw) > maxWord {
		return &providers.FieldProblem{Path: field, Problem: "is too long to be a status"}
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: "read " + field, Raw: providers.CleanRaw(raw)}
}

// asError makes a field's problem the *providers.Error it is; nil stays nil.
func asError(doing string, err error) error {
	var problem *providers.FieldProblem
	if errors.As(err, &problem) {
		return providers.Unreadably(doing, problem)
	}
	return err
}
