package uapay

import (
	"strings"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// maxList is how many invoices one request may name.
const maxList = 100

// readIDs reads a list of UUIDs; what is wrong with it is empty where nothing is.
func readIDs(value any) (ids []string, wrong string) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return nil, "REQUIRED"
	}
	if len(list) > maxList {
		return nil, "TOO_MANY"
	}
	for _, item := range list {
		id, ok := item.(string)
		if !ok || !isUUID(id) {
			return nil, "UUID"
		}
		ids = append(ids, id)
	}
	return ids, ""
}

// listInvoices serves invoices/show/list. Invoices that UAPAY does not know are
// left out without a word. The other form, by externalIds, is not served: the
// sandbox knows payments by their own numbers only.
func (s *Simulator) listInvoices(r desk.Request, params map[string]string) desk.Answer {
	ids := strings.Split(params["ids"], ",")
	if s.ListGap {
		ids = ids[:len(ids)-1]
	}
	invoices := []wire.Object{}
	for _, id := range ids {
		p, ok := s.Book.Find(life.Uapay, "invoice_id", id)
		if !ok {
			continue
		}
		if v := s.view(r, p); v.state.Word != life.NotKnown {
			invoices = append(invoices, invoice(v))
		}
	}
	return s.wrap(r, wire.Object{{Key: "invoices", Value: invoices}}, false)
}
