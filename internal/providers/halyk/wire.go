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
	keyInvoiceOld  = "invoiceId" // in older answers, and in callbacks
	keyTerminal    = "terminalID"
	keyStatus      = "statusName"
	keyReason      = "reasonCode"
	keyCurrency    = "currency"
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
	if code != found {
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
	if !transaction.Has(key) && transaction.Has(keyInvoiceOld) {
		key = keyInvoiceOld
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

// beside is what an answer says beside its word.
type beside struct {
	facts
	code, id string
	at       time.Time
}

// readBeside reads it. The error is a *providers.FieldProblem.
func readBeside(transaction providers.Object) (b beside, err error) {
	if b.amounts, err = readAmounts(transaction); err != nil {
		return beside{}, err
	}
	if b.code, err = transaction.OptionalCode(keyReason); err != nil {
		return beside{}, err
	}
	if b.id, err = transaction.OptionalString(keyID); err != nil {
		return beside{}, err
	}
	if b.at, err = created(transaction); err != nil {
		return beside{}, err
	}
	b.reasonCode = plainCode(b.code)
	return b, nil
}

// observe applies the table to a word that it knows.
func observe(transaction providers.Object, word string, expected payment.Money) (payment.Observation, error) {
	b, err := readBeside(transaction)
	if err != nil {
		return payment.Observation{}, providers.Unreadably(doing, err)
	}
	word = strings.TrimSpace(word)
	r, ok := rules.Find(fieldStatus, providers.PlainWord(word), b.facts)
	if !ok {
		return payment.Observation{}, &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Raw: providers.CleanRaw(word)}
	}
	if r.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: r.Kind, Doing: doing, Detail: refusedWord(r.Row), Raw: providers.CleanRaw(word)}
	}
	obs := payment.Observation{
		Status: r.Status, Reason: r.Reason,
		Amount:            b.compared(expected),
		ProviderStatus:    providers.CleanRaw(word),
		ProviderCode:      providers.CleanRaw(b.code),
		ProviderReference: providers.CleanRaw(b.id),
		MappingVersion:    mappingVersion,
		OccurredAt:        b.at,
	}
	if obs.Status == payment.Failed {
		why := refused(b.reasonCode)
		obs.Reason, obs.ProviderMessage = why.reason, why.note
	}
	obs.Captured, obs.Refunded = b.moved(obs.Status, expected)
	return obs, nil
}

// refusedWord says why a word that the table knows is no status.
func refusedWord(r providers.Row) string {
	if r.Case != "" {
		return "field " + r.Field + ": " + r.Case
	}
	return "field " + r.Field + ": " + r.Words
}

// created reads the provider's time with whatever offset it names; zero where
// it is absent or in another form than the sample's, because nothing is decided
// by it. The error is a *providers.FieldProblem.
func created(transaction providers.Object) (time.Time, error) {
	text, err := transaction.OptionalString(keyCreated)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if at = at.UTC(); err != nil || at.Year() < 1 || at.Year() > 9999 {
		// Its offset can carry a time out of the years that an event can hold.
		return time.Time{}, nil
	}
	return at, nil
}
