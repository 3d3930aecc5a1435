package finipay

import (
	"net/http"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// qrStatus serves the QR API's status: no id, amount or currency in the answer.
func (s *Simulator) qrStatus(r desk.Request) desk.Answer {
	a := s.qrAnswer(r)
	a.Endpoint = "qr/status"
	return a
}

func (s *Simulator) qrAnswer(r desk.Request) desk.Answer {
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "wrong method")
	}
	id := r.Query.Get("transaction_id")
	if id == "" {
		return refuse(http.StatusBadRequest, "TRANSACTION_ID_REQUIRED", "transaction_id is missing")
	}
	p, known := s.Book.Find(life.Finipay, "transaction_id", id)
	if !known {
		return notFound(nil, true)
	}
	state := r.State(p)
	if state.Word == life.NotKnown {
		return notFound(p, true)
	}
	word, raw, ok := qrWord(p, state.Word)
	if !ok {
		// No page shows a failed QR payment; the sandbox makes none.
		return refuse(http.StatusInternalServerError, "INTERNAL_ERROR", "no documented QR word")
	}
	if state.Strange {
		raw = strangeWord
	}
	message := "Success"
	if p.Sometimes(2, "message") {
		message = "SUCCESS"
	}
	body := wire.Object{{Key: "code", Value: "100"}, {Key: "message", Value: message}, {Key: "data", Value: raw}}
	a := told(p, state, raw, body)
	// One word for everything before the end, and never an amount.
	a.CapturedMinor = 0
	if !state.Strange {
		a.Told = word
	}
	return a
}

// qrWord says which word the answer expresses, and spells it. The page's
// CREATED begins with a Cyrillic letter; which of the two a server sends
// differs here from payment to payment.
func qrWord(p *life.Payment, word life.Word) (told life.Word, raw string, ok bool) {
	switch word {
	case life.Waiting, life.InProgress:
		if p.Sometimes(2, "cyrillic") {
			return life.Waiting, "\u0421REATED", true
		}
		return life.Waiting, "CREATED", true
	case life.Charged:
		return life.Charged, "SUCCESSFUL", true
	}
	return "", "", false
}
