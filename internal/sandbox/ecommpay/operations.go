package ecommpay

import (
	"encoding/json"
	"fmt"
	"time"

	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// dateForm is the Gate's: an offset without a colon, which RFC 3339 would have.
const dateForm = "2006-01-02T15:04:05-0700"

// operation is one step of a payment, before it is written.
type operation struct {
	kind, status  string
	code, message string
	minor         int64
	// bare operations carry no amount, as the captures in the page's sample do.
	bare bool
	// sum puts the amount into "sum" instead of sum_initial and sum_converted.
	sum bool
}

// The ends an operation can come to.
func success(kind string, minor int64) operation {
	return operation{kind: kind, status: "success", code: "0", message: "Success", minor: minor}
}

func declined(kind string, minor int64, code, message string) operation {
	return operation{kind: kind, status: "decline", code: code, message: message, minor: minor}
}

func waits(kind, status string, minor int64) operation {
	return operation{kind: kind, status: status, code: "9999", message: "Awaiting processing", minor: minor}
}

// patient is an operation that waits, here and there for days.
func patient(p *life.Payment, o operation) operation {
	if p.Sometimes(6, "takes days") {
		o.code, o.message = "20899", "The payment is processed on the provider side. It can take up to several days. Inform customer if needed"
	}
	return o
}

// declines are reasons of a declined card, from the provider's register.
var declines = []struct{ code, message string }{
	{"10105", "Insufficient funds on card"}, {"20502", "Error during operation validation"},
	{"10000", "General decline"}, {"10101", "Decline due to amount or frequency limit"},
}

// operationsOf lists what was done to a payment to bring it where it is.
func operationsOf(p *life.Payment, state life.State, status string) []operation {
	all := p.AmountMinor
	why := declines[p.Draw(len(declines), "decline")]
	switch state.Word {
	case life.PayerAction, life.InProgress:
		return append(failedTries(p, state), patient(p, waits("sale", status, all)))
	case life.Held:
		return []operation{success("auth", all)}
	case life.HoldReleased:
		return []operation{success("auth", all), success("cancel", all)}
	case life.Declined:
		return []operation{declined("sale", all, why.code, why.message)}
	case life.Canceled:
		return []operation{declined("sale", all, "10301", "Cancelled by customer")}
	case life.Expired:
		return []operation{declined("sale", all, "10602", "Expired")}
	case life.Reversed:
		return append(charge(p, state), success("reversal", all))
	case life.PartRefunded, life.Refunded:
		if state.RefundedMinor > state.CapturedMinor {
			return overRefunded(p, state)
		}
		return append(charge(p, state), refunds(p, state)...)
	case life.ChargedOtherAmount:
		return []operation{success("sale", state.CapturedMinor)}
	case life.PartCharged:
		return []operation{success("auth", all), success("capture", state.CapturedMinor)}
	default:
		return charge(p, state)
	}
}

// charge is how the money was taken: a capture after a hold, else a sale, here
// and there after a declined first try, or before a refund that was declined.
func charge(p *life.Payment, state life.State) []operation {
	if state.Held {
		if p.Sometimes(2, "bare capture") {
			hold, capture := success("auth", p.AmountMinor), success("capture", 0)
			hold.sum, capture.bare = true, true
			return []operation{hold, capture}
		}
		return []operation{success("auth", p.AmountMinor), success("capture", p.AmountMinor)}
	}
	done := append(failedTries(p, state), success("sale", p.AmountMinor))
	if p.Sometimes(8, "commission") {
		// Operations of other kinds, also such as no document names, stand among
		// those that move the payer's money.
		fee := success([]string{"commission", "teleport"}[p.Draw(2, "which fee")], 0)
		fee.bare = true
		done = append(done, fee)
	}
	if state.Word == life.Charged && state.Ended && p.Sometimes(6, "declined refund") {
		done = append(done, declined("refund", p.AmountMinor, "20105", "Insufficient funds on customer account"))
	}
	return done
}

// failedTries are the declined attempts before the one that counts.
func failedTries(p *life.Payment, state life.State) []operation {
	if state.Declined || p.Sometimes(6, "cascade") {
		why := declines[p.Draw(len(declines), "decline")]
		return []operation{declined("sale", p.AmountMinor, why.code, why.message)}
	}
	return nil
}

// refunds give back what is given back by now: first a part, in one piece or
// in eleven or twelve small ones, which is where the sort orders of the
// signature differ; then the rest at once.
func refunds(p *life.Payment, state life.State) []operation {
	part := state.RefundedMinor
	if state.Before == life.PartRefunded {
		part = p.PartMinor()
	}
	kind := "refund"
	if statusOf(p, life.PartRefunded) == "partially reversed" {
		kind = "reversal"
	}
	var done []operation
	if p.Sometimes(6, "refund declined first") {
		done = append(done, declined("refund", part, "20105", "Insufficient funds on customer account"))
	}
	pieces := int64(1)
	if p.Sometimes(4, "many refunds") && p.PartMinor() >= 12 {
		pieces = 11 + int64(p.Draw(2, "pieces"))
	}
	for i := range pieces {
		minor := part / pieces
		if i == pieces-1 {
			minor = part - minor*(pieces-1)
		}
		done = append(done, success(kind, minor))
	}
	if rest := state.RefundedMinor - part; rest > 0 {
		done = append(done, success("refund", rest))
	}
	return done
}

// overRefunded gives back more than was taken. The two captures carry no sums, as the
// one in the page's sample: nothing but the payment's own amount tells that it is
// more.
func overRefunded(p *life.Payment, state life.State) []operation {
	capture := success("capture", 0)
	capture.bare = true
	return []operation{success("auth", p.AmountMinor), capture, capture, success("refund", state.RefundedMinor)}
}

// write renders the i-th operation in the documented order of fields.
func (o operation) write(p *life.Payment, state life.State, i int) wire.Object {
	created := p.Created.Add(state.Clock + time.Duration(i)*time.Second).UTC()
	request := p.IDs["request_id"]
	if i > 0 {
		request = "rq-" + dice.Hex(12, p.Seed, p.Key, "request", fmt.Sprint(i))
	}
	w := wire.Object{
		{Key: "id", Value: 9_435_000_000_000 + int64(p.Draw(100_000_000, "operation"))*1000 + int64(i)}, {Key: "type", Value: o.kind},
		{Key: "status", Value: o.status}, {Key: "date", Value: created.Add(time.Second).Format(dateForm)},
		{Key: "created_date", Value: created.Format(dateForm)}, {Key: "request_id", Value: request},
	}
	switch sum := amount(o.minor, p.MoneyIn(state)); {
	case o.bare:
	case o.sum:
		w = w.With("sum", sum)
	default:
		w = w.With("sum_initial", sum).With("sum_converted", converted(p, o.minor))
	}
	var code any = o.code
	if p.Sometimes(5, "code as number") {
		code = json.Number(o.code)
	}
	w = w.With("code", code).With("message", said(p, o.message))
	return append(w, wire.Object{
		{Key: "eci", Value: "05"},
		{Key: "provider", Value: wire.Object{
			{Key: "id", Value: 615}, {Key: "payment_id", Value: "2015611"}, {Key: "auth_code", Value: wire.ApproveCode},
		}},
		{Key: "operation_fee", Value: wire.Object{{Key: "amount", Value: 0}, {Key: "currency", Value: ""}}},
	}...)
}

// said is a message as this payment's project has it: in English, in another
// language, or not at all.
func said(p *life.Payment, message string) string {
	switch p.Draw(6, "message") {
	case 0:
		return ""
	case 1:
		return "Ответ банка: см. код"
	}
	return message
}

func amount(minor int64, currency string) wire.Object {
	return wire.Object{{Key: "amount", Value: minor}, {Key: "currency", Value: currency}}
}

// converted is the amount in the channel's currency, here and there another one.
func converted(p *life.Payment, minor int64) wire.Object {
	if p.Currency == "EUR" && p.Sometimes(4, "converted") {
		return amount(minor+minor/12, "USD")
	}
	return amount(minor, p.Currency)
}
