package uapay

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// currency is implied: checkStatus names none, UAPAY pays in hryvnia only.
const currency = "UAH"

// The messages an observation carries are words of ours. axesSwapped lets a
// person count answers whose two status fields were the wrong way round,
// twoPayments says why an invoice with a good payment is under review.
const (
	axesSwapped = "axes_swapped"
	twoPayments = "two_payments"
)

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
func readEntry(o part, idKey string, last payment.Status) (entry, error) {
	var e entry
	var err error
	if e.id, err = o.uuid(idKey); err != nil {
		return entry{}, err
	}
	processing, err := o.String(o.m.axes.processing)
	if err != nil {
		return entry{}, o.unreadable(err)
	}
	invoicer, err := o.String(o.m.axes.invoicer)
	if err != nil {
		return entry{}, o.unreadable(err)
	}
	e.row, e.swapped = mapPair(processing, invoicer, last)
	return e, e.readMoney(o)
}

// readMoney reads the amount in kopecks, an integer token and nothing else. It is
// documented in every answer, and one without it can't be compared with what was
// to be paid. The commission beside it is not added: whether it is on top is not
// documented. The currency is: numeric where payments are made (980), its form in
// answers is not shown, so both of its names are read.
func (e *entry) readMoney(o part) error {
	minor, err := o.Integer("amount")
	if err != nil {
		return o.unreadable(err)
	}
	amount, err := payment.MinorMoney(minor, currency)
	if err != nil {
		return o.problem("amount", "is no money: "+err.Error())
	}
	code, err := o.OptionalCode("currency")
	if err != nil {
		return o.unreadable(err)
	}
	if code != "" && code != "980" && code != currency {
		e.foreign = true
		return nil
	}
	e.amount = amount
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
		o.Status, o.Reason = listTable[listForeign].Status, payment.ReasonCurrencyMismatch
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
func observePayment(payload part, q providers.Query) (payment.Observation, error) {
	e, err := readEntry(payload, "id", q.Last)
	if err != nil {
		return payment.Observation{}, err
	}
	if !sameID(e.id, q.Reference[keyPayment]) || q.Bound != "" && !sameID(e.id, q.Bound) {
		return payment.Observation{}, payload.m.fail(providers.IdentityMismatch, "field id is another payment's")
	}
	if err := payload.checkID("paymentId", q.Reference[keyPayment]); err != nil {
		return payment.Observation{}, err
	}
	if err := payload.checkID("invoiceId", q.Reference[keyInvoice]); err != nil {
		return payment.Observation{}, err
	}
	return e.observation(payload.m)
}
