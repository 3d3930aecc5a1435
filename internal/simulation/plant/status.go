package plant

// statusPlants are about the one step that counts: appending a change.
func statusPlants() []Plant {
	const (
		casIn = "func (b *Broker) compareAndSet("
		heads = `msg.Header.Set(headerExpected, strconv.FormatUint(a.Expected, 10))
	msg.Header.Set(headerExpectedSubject, a.Key)`
	)
	return []Plant{
		// Two workers write the same version.
		{
			Name: "no-compare-and-set", Says: "a change is published without compare-and-set and without an id", Rules: []int{2, 9},
			Edits: []Edit{{File: appendFile, In: casIn, Old: heads, New: `if PLANTED && stream == StreamStatus {
		msg.Header.Del(headerID)
	} else {
		RIGHT
	}`}},
		},
		// The broker's window of two minutes hides it, until a worker is frozen for longer.
		{
			Name: "id-for-compare-and-set", Says: "a change is published without compare-and-set: the message id will do", Rules: []int{2, 9},
			Blind: "it takes two writers of one version more than two minutes apart, or a version 1 that comes again",
			Edits: []Edit{{File: appendFile, In: casIn, Old: heads, New: `if !(PLANTED && stream == StreamStatus) {
		RIGHT
	}`}},
		},
		// What another worker wrote under the same version is taken for one's own.
		{
			Name: "id-means-mine", Says: "after a lost acknowledgement a change of the same id is taken for one's own", Rules: []int{3, 1, 2},
			Edits: []Edit{
				{File: appendFile, In: "func (a Append) is(", Old: `s.Subject == a.Subject`, New: `(RIGHT || PLANTED)`},
				{File: appendFile, In: "func (a Append) is(", Old: `bytes.Equal(s.Body, a.Body)`, New: `(RIGHT || PLANTED)`},
			},
		},
		// A publish that was lost is never made again: the timer knows a status that
		// nobody was told, and the next look finds nothing new.
		{
			Name: "lost-answer-is-stored", Says: "a change whose acknowledgement does not come is taken for stored", Rules: []int{3, 1, 2},
			Edits: []Edit{{File: appendFile, In: casIn, Old: `inDoubt = true`, New: `if PLANTED {
				return a.Expected + 1, nil
			}
			RIGHT`}},
		},
		// The worker meets its own first version and takes it for somebody else's, who
		// will have armed the timer.
		{
			Name: "lost-answer-is-lost", Says: "a change whose acknowledgement does not come is taken for not stored", Rules: []int{1}, With: noSearch(),
			Edits: []Edit{
				{File: appendFile, In: casIn, Old: `seq, decided, err := b.resolve(ctx, stream, a, inDoubt)`, New: `inDoubt = inDoubt && !PLANTED
		RIGHT`},
			},
		},
		// The change that was in flight may have been refused: nobody writes it.
		{
			Name: "in-flight-is-stored", Says: "\"somebody is in flight\" (10164) is taken for stored", Rules: []int{3, 1, 2},
			Blind: "a server without replicas never answers this: the world's network has to",
			Edits: []Edit{{File: appendFile, In: casIn, Old: `case doubtful:`, New: `case busy:
			if PLANTED {
				return a.Expected + 1, nil
			}
		RIGHT`}},
		},
		// A dead letter that was refused for the moment is taken for one that is there:
		// nobody keeps it.
		{
			Name: "in-flight-is-lost", Says: "\"somebody is in flight\" (10164) is taken for a lost race", Rules: []int{6, 1},
			Edits: []Edit{{File: "internal/broker/publish.go", In: "func judge(", Old: `return busy`, New: `if PLANTED {
				return refused
			}
			RIGHT`}},
		},
		// Workers that saw different statuses do not see each other.
		{
			Name: "wildcard-by-status", Says: "a change is appended under its own subject instead of the payment's wildcard", Rules: []int{2, 9},
			Blind: "it takes two workers with one payment in hand",
			Edits: []Edit{
				{File: ledgerFile, In: "func publish(", Old: `seq, err := b.AppendStatus(ctx, broker.Append{`, New: `key, expected := keyOf(d), after.seq
	if PLANTED && d.Version > 1 {
		key, expected = broker.StatusSubject(string(d.Status), d.Account, d.MerchantID, d.PaymentID), 0
		if stored, err := b.LastStatus(ctx, key); err == nil {
			expected = stored.Seq
		}
	}
	RIGHT`},
				{File: ledgerFile, In: "func publish(", Old: `Key:      keyOf(d),`, New: `Key: key,`},
				{File: ledgerFile, In: "func publish(", Old: `Expected: after.seq,`, New: `Expected: expected,`},
			},
		},
		// A worker with an old timer repeats a version that is there.
		{
			Name: "version-from-watch", Says: "the next version is counted from the timer instead of the log", Rules: []int{2, 9},
			Edits: []Edit{
				{File: pollerFile, In: publishIn, Old: `is.seq != w.Seq`, New: `(RIGHT) && !PLANTED`},
				{File: pollerFile, In: publishIn, Old: `event, changed := d.event(is.state, o)`, New: `if PLANTED {
			is.state.Last.Version = w.Version
		}
		RIGHT`},
			},
		},
		// The event follows another one than it says.
		{
			Name: "stale-previous-status", Says: "after a conflict only the version is counted anew: previous_status is the old one", Rules: []int{2},
			Edits: []Edit{
				{File: pollerFile, In: publishIn, Old: `is.seq != w.Seq`, New: `(RIGHT) && !PLANTED`},
				{File: pollerFile, In: publishIn, Old: `event, changed := d.event(is.state, o)`, New: `if PLANTED {
			is.state.Last.Status = w.Status
		}
		RIGHT`},
			},
		},
	}
}

// deadPlants are about what can't be handled.
func deadPlants() []Plant {
	return []Plant{
		// An invalid created event is nowhere.
		{
			Name: "skip-dead-letter", Says: "what can't be handled is logged and dropped", Rules: []int{6, 1},
			Edits: []Edit{{File: carryFile, In: "func bury(", Old: `meta, err := msg.Metadata()`, New: `if PLANTED {
		return nil
	}
	RIGHT`}},
		},
		// The letter can't be sent again.
		{
			Name: "dead-letter-cut", Says: "a dead letter holds the first 200 bytes", Rules: []int{6},
			Edits: []Edit{
				{File: carryFile, In: "func bury(", Old: `err = b.DeadLetter(ctx, broker.Dead{`, New: `body := msg.Data()
	if PLANTED {
		body = body[:min(len(body), 200)]
	}
	RIGHT`},
				{File: carryFile, In: "func bury(", Old: `Body: msg.Data(),`, New: `Body: body,`},
			},
		},
		// The webhook ends and nobody has it.
		{
			Name: "exhausted-without-letter", Says: "a webhook is given up without a dead letter", Rules: []int{5},
			Blind: "the record \"exhausted\" alone passes for an end",
			Edits: []Edit{{File: delivererFile, In: "func (d *deliverer) giveUp(", Old: `if err := bury(`, New: `if PLANTED {
		r.problem = ""
	} else RIGHT`}},
		},
	}
}
