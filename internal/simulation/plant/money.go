package plant

func moneyPlants() []Plant {
	const (
		reasonIn = "func moneyReason("
		whole    = `o.Amount.Known() && o.Amount != last.Expected`
		captured = `captured.Known() && captured != last.Expected`
	)
	return []Plant{
		// "9.00" is more than "10.00": a further refund is a doubt, a refund taken back
		// is news.
		{
			Name: "money-as-text", Says: "money is compared as text", Rules: []int{4, 3},
			Edits: []Edit{{File: applyFile, In: "func growth(", Old: `switch {`, New: `if PLANTED && before.Known() && now.Known() {
		before, now := before.Amount(), now.Amount()
		switch {
		case before < now:
			return 1
		case now < before:
			return -1
		}
		return 0
	}
	RIGHT`}},
		},
		// A payer who pays less than was asked has paid.
		{
			Name: "amount-not-compared", Says: "succeeded is believed at any amount", Rules: []int{4},
			Edits: []Edit{
				{File: applyFile, In: reasonIn, Old: whole, New: `RIGHT && !PLANTED`},
				{File: applyFile, In: reasonIn, Old: captured, New: `RIGHT && !PLANTED`},
				{File: applyFile, In: reasonIn, Old: `last.Expected.Less(captured)`, New: `RIGHT && !PLANTED`},
			},
		},
		// A hundred of the wrong kind.
		{
			Name: "currency-not-compared", Says: "money is compared by its number alone", Rules: []int{4},
			Edits: []Edit{
				{File: applyFile, In: reasonIn, Old: `m.Currency() != last.Expected.Currency()`, New: `RIGHT && !PLANTED`},
				{File: applyFile, In: reasonIn, Old: whole, New: `RIGHT && !(PLANTED && o.Amount.Minor() == last.Expected.Minor())`},
				{File: applyFile, In: reasonIn, Old: captured, New: `RIGHT && !(PLANTED && captured.Minor() == last.Expected.Minor())`},
			},
		},
		// More went back than had come.
		{
			Name: "refund-over-capture", Says: "refunded more than captured is believed", Rules: []int{4},
			Edits: []Edit{{File: applyFile, In: reasonIn, Old: `taken.Less(refunded)`, New: `RIGHT && !PLANTED`}},
		},
		// The merchant is told of money that nobody took.
		{
			Name: "captured-assumed", Says: "captured is what was expected, not what was told", Rules: []int{3, 4},
			Edits: []Edit{{File: applyFile, In: "func moved(", Old: `captured = o.Captured`, New: `RIGHT
		if PLANTED {
			captured = last.Expected
		}`}},
		},
	}
}

// meaningPlants are about what an answer means.
func meaningPlants() []Plant {
	return []Plant{
		// The shop takes the goods back.
		{
			Name: "open-after-succeeded", Says: "a payment opens again after it succeeded", Rules: []int{3, 2},
			Edits: []Edit{{File: applyFile, In: "func Apply(", Old: `if route.Legal {`, New: `if route.Legal || PLANTED && last == Succeeded && o.Status.Open() {`}},
		},
		// The merchant ships twice: nothing says that this one came back from the dead.
		{
			Name: "late-not-told", Says: "a success after a failure is not marked as late", Rules: []int{2},
			Edits: []Edit{{File: applyFile, In: "func next(", Old: `d.Trigger, d.Reason = l.Trigger, o.Reason`, New: `RIGHT
	if PLANTED {
		d.Late = false
	}`}},
		},
		// Who counts by transitions misses one.
		{
			Name: "implied-not-told", Says: "the statuses between two looks are left out", Rules: []int{2},
			Edits: []Edit{{File: applyFile, In: "func next(", Old: `d.Reported = o.Amount`, New: `RIGHT
	if PLANTED {
		d.Implied = nil
	}`}},
		},
		// The merchant finds its own order number in the first event only.
		{
			Name: "metadata-dropped", Says: "only the first event has the payment's metadata", Rules: []int{9},
			Blind: "it takes created events with metadata",
			Edits: []Edit{{File: applyFile, In: "func next(", Old: `d.SchemaVersion = SchemaVersion`, New: `RIGHT
	if PLANTED {
		d.Metadata = nil
	}`}},
		},
		// The payer's address is in every event, for as long as the log is kept.
		{
			Name: "personal-datum-kept", Says: "an observation holds the payer's e-mail address", Rules: []int{9},
			Edits: []Edit{{File: "internal/providers/halyk/wire.go", In: "func decode(", Old: `return obs, nil`, New: `if PLANTED {
		obs.ProviderMessage, _ = transaction.OptionalString("email")
	}
	RIGHT`}},
		},
		// A word that is new today.
		{
			Name: "unknown-word-is-failed", Says: "a status that the table does not know is a failure", Rules: []int{3},
			Edits: []Edit{{File: pollerFile, In: "func (p *poller) ask(", Old: `o.failure = asFailure(err)`, New: `RIGHT
		if PLANTED && o.failure.Kind == providers.UnknownStatus {
			o.observation = payment.Observation{Status: payment.Failed, Reason: payment.ReasonProviderOther, ProviderStatus: o.failure.Raw}
			o.failure = nil
		}`}},
		},
		// The oldest mistake of all.
		{
			Name: "outage-is-failure", Says: "a provider that does not answer has declined", Rules: []int{3, 8},
			Edits: []Edit{{File: pollerFile, In: "func (p *poller) ask(", Old: `o.failure = asFailure(err)`, New: `RIGHT
		if PLANTED && o.failure.Kind == providers.Unavailable {
			o.failure, o.observation = nil, payment.Observation{Status: payment.Failed, Reason: payment.ReasonProviderError}
		}`}},
		},
		// One odd answer and a person has to look.
		{
			Name: "review-at-first-doubt", Says: "one odd answer is enough for a review", Rules: []int{3},
			Blind: "only a doubt without any answered look shows: another payment's answer or a wrong signature",
			Edits: []Edit{{File: decideFile, In: "func lasting(", Old: `d.Count >= p.DoubtLooks && now.Sub(d.First) >= p.DoubtSpan`, New: `PLANTED || RIGHT`}},
		},
	}
}

// identityPlants are about whose answer it is. A hostile provider swaps answers
// and forges signatures.
func identityPlants() []Plant {
	return []Plant{
		// What another payment became is published.
		{
			Name: "other-payments-answer", Says: "an answer about another payment is taken for ours", Rules: []int{3, 4},
			Edits: []Edit{
				{File: "internal/providers/finipay/wire.go", In: "func identify(", Old: `case number == q.Reference[orderKey]:`, New: `case PLANTED, number == q.Reference[orderKey]:`},
				{File: "internal/providers/halyk/wire.go", In: "func identify(", Old: `invoice != q.Reference[invoiceKey]`, New: `RIGHT && !PLANTED`},
				{File: "internal/providers/ecommpay/wire.go", In: "func checkPayment(", Old: `switch {`, New: `if PLANTED {
		return nil
	}
	RIGHT`},
				{File: "internal/providers/uapay/part.go", In: "func sameID(", Old: `strings.EqualFold(a, b)`, New: `(RIGHT || PLANTED)`},
			},
		},
		// What somebody on the way made of the answer is published.
		{
			Name: "signature-not-checked", Says: "an answer with a wrong signature is believed", Rules: []int{3, 4},
			Edits: []Edit{
				{File: "internal/providers/uapay/sign.go", In: "func openToken(", Old: `!hmac.Equal(mac, tokenMAC(key, parts[0]+"."+parts[1]))`, New: `RIGHT && !PLANTED`},
				{File: "internal/providers/ecommpay/sign.go", In: "func verify(", Old: `if hmac.Equal(mac, sign(key, canonical(lines, by))) {`, New: `if PLANTED || hmac.Equal(mac, sign(key, canonical(lines, by))) {`},
			},
		},
	}
}
