package plant

// Files that many plants are in.
const (
	intakeFile     = "internal/consumer/intake.go"
	pollerFile     = "internal/consumer/poller.go"
	decideFile     = "internal/consumer/decide.go"
	ledgerFile     = "internal/consumer/ledger.go"
	carryFile      = "internal/consumer/carry.go"
	delivererFile  = "internal/consumer/deliverer.go"
	dispatcherFile = "internal/consumer/dispatcher.go"
	orderFile      = "internal/consumer/order.go"
	turnFile       = "internal/consumer/turn.go"
	appendFile     = "internal/broker/append.go"
	applyFile      = "internal/payment/apply.go"
)

// What several plants begin with.
const (
	knownIn   = "func (in *intake) known("
	settleIn  = "func (p *poller) settle("
	publishIn = "func (p *poller) publish("
	handleIn  = "func (p *poller) handle("
)

// earlyAck acknowledges a message under the hands of its handler, as somebody
// would who wants at most one delivery. Not by the message's own method: that
// would make the handler's acknowledgement fail.
func earlyAck(owner string) string {
	return `if PLANTED {
		_ = ` + owner + `.broker.JetStream().Conn().Publish(msg.Reply(), []byte("+ACK"))
	}
	RIGHT`
}

func intakePlants() []Plant {
	return []Plant{
		// A worker that dies in between leaves a created event without a payment, and
		// nobody asks about it again.
		{
			Name: "ack-first-intake", Says: "a created event is acknowledged before the payment is recorded", Rules: []int{1, 6},
			Edits: []Edit{{File: intakeFile, In: "func (in *intake) handle(", Old: `now := time.Now()`, New: earlyAck("in")}},
		},
		// One who sends other content under a payment's id is told nothing: neither a
		// payment nor a dead letter comes of the event.
		{
			Name: "conflict-is-duplicate", Says: "a created event with other content is taken for a duplicate", Rules: []int{1},
			Edits: []Edit{{File: intakeFile, In: knownIn, Old: `if is.state.Origin.Digest != digest {`, New: `if is.state.Origin.Digest != digest && !PLANTED {`}},
		},
		// The payment begins again: a second version 1, of another origin.
		{
			Name: "conflict-overwrites", Says: "a created event with other content begins the payment anew", Rules: []int{2, 9, 1},
			Edits: []Edit{{File: intakeFile, In: "func (in *intake) begin(", Old: `is.exists()`,
				New: `RIGHT && !(PLANTED && is.state.Origin.Digest != after.state.Origin.Digest)`}},
		},
		// Upstream sends the same event twice, and subscribers see a change that is none.
		{
			Name: "duplicate-is-told", Says: "a duplicate of a created event is answered with a second version", Rules: []int{2},
			Edits: []Edit{{File: intakeFile, In: knownIn, Old: `last := is.state.Last`, New: `RIGHT
	if PLANTED && is.state.Origin.Digest == digest {
		again := last
		again.Version, again.PreviousStatus, again.ObservedAt = last.Version+1, last.Status, time.Now().UTC()
		event := payment.Event{Type: payment.TypeOf(again.Status), Timestamp: again.ObservedAt, Data: again}
		if _, err := publish(ctx, in.broker, event, is); err != nil {
			return err
		}
	}`}},
		},
		// A timer with an empty memory replaces the one that knows when the provider
		// was asked last, or stands beside the look that is being made.
		{
			Name: "duplicate-rearms", Says: "every duplicate of a created event arms the first timer again", Rules: []int{7, 1},
			Edits: []Edit{{File: intakeFile, In: knownIn, Old: `if redelivered(msg) && !last.Status.ClosedForGood() {`, New: `if PLANTED {
		if err := in.watch(ctx, is, in.accounts[last.Account]); err != nil {
			return err
		}
	}
	RIGHT`}},
		},
		// One payment id under two accounts becomes two payments: the first event is
		// appended under a wildcard that names the account, as all later ones are.
		{
			Name: "other-wildcard", Says: "the writer of the first version spells the payment's wildcard as the others do", Rules: []int{2, 9, 1},
			Blind: "it takes two created events of one payment id that name different accounts, or somebody who reads the headers",
			Edits: []Edit{{File: ledgerFile, In: "func keyOf(", Old: `d.Version == 1`, New: `RIGHT && !PLANTED`}},
		},
	}
}
