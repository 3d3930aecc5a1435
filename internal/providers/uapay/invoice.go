package uapay

import (
	"slices"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// observeInvoice reads the payload of invoices/show, which lists the payments
// that were tried under one invoice.
func observeInvoice(payload part, q providers.Query) (payment.Observation, error) {
	m := payload.m
	if !payload.Has("id") && !payload.Has("payments") {
		return payment.Observation{}, m.fail(providers.NotFound, "the answer holds no invoice")
	}
	id, err := payload.uuid("id")
	if err != nil {
		return payment.Observation{}, err
	}
	if !sameID(id, q.Reference[keyInvoice]) {
		return payment.Observation{}, m.fail(providers.IdentityMismatch, "field id is another invoice's")
	}
	entries, err := readEntries(payload, q)
	if err != nil {
		return payment.Observation{}, err
	}
	if len(entries) == 0 {
		return notStarted(m, q)
	}
	return follow(m, entries, q.Bound)
}

func readEntries(payload part, q providers.Query) ([]entry, error) {
	if !payload.Has("payments") {
		return nil, payload.problem("payments", "is missing")
	}
	items, err := payload.Objects("payments")
	if err != nil {
		return nil, payload.unreadable(err)
	}
	entries := make([]entry, len(items))
	for i, item := range items {
		one := payload.item(item, i)
		if entries[i], err = readEntry(one, "paymentId", q.Last); err != nil {
			return nil, err
		}
		if err := one.checkID("invoiceId", q.Reference[keyInvoice]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// notStarted is an invoice nobody has tried to pay yet. Where a payment was
// bound before, it can't have become unpaid: something is behind.
func notStarted(m method, q providers.Query) (payment.Observation, error) {
	if q.Bound != "" {
		return payment.Observation{}, m.refuse(listTable[listEmptied], "the invoice's payment is gone")
	}
	return payment.Observation{Status: listTable[listEmpty].Status, ProviderStatus: emptyList, MappingVersion: mappingVersion}, nil
}

// follow chooses the payment of an invoice to report.
func follow(m method, entries []entry, bound string) (payment.Observation, error) {
	if bound == "" {
		return chooseFresh(m, entries)
	}
	at := slices.IndexFunc(entries, func(e entry) bool { return sameID(e.id, bound) })
	if at < 0 {
		return payment.Observation{}, m.fail(providers.IdentityMismatch, "the payment followed so far is not on the invoice's list")
	}
	ours := entries[at]
	others := slices.Concat(entries[:at], entries[at+1:])
	if !ours.live() && ours.row.Kind == 0 && slices.ContainsFunc(others, entry.live) {
		// Our money went back while another payment of the invoice holds some:
		// whether that one pays this order, only a person can say.
		return conflict(ours)
	}
	return ours.observation(m)
}

// chooseFresh chooses where no payment is bound: the only one that holds or
// took money, then what is not understood (an error is better than a guess),
// then what went back, then what is still open, then what failed.
func chooseFresh(m method, entries []entry) (payment.Observation, error) {
	pick := func(is func(entry) bool) []entry {
		return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return !is(e) })
	}
	if live := pick(entry.live); len(live) == 1 {
		return live[0].observation(m)
	} else if len(live) > 1 {
		return conflict(live[0])
	}
	if unclear := pick(func(e entry) bool { return e.row.Kind != 0 }); len(unclear) > 0 {
		return unclear[0].observation(m)
	}
	if back := pick(entry.wentBack); len(back) == 1 {
		return back[0].observation(m)
	} else if len(back) > 1 {
		return conflict(back[0])
	}
	// No money moved. What is furthest speaks for the invoice, and nothing is
	// bound: the payer may still try again.
	furthest := slices.MaxFunc(entries, func(a, b entry) int { return a.progress() - b.progress() })
	seen, err := furthest.observation(m)
	seen.ProviderReference = ""
	return seen, err
}

// conflict is a review of an invoice of which two payments moved money.
func conflict(e entry) (payment.Observation, error) {
	return payment.Observation{
		Status: listTable[listConflict].Status, Reason: payment.ReasonContradiction,
		ProviderStatus: providers.CleanRaw(e.row.Raw), ProviderMessage: twoPayments, MappingVersion: mappingVersion,
	}, nil
}

// live reports whether the payment holds or took money, or contradicts itself
// in a way that may hide it.
func (e entry) live() bool {
	s := e.row.Status
	return e.row.Kind == 0 && (s == payment.Authorized || s.Paid() || s == payment.Review || e.foreign)
}

// wentBack reports whether money was held or taken and given back.
func (e entry) wentBack() bool { return e.row.Kind == 0 && e.row.Status.ClosedForGood() }

// progress orders payments that moved no money: failed ones behind open ones,
// and a refusal before a mere canceling, because it says more.
func (e entry) progress() int {
	order := []payment.Status{payment.Canceled, payment.Failed, payment.Pending, payment.RequiresAction, payment.Processing}
	return slices.Index(order, e.row.Status)
}
