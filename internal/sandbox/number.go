package sandbox

import (
	"fmt"

	"reconciler/internal/sandbox/dice"
)

// number gives a payment its numbers: the merchant's own, all that the
// provider knows it by, and those the merchant is given to ask with. They are
// unique for a seed, and differ between seeds as far as chance can tell.
func (s *Sandbox) number(o CreateOptions) (id string, ids, reference map[string]string) {
	seed, n := s.options.Seed, s.made.Add(1)
	run := dice.Hex(6, seed, "run")
	id = fmt.Sprintf("sbx-%s-%06d", run, n)
	switch {
	case o.QR:
		transaction := fmt.Sprintf("QPF%s%08d", run, n)
		return id, map[string]string{"transaction_id": transaction},
			map[string]string{"kind": "qr", "transaction_id": transaction}
	case o.Provider == Finipay:
		order := fmt.Sprintf("ORD-%s-%06d", run, n)
		own := fmt.Sprintf("Fp%06d%08d", dice.Roll(1_000_000, seed, "Fp"), n)
		return id, map[string]string{"order_number": order, "provider_number": own}, map[string]string{"order_number": order}
	case o.Provider == Halyk:
		// Leading zeros are part of the number; 11 digits, 6 to 15 are allowed.
		invoice := fmt.Sprintf("0%04d%06d", dice.Roll(10_000, seed, "invoice"), n)
		return id, map[string]string{"invoice_id": invoice}, map[string]string{"invoice_id": invoice}
	case o.Provider == Uapay:
		ids, reference = uapayNumbers(seed, id)
		return id, ids, reference
	}
	ids, reference = ecommpayNumbers(seed, id)
	return id, ids, reference
}

// uapayNumbers: one merchant in three uses the hosted page and knows only the
// invoice.
func uapayNumbers(seed uint64, id string) (ids, reference map[string]string) {
	ids = map[string]string{
		"invoice_id": dice.UUID(seed, id, "invoice"), "payment_id": dice.UUID(seed, id, "payment"),
		"other_payment_id": dice.UUID(seed, id, "other payment"),
	}
	reference = map[string]string{"invoice_id": ids["invoice_id"]}
	if dice.Roll(3, seed, id, "hosted page") != 0 {
		reference["payment_id"] = ids["payment_id"]
	}
	return ids, reference
}

// ecommpayNumbers: one payment in six is asked for by its request.
func ecommpayNumbers(seed uint64, id string) (ids, reference map[string]string) {
	ids = map[string]string{
		"payment_id": "EP-" + id, "request_id": "rq-" + dice.Hex(20, seed, id, "request") + "-" + id,
	}
	if dice.Roll(6, seed, id, "by request") == 0 {
		return ids, map[string]string{"request_id": ids["request_id"]}
	}
	return ids, map[string]string{"payment_id": ids["payment_id"]}
}
