package payment

import "slices"

// Status is where a payment stands, in our words. The providers' own words are
// mapped onto it by their adapters and kept beside it, never in place of it.
type Status string

// The statuses. docs and subjects use exactly these words.
const (
	Pending           Status = "pending"            // accepted; the provider has not decided, or does not know it yet
	RequiresAction    Status = "requires_action"    // waits for the payer: 3-D Secure, code, redirect, confirmation
	Processing        Status = "processing"         // the provider or bank works on it
	Authorized        Status = "authorized"         // held, not captured
	PartiallyCaptured Status = "partially_captured" // less than expected was taken
	Succeeded         Status = "succeeded"          // the expected money was taken
	Failed            Status = "failed"             // declined
	Canceled          Status = "canceled"           // stopped before capture
	Expired           Status = "expired"            // time ran out, as confirmed by an answered last look
	PartiallyRefunded Status = "partially_refunded" // 0 < refunded < captured
	Disputed          Status = "disputed"           // contested by the payer
	Voided            Status = "voided"             // a hold or a same-day charge was undone
	Refunded          Status = "refunded"           // all that was captured went back
	ChargedBack       Status = "charged_back"       // lost to the payer's bank
	Unknown           Status = "unknown"            // parked: given up, the provider answered and it was still not final
	Review            Status = "review"             // parked: a contradiction that a person must look at
)

// class groups statuses by what a watcher still has to expect.
type class int

const (
	classOpen    class = iota + 1 // not decided
	classSettled                  // money was taken; may change
	classClosed                   // no money was taken; may change by a late success
	classForGood                  // nothing can follow
	classParked                   // a person's queue
)

// row is one line of the table that every other rule about statuses is derived from.
type row struct {
	status Status
	class  class
	// paid says that money is with the merchant, at least in part.
	paid bool
	// moves are the one-step moves that a provider may report. A poller only
	// samples a payment's life, so what it sees may skip steps: see Route.
	moves []Status
	// late are moves that are legal but never skipped through: out of a closed
	// or parked status, into a parked one, by a dispute. Were they links of a
	// longer route, a lost refund (failed, then refunded) would look legal.
	late []Status
}

// undecided is where a payment goes from the early open statuses in one step.
// The order is the order in which Route prefers them.
var undecided = []Status{RequiresAction, Processing, Authorized, Succeeded, PartiallyCaptured, Failed, Canceled, Expired}

// given are the two parked statuses, for those that are open: what is decided is
// never given up.
var given = []Status{Unknown, Review}

// table is the one place that knows classes and moves.
var table = []row{
	{status: Pending, class: classOpen, moves: undecided, late: given},
	{status: RequiresAction, class: classOpen, moves: undecided, late: given},
	{status: Processing, class: classOpen, moves: undecided, late: given},
	{status: Authorized, class: classOpen, moves: []Status{Succeeded, PartiallyCaptured, Voided, Canceled, Failed, Expired}, late: given},

	// A bigger capture or a further part refund keeps the status and changes the money.
	{status: PartiallyCaptured, class: classSettled, paid: true, moves: []Status{PartiallyCaptured, Succeeded, PartiallyRefunded, Refunded, Voided}, late: []Status{Disputed, ChargedBack, Review}},
	{status: Succeeded, class: classSettled, paid: true, moves: []Status{PartiallyRefunded, Refunded, Voided}, late: []Status{Disputed, ChargedBack, Review}},
	{status: PartiallyRefunded, class: classSettled, paid: true, moves: []Status{PartiallyRefunded, Refunded}, late: []Status{Disputed, ChargedBack, Review}},
	{status: Disputed, class: classSettled, paid: true, late: []Status{PartiallyCaptured, Succeeded, PartiallyRefunded, Refunded, ChargedBack, Review}},

	{status: Failed, class: classClosed, late: []Status{Succeeded, PartiallyCaptured, Review}},
	{status: Canceled, class: classClosed, late: []Status{Succeeded, PartiallyCaptured, Review}},
	{status: Expired, class: classClosed, late: []Status{Succeeded, PartiallyCaptured, Review}},

	{status: Voided, class: classForGood},
	{status: Refunded, class: classForGood},
	{status: ChargedBack, class: classForGood},

	// The provider may still decide what we gave up on; a contradiction is left
	// by a person only.
	{status: Unknown, class: classParked, late: []Status{Succeeded, PartiallyCaptured, PartiallyRefunded, Refunded, Voided, Failed, Canceled, Expired, Disputed, ChargedBack, Review}},
	{status: Review, class: classParked},
}

func find(s Status) (row, bool) {
	for _, r := range table {
		if r.status == s {
			return r, true
		}
	}
	return row{}, false
}

func (s Status) class() class {
	r, _ := find(s)
	return r.class
}

// Statuses lists every status, in the order of the table.
func Statuses() []Status {
	all := make([]Status, len(table))
	for i, r := range table {
		all[i] = r.status
	}
	return all
}

// Valid reports whether s is one of the statuses.
func (s Status) Valid() bool { _, ok := find(s); return ok }

// Open reports whether the payment is not decided yet.
func (s Status) Open() bool { return s.class() == classOpen }

// Parked reports whether the payment waits for a person.
func (s Status) Parked() bool { return s.class() == classParked }

// Paid reports whether money was taken and not all of it went back.
func (s Status) Paid() bool { r, _ := find(s); return r.paid }

// ClosedForGood reports whether nothing can follow s, so that nobody needs to look again.
func (s Status) ClosedForGood() bool { return s.class() == classForGood }

// Closed reports whether the payment ended without money being taken, with a
// late success still possible.
func (s Status) Closed() bool { return s.class() == classClosed }

// Final reports whether the payment is decided: neither open nor parked. A
// final status may still be followed by a refund, a dispute or a late success.
func (s Status) Final() bool {
	return s.Valid() && !s.Open() && !s.Parked()
}

// Moves tells how one status may follow another.
type Moves struct {
	// Legal says that the pair may occur in a payment's history.
	Legal bool
	// Implied are the statuses that lie between the two, in order, when a
	// poller came too late to see them.
	Implied []Status
	// Late says that money was taken after the payment had been closed.
	Late bool
}

// Route tells whether to may follow from and what was skipped in between: the
// shortest way through the table, first named first. Equal statuses are legal
// only where the table says so (money may change while the status stays).
func Route(from, to Status) Moves {
	start, ok := find(from)
	if !ok || !to.Valid() {
		return Moves{}
	}
	// The same status again is a move only where the money may change.
	if from == to && !start.paid {
		return Moves{}
	}
	if slices.Contains(start.late, to) {
		return Moves{Legal: true, Late: start.class == classClosed && to.Paid()}
	}
	if slices.Contains(start.moves, to) {
		return Moves{Legal: true}
	}
	if from == to {
		return Moves{}
	}
	return search(from, to)
}

// search walks the one-step moves breadth first. Only moves out of open and
// settled statuses are links, so what is found was never late or parked.
func search(from, to Status) Moves {
	before := map[Status]Status{from: ""}
	for queue := []Status{from}; len(queue) > 0; queue = queue[1:] {
		here, _ := find(queue[0])
		for _, next := range here.moves {
			if _, seen := before[next]; seen {
				continue
			}
			before[next] = here.status
			if next == to {
				return Moves{Legal: true, Implied: between(before, from, to)}
			}
			queue = append(queue, next)
		}
	}
	return Moves{}
}

func between(before map[Status]Status, from, to Status) []Status {
	var skipped []Status
	for at := before[to]; at != from; at = before[at] {
		skipped = append(skipped, at)
	}
	slices.Reverse(skipped)
	return skipped
}
