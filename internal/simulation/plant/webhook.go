package plant

// orderPlants are about which webhook may go.
func orderPlants() []Plant {
	const blockedIn = "func (o *order) blocked("
	return []Plant{
		// A version overtakes the one before, which waits for its next attempt.
		{
			Name: "out-of-order", Says: "a webhook does not wait for earlier versions", Rules: []int{5},
			Edits: []Edit{{File: orderFile, In: blockedIn, Old: `j.Version == 1`, New: `RIGHT || PLANTED`}},
		},
		// The same, after the first attempt.
		{
			Name: "order-by-attempt", Says: "a webhook waits for an attempt at the version before, not for its end", Rules: []int{5},
			Edits: []Edit{{File: orderFile, In: "func (o *order) ended(", Old: `ends(last.Outcome)`, New: `(RIGHT || PLANTED && last.Attempt > 0)`}},
		},
		// The version before is queued, and only how far the dispatcher came is asked.
		{
			Name: "queue-not-asked", Says: "a webhook does not look for earlier ones that wait", Rules: []int{5},
			Edits: []Edit{{File: orderFile, In: blockedIn, Old: `return pending || expected, until, err`, New: `if PLANTED {
		return expected, until, err
	}
	RIGHT`}},
		},
		// Two events are dispatched at once, and the second is queued first.
		{
			Name: "before-not-carried", Says: "a webhook does not know that an event came before its own", Rules: []int{5},
			Edits: []Edit{{File: dispatcherFile, In: "func precedingSeq(", Old: `err != nil`, New: `RIGHT || PLANTED`}},
		},
		// A worker that dies in between leaves endpoints that never hear of the event.
		{
			Name: "ack-first-dispatcher", Says: "an event is acknowledged before its webhooks are queued", Rules: []int{5},
			Edits: []Edit{{File: dispatcherFile, In: "func (d *dispatcher) handle(", Old: `for _, endpoint := range d.endpoints.For(event.Data.MerchantID) {`, New: earlyAck("d")}},
		},
		// A stop in the middle of a broker outage is enough.
		{
			Name: "enqueue-error-logged", Says: "a webhook that can't be queued is left out", Rules: []int{5},
			Edits: []Edit{{File: dispatcherFile, In: "func (d *dispatcher) handle(", Old: `if err := d.enqueue(ctx, j); err != nil {`, New: `RIGHT
			if PLANTED {
				continue
			}`}},
		},
		// Endpoints hear of what they never asked for.
		{
			Name: "filter-ignored", Says: "an endpoint gets every event, whatever it wants", Rules: []int{5},
			Edits: []Edit{{File: dispatcherFile, In: "func (d *dispatcher) handle(", Old: `!notify.Interested(endpoint, event.Type)`, New: `!PLANTED && RIGHT`}},
		},
	}
}

// delivererPlants are about what follows from an attempt.
func delivererPlants() []Plant {
	const (
		attemptIn = "func (d *deliverer) attempt("
		counted   = `j.Attempts, j.Waits = j.Attempts+1, 0`
	)
	return []Plant{
		// What is not taken is recorded as taken; killed in between, it is never sent again.
		{
			Name: "delivered-before-answer", Says: "a webhook is recorded as delivered before the answer is read", Rules: []int{5},
			Edits: []Edit{{File: delivererFile, In: attemptIn, Old: `result := d.sender.Send(ctx, webhook.Request{`, New: `if PLANTED {
		sent := j
		sent.Attempts++
		ahead := newAttemptRecord(sent, began, webhook.Result{})
		ahead.Outcome = outcomeDelivered
		if err := d.keep(ctx, sent, ahead); err != nil {
			return err
		}
	}
	RIGHT`}},
		},
		// An endpoint that never answers well is tried for ever, and holds up what comes
		// after.
		{
			Name: "attempt-not-counted", Says: "the attempts of a webhook are never more than one", Rules: []int{5},
			Blind: "it takes an endpoint that never gets well, and a world that comes to rest after the whole schedule",
			Edits: []Edit{{File: delivererFile, In: attemptIn, Old: counted, New: `if PLANTED {
		j.Attempts, j.Waits = max(j.Attempts, 1), 0
	} else {
		RIGHT
	}`}},
		},
		// Given up after half of the schedule.
		{
			Name: "attempt-counted-twice", Says: "each attempt of a webhook counts as two", Rules: []int{5},
			Edits: []Edit{{File: delivererFile, In: attemptIn, Old: counted, New: `RIGHT
	if PLANTED {
		j.Attempts++
	}`}},
		},
		// An event that nobody sent and nobody can find.
		{
			Name: "skip-not-recorded", Says: "what is not sent to a disabled endpoint is not recorded", Rules: []int{5},
			Edits: []Edit{{File: delivererFile, In: "func (d *deliverer) skip(", Old: `rec := newAttemptRecord(j, time.Now(), webhook.Result{})`, New: `if PLANTED {
		return acknowledge(msg)
	}
	RIGHT`}},
		},
		// The log tells whoever may read it how to sign.
		{
			Name: "secret-in-log", Says: "the record of an attempt holds the endpoint's secret", Rules: []int{9},
			Edits: []Edit{{File: delivererFile, In: attemptIn, Old: `a.job = j`, New: `if PLANTED && len(e.Secrets) > 0 {
		result.Detail = "signed with " + e.Secrets[0].Reveal()
	}
	RIGHT`}},
		},
		// 302 to a page that says that the shop has moved.
		{
			Name: "redirect-is-delivered", Says: "every answer under 400 is a delivery", Rules: []int{5},
			Edits: []Edit{{File: "internal/notify/webhook/class.go", In: "func ClassOf(", Old: `status < 300`, New: `(RIGHT || PLANTED && status < 400)`}},
		},
		// The endpoint said that it wants no more of anything.
		{
			Name: "gone-ignored", Says: "an endpoint that answers 410 is tried again", Rules: []int{5},
			Blind: "no rule asks whether an endpoint that is gone is left alone",
			Edits: []Edit{{File: "internal/notify/verdict.go", In: "func Judge(", Old: `verdict := Verdict{Action: effect.action}`, New: `RIGHT
	if PLANTED && effect.action == Disable {
		verdict.Action = Retry
	}`}},
		},
		// The endpoint said when to come back.
		{
			Name: "merchant-retry-after-ignored", Says: "a merchant's Retry-After is not honoured", Rules: []int{5, 7},
			Blind: "the merchants' ledgers do not say what was too soon, and rule 7 is about providers",
			Edits: []Edit{{File: "internal/notify/verdict.go", In: "func Judge(", Old: `effect.waits`, New: `RIGHT && !PLANTED`}},
		},
	}
}

// requestPlants are about what a merchant receives.
func requestPlants() []Plant {
	const (
		attemptIn = "func (d *deliverer) attempt("
		jobFile   = "internal/consumer/job.go"
		signIn    = "func (r Request) build("
	)
	return []Plant{
		// Who keeps a list of ids counts the payment twice.
		{
			Name: "id-per-attempt", Says: "each attempt of a webhook has an id of its own", Rules: []int{5},
			Edits: []Edit{
				{File: delivererFile, In: attemptIn, Old: `began := time.Now()`, New: `RIGHT
	webhookID := j.EventID
	if PLANTED && j.Attempts > 0 {
		webhookID = fmt.Sprintf("%s-%d", j.EventID, j.Attempts)
	}`},
				{File: delivererFile, In: attemptIn, Old: `ID: j.EventID, Body: body`, New: `ID: webhookID, Body: body`},
			},
		},
		// From the third attempt on it is too old for every receiver that follows the
		// standard.
		{
			Name: "timestamp-of-event", Says: "webhook-timestamp is the event's time, not the attempt's", Rules: []int{5},
			Edits: []Edit{{File: "internal/notify/webhook/request.go", In: signIn, Old: `signature, err := r.sign(now)`, New: `if PLANTED {
		_, rest, _ := bytes.Cut(r.Body, []byte("\"timestamp\":\""))
		text, _, _ := bytes.Cut(rest, []byte("\""))
		if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
			now = at
		}
	}
	RIGHT`}},
		},
		// Other bytes than were published: nobody can compare the two.
		{
			Name: "body-encoded-anew", Says: "a webhook's body is decoded and encoded on its way", Rules: []int{5},
			Edits: []Edit{
				{File: jobFile, In: "func (j job) dueSubject(", Old: `func (j job) dueSubject() string {`, New: `func encodedAnew(body []byte) []byte {
	var content any
	if json.Unmarshal(body, &content) != nil {
		return body
	}
	anew, err := json.Marshal(content)
	if err != nil {
		return body
	}
	return anew
}

RIGHT`},
				{File: delivererFile, In: attemptIn, Old: `began := time.Now()`, New: `if PLANTED {
		body = encodedAnew(body)
	}
	RIGHT`},
			},
		},
	}
}
