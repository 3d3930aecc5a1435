package halyk

import (
	"encoding/json"
	"net/http"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/wire"
)

// Trap is an invoice that always exists, and of which the same odd thing is told
// again and again. All are for 1500.50 KZT. Their numbers have six digits; those
// of payments have more.
type Trap struct {
	// Invoice is its number, Says what is odd about it.
	Invoice, Says string
	answer        telling
}

// telling answers about a trap for the n-th time, from 0.
type telling func(s *Simulator, invoice string, n int) desk.Answer

// Traps lists what documents and clients tell of, and no payment's life comes across.
func Traps() []Trap {
	return []Trap{
		{"900101", "101 without a transaction", coded("101", "reject")},
		{"900102", "102, the code as a number", coded(102, "Invoice not found, try again later or check transaction type (payment/p2p)")},
		{"900103", "103", coded("103", "Error, try again or contact support")},
		{"900105", "105, which is in no list", coded("105", "")},
		{"900106", "106, which is in no list", coded("106", "")},
		{"900107", "107, the code as a number", coded(107, "Try again later")},
		{"900108", "108, which is in no list", coded(108, "")},
		{"900110", "100 without a transaction", coded("100", "SUCCESS")},
		{"900200", "nothing at all under HTTP 200", page("", "application/json")},
		{"900201", "a login page under HTTP 200", page(loginPage, "text/html")},

		{"900301", "NEW for ever", told("NEW")},
		{"900302", "FINGERPRINT for ever", told("FINGERPRINT")},
		{"900303", "3D for ever", told("3D")},
		{"900304", "AUTH for ever", told("AUTH")},
		{"900305", "VERIFIED, a card without a purchase", told("VERIFIED", number("amount", "0"), number("orgAmount", "0"))},
		{"900306", "the QR call's word for paid", told("PAID")},
		{"900307", "the QR call's word for refused", told("REJECTED")},
		{"900308", "a Russian label, the word in the field status", told("Оплачен", wire.Field{Key: "status", Value: "CHARGE"})},
		{"900309", "an empty word", told("")},

		{"900310", "found, then paid, then 102, and so on", inTurn(told("NEW"), told("CHARGE"), coded("102", "Invoice not found, try again later or check transaction type (payment/p2p)"))},
		{"900311", "454, then paid, and so on", inTurn(told("FAILED", wire.Field{Key: "reasonCode", Value: "454"}), told("CHARGE"))},

		{"900401", "a part charge", told("CHARGE", number("amount", "1000"))},
		{"900402", "a charge that is paid out whole", told("CHARGE", number("amount", "0"), number("payoutAmount", "1500.5"))},
		{"900403", "a charge of the oldest edition: amount 0, no currency", told("CHARGE", number("amount", "0"), number("orgAmount", "0"), wire.Field{Key: "currency", Value: ""})},
		{"900404", "an amount in exponent form", told("CHARGE", number("orgAmount", "15005e-1"))},
		{"900405", "a charge of a hundredth less", told("CHARGE", number("amount", "1500.49"), number("orgAmount", "1500.49"))},
		{"900406", "a part paid with bonus points", told("CHARGE", number("amount", "1200.5"), number("orgAmount", "1200.5"), number("amountBonus", "300"))},
		{"900407", "a refund of which no amount is told", told("REFUND", number("amount", "0"), number("payoutAmount", "0"))},
		{"900408", "a refund of nothing", told("REFUND", number("payoutAmount", "0"))},
		{"900409", "a part refund under a word of its own", told("PARTIAL_REFUND", number("amount", "1000"), number("payoutAmount", "500.5"))},

		{"900501", "454, ask again", told("FAILED", wire.Field{Key: "reasonCode", Value: "454"})},
		{"900502", "459, final in two editions of three", told("FAILED", wire.Field{Key: "reasonCode", Value: 459})},
		{"900503", "460, the money may be held", told("FAILED", wire.Field{Key: "reasonCode", Value: "460"})},
		{"900504", "464, the merchant's fault", told("REJECT", wire.Field{Key: "reasonCode", Value: "464"})},
		{"900505", "a code of four digits", told("FAILED", wire.Field{Key: "reasonCode", Value: 2678})},

		{"900601", "another terminal's invoice", told("CHARGE", wire.Field{Key: "terminalID", Value: "99999999-2222-4333-8444-555555555555"})},
		{"900602", "another invoice", told("CHARGE", wire.Field{Key: "invoiceID", Value: "0900602"})},
	}
}

// trapped answers about a number that is no payment's.
func (s *Simulator) trapped(invoice string) desk.Answer {
	for _, trap := range Traps() {
		if trap.Invoice == invoice {
			s.mu.Lock()
			n := s.looks[invoice]
			s.looks[invoice]++
			s.mu.Unlock()
			a := trap.answer(s, invoice, n)
			a.Endpoint, a.Raw = "status", trap.Says
			return a
		}
	}
	return notFound(nil)
}

func inTurn(all ...telling) telling {
	return func(s *Simulator, invoice string, n int) desk.Answer { return all[n%len(all)](s, invoice, n) }
}

func coded(code any, message string) telling {
	return func(*Simulator, string, int) desk.Answer { return envelope(code, message, "") }
}

func page(body, media string) telling {
	return func(*Simulator, string, int) desk.Answer {
		return desk.Answer{Status: http.StatusOK, Type: media, Body: []byte(body)}
	}
}

func number(key, text string) wire.Field { return wire.Field{Key: key, Value: json.Number(text)} }

// told is a transaction with this word, whole and paid but for what is changed.
func told(word string, changed ...wire.Field) telling {
	return func(s *Simulator, invoice string, _ int) desk.Answer {
		t := wire.Object{
			{Key: "id", Value: dice.UUID(0, "trap", invoice)}, {Key: "createdDate", Value: "2022-11-15T03:52:17.289853+06:00"},
			{Key: "invoiceID", Value: invoice}, number("amount", "1500.5"), number("amountBonus", "0"), number("payoutAmount", "0"),
			number("orgAmount", "1500.5"), {Key: "currency", Value: "KZT"}, {Key: "terminalID", Value: s.Terminal},
			{Key: "description", Value: wire.Description}, {Key: "cardMask", Value: wire.CardMask}, {Key: "reasonCode", Value: "00"},
			{Key: "secure", Value: false}, {Key: "statusName", Value: word},
		}
		t = append(t, personal("cardID")...)
		for _, f := range changed {
			t = t.Set(f.Key, f.Value)
		}
		body := wire.Object{{Key: "resultCode", Value: "100"}, {Key: "resultMessage", Value: "SUCCESS"}, {Key: "transaction", Value: t}}
		return desk.Answer{Status: http.StatusOK, Body: wire.JSON(body)}
	}
}
