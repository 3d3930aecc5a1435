package invariant_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// life turns bytes into what a worker sees of one payment: any byte string is
// some sequence of looks, also impossible ones.
type life struct {
	bytes []byte
	b     *builder
}

const lifeID = "p-1"

func (l *life) next() int {
	if len(l.bytes) == 0 {
		return 0
	}
	n := l.bytes[0]
	l.bytes = l.bytes[1:]
	return int(n)
}

func (l *life) money() payment.Money {
	amounts := []payment.Money{{}, {}, usd(0), usd(1), usd(4000), usd(5000), usd(9999), usd(10000), usd(10001), usd(20000)}
	n := l.next() % (len(amounts) + 1)
	if n == len(amounts) {
		eur, _ := payment.MinorMoney(10000, "EUR")
		return eur
	}
	return amounts[n]
}

// step is one look and what follows from it. Unknown is no answer: only giving
// up leads there.
func (l *life) step() {
	statuses := payment.Statuses()
	o := payment.Observation{Status: statuses[l.next()%len(statuses)], Reason: payment.ReasonProviderOther}
	if o.Status == payment.Unknown {
		o.Status = payment.Pending
	}
	kind := l.next()
	if kind%3 != 0 {
		o.Amount, o.Captured, o.Refunded = l.money(), l.money(), l.money()
	} else {
		o.Amount = usd(10000)
	}
	o.AmountUnverified = kind%5 == 0
	last := l.b.state[lifeID].Last.Status
	defer func() {
		if now := l.b.state[lifeID].Last.Status; now == payment.Review && last != now {
			// The ledger's own meaning of an answer that can't be believed.
			l.b.h.Looks[len(l.b.h.Looks)-1].Status = payment.Review
		}
	}()
	switch {
	case kind%16 == 7 && last.Open():
		o.Status = payment.Processing
		look := l.b.ask(lifeID, o)
		l.b.publish(l.b.state[lifeID], payment.GiveUp(l.b.state[lifeID], payment.Unknown, "", look))
	case kind%16 == 8 && !last.ClosedForGood() && last != payment.Review:
		look := l.b.ask(lifeID, o)
		l.b.publish(l.b.state[lifeID], payment.ToReview(l.b.state[lifeID], payment.ReasonRegression, look))
	default:
		l.b.look(lifeID, o)
	}
}

// live lives the bytes and gives the history.
func live(bytes []byte) invariant.History {
	l := life{bytes: bytes, b: newBuilder()}
	l.b.create("m-1", lifeID)
	for len(l.bytes) > 0 {
		l.step()
	}
	return l.b.done()
}

func TestApply_KeepsEveryRule_WhateverIsSeen(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[payment.Status]bool{}
	longest := 0
	for range 3000 {
		bytes := make([]byte, random.IntN(120))
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		h := live(bytes)
		if found := invariant.Check(h); len(found) > 0 {
			t.Fatalf("%x\n%s", bytes, invariant.Report(h, found))
		}
		for _, e := range h.Events {
			kinds[e.Status] = true
		}
		longest = max(longest, len(h.Events))
	}
	if len(kinds) != len(payment.Statuses()) || longest < 6 {
		t.Errorf("the lives are too poor: %d statuses, at most %d events", len(kinds), longest)
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte{5, 1, 7, 7, 0, 6, 1, 0, 0, 4})
	f.Add([]byte{8, 3, 5, 3, 7, 3, 12, 3})
	f.Add([]byte("C1770,")) // refunded was forgotten where captured was not known
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) > 1000 {
			return
		}
		h := live(bytes)
		if found := invariant.Check(h); len(found) > 0 {
			t.Errorf("%s", invariant.Report(h, found))
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(uint64(1), []byte("not json"), []byte(`{"type":"payment.pending"}`))
	f.Add(uint64(2), createdBody("m-1", "p-open"), validHistory().Events[0].Body)
	f.Fuzz(func(t *testing.T, seed uint64, created, event []byte) {
		h := shaken(seed, created, event)
		found := invariant.Check(h)
		invariant.Report(h, found)
		invariant.Report(invariant.History{}, found)
		for _, v := range found {
			if invariant.Rule(v.Rule) == "" || v.Detail == "" {
				t.Errorf("a violation of nothing: %+v", v)
			}
		}
	})
}

// shaken is the valid history with much of it thrown about.
func shaken(seed uint64, created, event []byte) invariant.History {
	random := rand.New(rand.NewPCG(seed, 0))
	h := validHistory()
	h.Created[random.IntN(len(h.Created))].Body = created
	h.Events[random.IntN(len(h.Events))].Body = event
	random.Shuffle(len(h.Receipts), func(i, k int) { h.Receipts[i], h.Receipts[k] = h.Receipts[k], h.Receipts[i] })
	for range random.IntN(20) {
		e, l := &h.Events[random.IntN(len(h.Events))], &h.Looks[random.IntN(len(h.Looks))]
		switch random.IntN(8) {
		case 0:
			e.ID, e.Seq = string(event), random.Uint64()
		case 1:
			e.Body = nil
		case 2:
			l.Status, l.AnsweredAt = payment.Status(created), time.Time{}
		case 3:
			h.Receipts[random.IntN(len(h.Receipts))] = invariant.Receipt{EventID: e.ID}
		case 4:
			h.Attempts[random.IntN(len(h.Attempts))] = invariant.Attempt{EventID: e.ID, Version: -1}
		case 5:
			h.Pending[random.IntN(len(h.Pending))] = invariant.Pending{Kind: string(created), Version: random.IntN(9)}
		case 6:
			h.Dead[random.IntN(len(h.Dead))] = invariant.Dead{Stage: invariant.StageIntake, SourceSeq: e.Seq, Reason: string(event)}
		case 7:
			h.Sealed = append(h.Sealed, string(created))
		}
	}
	if random.IntN(4) == 0 {
		h.Now, h.WatchedUntil, h.Refuses = time.Time{}, nil, nil
	}
	return h
}
