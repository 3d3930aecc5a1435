package halyk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// said is how the bank puts a word.
type said struct{ status, reasonCode string }

// words is the vocabulary. Where a word has several, a payment always uses the
// same one. FAILED with 454 is documented as "ask again": not decided.
var words = map[life.Word][]said{
	life.InProgress:         {{"NEW", ""}, {"NEW", ""}, {"NEW", ""}, {"FAILED", "454"}},
	life.PayerAction:        {{"3D", ""}, {"FINGERPRINT", ""}},
	life.Held:               {{"AUTH", "00"}},
	life.Charged:            {{"CHARGE", "00"}},
	life.ChargedOtherAmount: {{"CHARGE", "00"}},
	life.PartCharged:        {{"CHARGE", "00"}},
	life.Declined:           {{"FAILED", "484"}, {"FAILED", "455"}, {"FAILED", "460"}, {"REJECT", "490"}, {"DECLINED", "488"}},
	life.PartRefunded:       {{"REFUND", "00"}},
	life.Refunded:           {{"REFUND", "00"}},
	life.HoldReleased:       {{"CANCEL", "00"}, {"CANCEL_OLD", "00"}},
}

// render writes resultCode 100 with the transaction.
func render(p *life.Payment, state life.State, terminal string) desk.Answer {
	ways := words[state.Word]
	way := ways[p.Draw(len(ways), "way", string(state.Word))]
	if state.Strange {
		way.status = strangeWord
	}
	var code any = "100"
	if p.Sometimes(4, "code as number") {
		code = 100
	}
	body := wire.Object{
		{Key: "resultCode", Value: code}, {Key: "resultMessage", Value: "SUCCESS"},
		{Key: "transaction", Value: transaction(p, state, way, terminal)},
	}
	status := http.StatusOK
	// A public client reads HTTP 400 as a normal answer, so there is one.
	if p.Sometimes(12, "under 400", string(state.Word)) {
		status = http.StatusBadRequest
	}
	a := desk.Answer{Status: status, Body: wire.JSON(body), Endpoint: "status", Payment: p, Raw: "100/" + way.status + suffix(way)}
	a.Tell(state)
	return a
}

// strangeWord is a statusName that neither page nor client knows.
const strangeWord = "SETTLING"

// suffix adds a reason code that says something to the raw status.
func suffix(way said) string {
	if way.reasonCode == "" || way.reasonCode == "00" {
		return ""
	}
	return "/" + way.reasonCode
}

// transaction writes the documented fields in the documented order.
func transaction(p *life.Payment, state life.State, way said, terminal string) wire.Object {
	// A second try on the same invoice is another transaction.
	try, created := "1", p.Created.Add(state.Clock)
	if state.Declined {
		try, created = "2", state.Since
	}
	t := wire.Object{
		{Key: "id", Value: dice.UUID(p.Seed, p.Key, "transaction", try)},
		{Key: "createdDate", Value: created.In(zone(p)).Format("2006-01-02T15:04:05.000000-07:00")},
		{Key: invoiceKey(p), Value: p.IDs["invoice_id"]},
	}
	t = append(t, amounts(p, state)...)
	t = append(t, wire.Object{
		{Key: "approvalCode", Value: wire.ApproveCode}, {Key: "data", Value: merchantData()},
		{Key: "currency", Value: p.MoneyIn(state)}, {Key: "terminal", Value: "98120001"}, {Key: "terminalID", Value: terminal},
		{Key: "accountID", Value: wire.Account}, {Key: "description", Value: wire.Description}, {Key: "language", Value: "RU"},
		{Key: "cardMask", Value: wire.CardMask}, {Key: "cardType", Value: "VISA"}, {Key: "issuer", Value: issuer(p)},
		{Key: "reference", Value: reference(p)}, {Key: "reason", Value: reason(way)}, {Key: "reasonCode", Value: reasonCode(p, way)},
		{Key: "intReference", Value: fmt.Sprintf("%016X", dice.Hash(p.Seed, p.Key, "int"))},
		{Key: "secure", Value: secure(p)}, {Key: "secureDetails", Value: "F"},
		{Key: "statusID", Value: dice.UUID(0, "status", way.status)}, {Key: "statusName", Value: way.status},
	}...)
	cardID := "cardID"
	if p.Sometimes(4, "cardid") {
		cardID = "cardid"
	}
	return append(t, personal(cardID)...)
}

// invoiceKey: older answers spell it invoiceId.
func invoiceKey(p *life.Payment) string {
	if p.Sometimes(6, "older spelling") {
		return "invoiceId"
	}
	return "invoiceID"
}

func reference(p *life.Payment) string {
	return fmt.Sprintf("2319%08d", p.Draw(100_000_000, "reference"))
}

// issuer is a bank's name, in Russian or Kazakh.
func issuer(p *life.Payment) string {
	if p.Sometimes(3, "issuer") {
		return "Қазақстан Халық Банкі"
	}
	return "Казкоммерцбанк"
}

// merchantData is a string with JSON inside, as the page shows it.
func merchantData() string {
	return string(wire.JSON(wire.Object{
		{Key: "custom_id", Value: "2023.03.10-15:03:58"}, {Key: "email", Value: wire.Email}, {Key: "sum", Value: 33900},
	}))
}

func personal(cardID string) wire.Object {
	return wire.Object{
		{Key: "name", Value: wire.Name}, {Key: "email", Value: wire.Email}, {Key: "phone", Value: wire.Phone},
		{Key: cardID, Value: wire.CardID}, {Key: "xlsRRN", Value: ""}, {Key: "ip", Value: wire.IP},
		{Key: "ipCountry", Value: "Kazakhstan"}, {Key: "ipCity", Value: ""}, {Key: "ipRegion", Value: ""},
		{Key: "ipDistrict", Value: ""}, {Key: "ipLatitude", Value: 55.7386}, {Key: "ipLongitude", Value: 37.6068},
	}
}

// amounts: orgAmount is what was charged, or held, at first, payoutAmount what was
// given back, amount what is left, as in the page's sample (22.22 = 12.22 + 10).
// A charge of a part of the hold leaves less than orgAmount without a payout.
func amounts(p *life.Payment, state life.State) wire.Object {
	original := p.AmountMinor
	if state.Word == life.ChargedOtherAmount {
		original = state.CapturedMinor
	}
	left, bonus := max(original-state.RefundedMinor, 0), int64(0)
	if state.Word == life.PartCharged {
		left = state.CapturedMinor
	}
	// Only where nothing follows, so that one payment never changes its shape.
	plain := state.Word == life.Charged && state.Ended && state.Currency == ""
	if plain && p.AmountMinor >= 10 && p.Sometimes(8, "bonus") {
		// A part was paid with bonus points: amount and amountBonus together
		// are the order's amount.
		bonus = p.AmountMinor / 5
		original, left = original-bonus, original-bonus
	}
	manner := p.Draw(4, "manner")
	number := func(minor int64) json.Number { return wire.Number(minor, p.Exponent, manner) }
	payout := state.RefundedMinor
	if state.Word == life.PartRefunded && payout <= original && p.Sometimes(5, "payoutAmount filled late") {
		payout = 0
	}
	all := wire.Object{
		{Key: "amount", Value: number(left)}, {Key: "amountBonus", Value: number(bonus)},
		{Key: "payoutAmount", Value: number(payout)}, {Key: "orgAmount", Value: number(original)},
	}
	if plain && bonus == 0 && p.Sometimes(8, "no orgAmount") {
		return all.Without("orgAmount")
	}
	return all
}

// zone: Kazakhstan moved from +06:00 to +05:00; both are seen.
func zone(p *life.Payment) *time.Location {
	if p.Sometimes(2, "zone") {
		return time.FixedZone("", 6*60*60)
	}
	return time.FixedZone("", 5*60*60)
}

func reasonCode(p *life.Payment, way said) any {
	if way.reasonCode == "00" && p.Sometimes(3, "reason as number") {
		return 0
	}
	return way.reasonCode
}

func secure(p *life.Payment) any {
	if p.Sometimes(3, "secure as text") {
		return "false"
	}
	return false
}

// reason is free text in the payer's language.
func reason(way said) string {
	if way.reasonCode == "00" || way.reasonCode == "" {
		return "Successfully"
	}
	return "Операция отклонена банком (" + way.reasonCode + ")"
}
