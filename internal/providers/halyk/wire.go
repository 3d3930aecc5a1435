package halyk

import (
	"strings"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// The allow-list: nothing else of an answer is read. Beside these an answer
// holds the payer's name, e-mail, phone, card, address and the merchant's own data.
const (
	keyResult      = "resultCode"
	keyTransaction = "transaction"
	keyID          = "id"
	keyCreated     = "createdDate"
	keyInvoice     = "invoiceID"
	keyTerminal    = "terminalID"
	keyStatus      = "statusName"
	keyReason      = "reasonCode"
	keyAmount      = "amount"
	keyBonus       = "amountBonus"
	keyPayout      = "payoutAmount"
	keyOriginal    = "orgAmount"
)

// stageMismatch is our own note, in the only field for people that an observation has.
const stageMismatch = "AUTH on a terminal that two_stage calls one-step"

// decode reads the body of a status answer. The error is always a *providers.Error.
func decode(body []byte, q providers.Query, cfg Config) (payment.Observation, error) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	code, err := root.Code(keyResult)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	if code != "100" {
		return payment.Observation{}, byResultCode(code)
	}
	transaction, err := root.Object(keyTransaction)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	if err := identify(transaction, q, cfg.Terminal); err != nil {
		return payment.Observation{}, err
	}
	word, err := statusWord(transaction)
	if err != nil {
		return payment.Observation{}, err
	}
	obs, err := observe(transaction, word, q.Expected)
	if err != nil {
		return payment.Observation{}, err
	}
	if obs.Status == payment.Authorized && !cfg.TwoStage {
		obs.ProviderMessage = stageMismatch
	}
	return obs, nil
}

// identify checks whom the answer is about. invoiceId is an older spelling.
func identify(transaction providers.Object, q providers.Query, terminal string) error {
	key := keyInvoice
	if !transaction.Has(key) && transaction.Has("invoiceId") {
		key = "invoiceId"
	}
	invoice, err := transaction.String(key)
	if err != nil {
		return providers.Unreadably(doing, err)
	}
	if invoice != q.Reference[invoiceKey] {
		return &providers.Error{Kind: providers.IdentityMismatch, Doing: doing, Detail: "field $.transaction." + key + " is another invoice's"}
	}
	answered, err := transaction.OptionalString(keyTerminal)
	if err != nil {
		return providers.Unreadably(doing, err)
	}
	if answered != "" && !strings.EqualFold(answered, terminal) { // a UUID's case says nothing
		return &providers.Error{Kind: providers.IdentityMismatch, Doing: doing, Detail: "field $.transaction." + keyTerminal + " is another terminal's"}
	}
	return nil
}

// statusWord gives the status as the answer spells it, if the table knows it.
// A known word in the field "status" beside an unknown statusName is a change of
// the answer's shape: it is told, and decides nothing.
func statusWord(transaction providers.Object) (string, error) {
	raw, err := transaction.String(keyStatus)
	if err != nil {
		return "", providers.Unreadably(doing, err)
	}
	if rules.Knows(fieldStatus, providers.PlainWord(raw)) {
		return raw, nil
	}
	failure := &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Detail: "field " + fieldStatus, Raw: providers.CleanRaw(strings.TrimSpace(raw))}
	if other, err := transaction.OptionalString("status"); err == nil && rules.Knows(fieldStatus, providers.PlainWord(other)) {
		failure.Detail += "; shape drift: $.transaction.status holds a known word"
	}
	return "", failure
}

// observe applies the table to a word that it knows.
func observe(transaction providers.Object, word string, expected payment.Money) (payment.Observation, error) {
	money, err := readAmounts(transaction)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	reasonCode, err := transaction.OptionalCode(keyReason)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	f := facts{amounts: money, reasonCode: plainCode(reasonCode)}
	r, ok := rules.Find(fieldStatus, providers.PlainWord(word), f)
	if !ok {
		return payment.Observation{}, &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Raw: providers.CleanRaw(word)}
	}
	if r.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: r.Kind, Doing: doing, Detail: r.Words, Raw: providers.CleanRaw(word)}
	}
	obs := payment.Observation{
		Status: r.Status, Reason: r.Reason,
		Amount:            money.compared(expected),
		ProviderStatus:    providers.CleanRaw(strings.TrimSpace(word)),
		ProviderCode:      providers.CleanRaw(reasonCode),
		ProviderReference: identifier(transaction),
		MappingVersion:    mappingVersion,
		OccurredAt:        created(transaction),
	}
	if obs.Status == payment.Failed {
		obs.Reason = reasonOf(f.reasonCode)
	}
	obs.Captured, obs.Refunded = money.moved(obs.Status, expected)
	return obs, nil
}

// identifier gives the transaction's id; a broken one is no reason to lose the status.
func identifier(transaction providers.Object) string {
	id, err := transaction.OptionalString(keyID)
	if err != nil {
		return ""
	}
	return providers.CleanRaw(id)
}

// created reads the provider's time with whatever offset it names; zero where
// it is absent or unreadable, because nothing is decided by it.
func created(transaction providers.Object) time.Time {
	text, err := transaction.OptionalString(keyCreated)
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
