package finipay

import (
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// maxWord is the longest text that can be a status word. A QR answer's data
// may hold an image or a payload instead, which must not travel as a raw word.
const maxWord = 32

// statusRequest is the body of the cards' status call.
type statusRequest struct {
	OrderNumber string `json:"orderNumber"`
	Language    string `json:"language"`
}

// decodeCard reads the body of an answer about a card. The error is always a
// *providers.Error.
func decodeCard(body []byte, q providers.Query) (payment.Observation, error) {
	root, code, err := readEnvelope(body, doingCard)
	if err != nil {
		return payment.Observation{}, err
	}
	if !root.Has("data") {
		return payment.Observation{}, withoutData(root, code)
	}
	data, err := root.Object("data")
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doingCard, err)
	}
	raw, err := cardWord(root, data, code)
	if err != nil {
		return payment.Observation{}, err
	}
	word := providers.PlainWord(raw)
	reference, err := identify(data, word, q)
	if err != nil {
		return payment.Observation{}, err
	}
	if !rules.Knows(fieldStatus, word) {
		return payment.Observation{}, unknownWord(doingCard, raw)
	}
	money, err := readMoney(data, word)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doingCard, err)
	}
	money.code = code
	obs, err := observe(root, fieldStatus, raw, money)
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
	root, code, err := readEnvelope(body, doingQR)
	if err != nil {
		return payment.Observation{}, err
	}
	if !root.Has("data") {
		return payment.Observation{}, &providers.Error{Kind: providers.UnknownStatus, Doing: doingQR, Detail: "the answer holds no data", Raw: providers.CleanRaw(code)}
	}
	raw, err := root.String("data")
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doingQR, err)
	}
	if !rules.Knows(fieldQR, providers.PlainWord(raw)) {
		return payment.Observation{}, unknownWord(doingQR, raw)
	}
	obs, err := observe(root, fieldQR, raw, facts{code: code})
	if err != nil {
		return payment.Observation{}, err
	}
	obs.AmountUnverified = unverified
	return obs, nil
}

// readEnvelope reads the object around every answer. A missing code is an
// empty one: it decides nothing alone.
func readEnvelope(body []byte, doing string) (providers.Object, string, error) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return providers.Object{}, "", providers.Unreadably(doing, err)
	}
	code, err := root.OptionalCode("code")
	if err != nil {
		return providers.Object{}, "", providers.Unreadably(doing, err)
	}
	return root, code, nil
}

// cardWord gives the raw status word. The refund call's answer has none; there
// code 204 is the word. A status as a number is one of the gateway's own and is
// passed on as the unknown word it is.
func cardWord(root, data providers.Object, code string) (string, error) {
	if data.Has("status") {
		word, err := data.Code("status")
		if err != nil {
			return "", providers.Unreadably(doingCard, err)
		}
		return word, nil
	}
	if code == "204" {
		return "REFUND", nil
	}
	for _, o := range []providers.Object{data, root} {
		if leaked, err := o.Code("orderStatus"); err == nil {
			return "", &providers.Error{Kind: providers.UnknownStatus, Doing: doingCard, Detail: "orderStatus of the gateway", Raw: providers.CleanRaw(leaked)}
		}
	}
	_, err := data.Code("status")
	return "", providers.Unreadably(doingCard, err)
}

// identify checks whom the answer is about and gives the provider's number to
// bind, empty where the answer echoes the merchant's and none is bound.
func identify(data providers.Object, word string, q providers.Query) (string, error) {
	if word == "REFUND" && !data.Has("orderNumber") {
		return q.Bound, nil
	}
	number, err := data.String("orderNumber")
	if err != nil {
		return "", providers.Unreadably(doingCard, err)
	}
	switch {
	case number == q.Reference[orderKey]:
		return q.Bound, nil
	case q.Bound != "" && number == q.Bound:
		return q.Bound, nil
	case q.Bound == "" && len(number) > 2 && strings.EqualFold(number[:2], "Fp") && orderNumber(number):
		return number, nil
	}
	return "", &providers.Error{Kind: providers.IdentityMismatch, Doing: doingCard, Detail: "field $.data.orderNumber is another payment's"}
}

// readMoney reads the amounts. They are required where money is said to have
// moved; elsewhere they may be absent, but not malformed.
func readMoney(data providers.Object, word string) (facts, error) {
	required := word == "CHARGE" || word == "REFUND"
	if !required && !data.Has("amount") {
		return facts{}, nil
	}
	currency, err := data.String("currency")
	if err != nil {
		return facts{}, err
	}
	var f facts
	if f.amount, err = data.Money("amount", currency); err != nil {
		return facts{}, err
	}
	if f.refunded, err = data.OptionalMoney("refunded", currency); err != nil {
		return facts{}, err
	}
	f.refundable, err = data.OptionalMoney("refundable", currency)
	return f, err
}

// observe applies the table to a word that it knows.
func observe(root providers.Object, field, raw string, f facts) (payment.Observation, error) {
	r, ok := rules.Find(field, providers.PlainWord(raw), f)
	if !ok {
		return payment.Observation{}, unknownWord("read "+field, raw)
	}
	if r.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: r.Kind, Doing: "read " + field, Detail: r.Words, Raw: providers.CleanRaw(raw)}
	}
	// message is for people and decides nothing, so a wrong shape is no fault.
	message, err := root.OptionalString("message")
	if err != nil {
		message = ""
	}
	return payment.Observation{
		Status: r.Status, Reason: r.Reason,
		ProviderStatus:  providers.CleanRaw(strings.TrimSpace(raw)),
		ProviderCode:    providers.CleanRaw(f.code),
		ProviderMessage: providers.CleanRaw(message),
		MappingVersion:  mappingVersion,
	}, nil
}

func unknownWord(doing, raw string) error {
	raw = strings.TrimSpace(raw)
	if len(raw) > maxWord {
		return &providers.Error{Kind: providers.Unreadable, Doing: doing, Detail: "the status is too long to be a word"}
	}
	return &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Raw: providers.CleanRaw(raw)}
}
