package uapay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// currency is implied: checkStatus names none, UAPAY pays in hryvnia only.
const currency = "UAH"

// axesSwapped is the only message an observation carries: a word of ours that
// lets a person count answers whose two status fields were the wrong way round.
const axesSwapped = "axes_swapped"

// entry is one payment as an answer shows it.
type entry struct {
	id      string
	row     providers.Row
	swapped bool
	amount  payment.Money
	// foreign: the answer names a currency other than hryvnia.
	foreign bool
}

// readEntry reads one payment. Everything but these fields stays where it is:
// the answer also holds card masks, a CVV decryption key and bank accounts.
func readEntry(m method, o providers.Object, idKey string, last payment.Status) (entry, error) {
	var e entry
	var err error
	if e.id, err = o.String(idKey); err != nil {
		return entry{}, providers.Unreadably(m.doing(), err)
	}
	if !isUUID(e.id) {
		return entry{}, m.fail(providers.Unreadable, "field "+idKey+" is no UUID")
	}
	processing, err := o.String(m.axes.processing)
	if err != nil {
		return entry{}, providers.Unreadably(m.doing(), err)
	}
	invoicer, err := o.String(m.axes.invoicer)
	if err != nil {
		return entry{}, providers.Unreadably(m.doing(), err)
	}
	e.row, e.swapped = mapPair(processing, invoicer, last)
	if err := e.readMoney(m, o); err != nil {
		return entry{}, err
	}
	return e, nil
}

// readMoney reads the amount in kopecks. The commission beside it is not added:
// whether it is on top is not documented.
func (e *entry) readMoney(m method, o providers.Object) error {
	code, err := o.OptionalCode("currency")
	if err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	if code != "" && code != "980" && code != currency {
		e.foreign = true
		return nil
	}
	if !o.Has("amount") {
		return nil
	}
	minor, err := o.Integer("amount")
	if err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	if e.amount, err = payment.MinorMoney(minor, currency); err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	return nil
}

// observation turns the entry into our words, or into the error its row names.
func (e entry) observation(m method) (payment.Observation, error) {
	raw := providers.CleanRaw(e.row.Raw)
	if e.row.Kind != 0 {
		return payment.Observation{}, &providers.Error{Kind: e.row.Kind, Doing: m.doing(), Detail: e.row.Words, Raw: raw}
	}
	o := payment.Observation{
		Status:            e.row.Status,
		Amount:            e.amount,
		ProviderStatus:    raw,
		ProviderReference: e.id,
		MappingVersion:    mappingVersion,
	}
	if e.swapped {
		o.ProviderMessage = axesSwapped
	}
	if e.foreign {
		o.Status, o.Reason = payment.Review, payment.ReasonCurrencyMismatch
		return o, nil
	}
	switch o.Status {
	case payment.Succeeded:
		o.Captured = e.amount
	case payment.Refunded:
		o.Captured, o.Refunded = e.amount, e.amount
	case payment.Failed:
		// REJECTED is the only word for it, and no answer carries a bank's code.
		o.Reason = payment.ReasonDeclined
	case payment.Canceled:
		o.Reason = payment.ReasonCanceled
	case payment.Review:
		o.Reason = payment.ReasonContradiction
	}
	return o, nil
}

// observePayment reads the payload of checkStatus. Its id is called "the
// operation's id" and equals the paymentId asked for.
func observePayment(m method, payload providers.Object, q providers.Query) (payment.Observation, error) {
	e, err := readEntry(m, payload, "id", q.Last)
	if err != nil {
		return payment.Observation{}, err
	}
	if !sameID(e.id, q.Reference[keyPayment]) || q.Bound != "" && !sameID(e.id, q.Bound) {
		return payment.Observation{}, m.fail(providers.IdentityMismatch, "field id is another payment's")
	}
	if err := checkID(m, payload, "paymentId", q.Reference[keyPayment]); err != nil {
		return payment.Observation{}, err
	}
	if err := checkID(m, payload, "invoiceId", q.Reference[keyInvoice]); err != nil {
		return payment.Observation{}, err
	}
	return e.observation(m)
}

// checkID refuses an answer that names another id than ours. An absent field
// says nothing.
func checkID(m method, o providers.Object, key, ours string) error {
	id, err := o.OptionalString(key)
	if err != nil {
		return providers.Unreadably(m.doing(), err)
	}
	if id != "" && !sameID(id, ours) {
		return m.fail(providers.IdentityMismatch, "field "+key+" is another payment's")
	}
	return nil
}
