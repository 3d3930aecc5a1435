package invariant_test

import (
	"slices"
	"strconv"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

type (
	history = invariant.History
	data    = payment.Data
)

// eventAt finds an event of the valid history by payment and version.
func eventAt(h *history, id string, version int) *invariant.Event {
	i := slices.IndexFunc(h.Events, func(e invariant.Event) bool {
		parsed, err := payment.ParseEvent(e.Body)
		return err == nil && parsed.Data.PaymentID == id && parsed.Data.Version == version
	})
	if i < 0 {
		panic("the history holds no such event: " + id)
	}
	return &h.Events[i]
}

// edit changes what an event says, and with it its subject, its id and what
// went to the merchants: all is consistent but for what the edit broke.
func edit(h *history, id string, version int, change func(*data)) {
	e := eventAt(h, id, version)
	parsed, err := payment.ParseEvent(e.Body)
	if err != nil {
		panic(err)
	}
	change(&parsed.Data)
	d := parsed.Data
	parsed.Type = payment.TypeOf(d.Status)
	body, err := parsed.Body()
	if err != nil {
		panic(err)
	}
	old := e.ID
	e.Status, e.Account, e.Merchant, e.Payment, e.ID, e.Body = d.Status, d.Account, d.MerchantID, d.PaymentID, parsed.ID(), body
	for i := range h.Receipts {
		if h.Receipts[i].EventID == old {
			h.Receipts[i].EventID, h.Receipts[i].Body = e.ID, body
		}
	}
	for i := range h.Attempts {
		if h.Attempts[i].EventID == old {
			h.Attempts[i].EventID, h.Attempts[i].Version = e.ID, d.Version
		}
	}
}

// drop removes an event with all that came of it.
func drop(h *history, id string, version int) {
	e := *eventAt(h, id, version)
	h.Events = slices.DeleteFunc(h.Events, func(o invariant.Event) bool { return o.ID == e.ID })
	h.Receipts = slices.DeleteFunc(h.Receipts, func(r invariant.Receipt) bool { return r.EventID == e.ID })
	h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.EventID == e.ID })
}

// dropPayment removes a payment but for its created event.
func dropPayment(h *history, id string) {
	for i := len(h.Events) - 1; i >= 0; i-- {
		if h.Events[i].Payment == id {
			drop(h, id, versionOf(h.Events[i]))
		}
	}
	h.Pending = slices.DeleteFunc(h.Pending, func(p invariant.Pending) bool { return p.Payment == id })
}

func versionOf(e invariant.Event) int {
	parsed, err := payment.ParseEvent(e.Body)
	if err != nil {
		panic(err)
	}
	return parsed.Data.Version
}

// receiptAt finds the taken receipt of an event at an endpoint.
func receiptAt(h *history, id string, version int, endpoint string) *invariant.Receipt {
	e := eventAt(h, id, version)
	i := slices.IndexFunc(h.Receipts, func(r invariant.Receipt) bool {
		return r.EventID == e.ID && r.Endpoint == endpoint && r.Delivered
	})
	if i < 0 {
		panic("the history holds no such receipt: " + id)
	}
	return &h.Receipts[i]
}

// dropReceipts removes what an endpoint took of an event, from both ledgers.
func dropReceipts(h *history, id string, version int, endpoint string) {
	e := eventAt(h, id, version)
	h.Receipts = slices.DeleteFunc(h.Receipts, func(r invariant.Receipt) bool { return r.EventID == e.ID && r.Endpoint == endpoint })
	h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.EventID == e.ID && a.Endpoint == endpoint })
}

// pollOf finds a payment's pending poll.
func pollOf(h *history, id string) *invariant.Pending {
	i := slices.IndexFunc(h.Pending, func(p invariant.Pending) bool { return p.Payment == id && p.Kind == invariant.KindPoll })
	if i < 0 {
		panic("the history holds no such poll: " + id)
	}
	return &h.Pending[i]
}

// lookAt finds the nth look at a payment.
func lookAt(h *history, id string, n int) *invariant.Look {
	for i := range h.Looks {
		if h.Looks[i].Payment != id {
			continue
		}
		if n--; n == 0 {
			return &h.Looks[i]
		}
	}
	panic("the history holds no such look: " + id)
}

// deadOf finds the dead letter for a reason.
func deadOf(h *history, reason string) *invariant.Dead {
	i := slices.IndexFunc(h.Dead, func(d invariant.Dead) bool { return d.Reason == reason })
	if i < 0 {
		panic("the history holds no such dead letter: " + reason)
	}
	return &h.Dead[i]
}

func dropDead(h *history, reason string) {
	h.Dead = slices.DeleteFunc(h.Dead, func(d invariant.Dead) bool { return d.Reason == reason })
}

// inputOf finds the created event with that id.
func inputOf(h *history, eventID string) *invariant.Input {
	for i := range h.Created {
		if c, err := payment.ParseCreated(h.Created[i].Body, h.Now); err == nil && c.ID == eventID {
			return &h.Created[i]
		}
	}
	panic("the history holds no such created event: " + eventID)
}

// indexOf finds a created event by its sequence.
func indexOf(h history, seq uint64) int {
	return slices.IndexFunc(h.Created, func(in invariant.Input) bool { return in.Seq == seq })
}

func digestOf(h history, seq uint64) string {
	c, err := payment.ParseCreated(h.Created[indexOf(h, seq)].Body, h.Now)
	if err != nil {
		panic(err)
	}
	return c.Digest()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
