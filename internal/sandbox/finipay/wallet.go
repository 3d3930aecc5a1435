package finipay

import (
	"encoding/json"
	"time"

	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// walletFields are those that the wallets' pages show; false for a card.
func walletFields(p *life.Payment, state life.State, at time.Time) (wire.Object, bool) {
	switch p.Reference["kind"] {
	case "mbank":
		return wire.Object{
			{Key: "quid", Value: "FP" + p.Created.Add(state.Clock).UTC().Format("20060102150405") + "648"},
			{Key: "dateTime", Value: at.UTC().Format("2006-01-02T15:04:05")},
		}, true
	case "megapay":
		return wire.Object{
			{Key: "transaction_id", Value: "001125"}, {Key: "commission", Value: json.Number("20.00")},
			{Key: "dealer_commission", Value: 0}, {Key: "bank_card_commission", Value: 0},
			{Key: "user", Value: wire.Phone}, {Key: "account", Value: wire.Account},
		}, true
	}
	return nil, false
}
