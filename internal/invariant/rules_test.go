package invariant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// broken is one promise broken on purpose. want lists what has to be found,
// each as "rule payment", and nothing else may be.
type broken struct {
	name  string
	spoil func(*history)
	want  string
}

func checkBroken(t *testing.T, tests []broken) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := validHistory()
			test.spoil(&h)
			found := invariant.Check(h)
			var got []string
			for _, v := range found {
				_, name, _ := strings.Cut(v.Payment, "/")
				got = append(got, strings.TrimSpace(fmt.Sprint(v.Rule, " ", name)))
			}
			if got = slices.Compact(got); strings.Join(got, ", ") != test.want {
				t.Errorf("found %q, want %q\n%s", strings.Join(got, ", "), test.want, invariant.Report(h, found))
			}
		})
	}
}

func TestCheck_Rule1_EveryCreatedEventIsOnePayment(t *testing.T) {
	checkBroken(t, []broken{
		{"no payment came of it", func(h *history) { dropPayment(h, "p-late") }, "1 p-late"},
		{"a payment of nothing", func(h *history) {
			h.Created = slices.DeleteFunc(h.Created, func(in invariant.Input) bool { return strings.Contains(string(in.Body), "p-late") })
		}, "1 p-late"},
		{"nothing was ever created", func(h *history) {
			h.Created, h.Dead = nil, nil
			for _, id := range []string{"p-refunded", "p-late", "p-skips", "p-unknown", "p-expired", "p-wrong", "p-forged", "p-lost"} {
				dropPayment(h, id)
			}
		}, "1 p-open"},
		{"a payment of an invalid event", func(h *history) {
			in := inputOf(h, "e-p-late")
			in.Body = []byte(strings.Replace(string(in.Body), "100.00", "-100.00", 1))
		}, "1 p-late, 6"},
		{"another amount than was created", func(h *history) {
			for v := 1; v <= 3; v++ {
				edit(h, "p-late", v, func(d *data) { d.Expected = usd(10001); d.Reported, d.Captured = payment.Money{}, payment.Money{} })
			}
		}, "1 p-late"},
		{"another content by its digest", func(h *history) {
			for i := range h.Events {
				if h.Events[i].Payment == "p-late" {
					h.Events[i].Digest = "0000"
				}
			}
		}, "1 p-late"},
		{"other content neither payment nor dead letter", func(h *history) { dropDead(h, invariant.ReasonConflict) }, "1 p-open"},
		{"created events not at hand", func(h *history) { dropPayment(h, "p-late"); h.Without.Created = true }, ""},
		{"as the one before, digests not told", func(h *history) {
			dropDead(h, invariant.ReasonConflict)
			for i := range h.Events {
				h.Events[i].Digest = ""
			}
		}, "1 p-open"},
	})
}

func TestCheck_Rule1_EveryWatchedPaymentHasOnePendingPoll(t *testing.T) {
	checkBroken(t, []broken{
		{"an open payment without", func(h *history) { pollOf(h, "p-open").Kind = "other" }, "1 p-open"},
		{"a settled payment without", func(h *history) { pollOf(h, "p-late").Kind = "other" }, "1 p-late"},
		{"a parked payment without", func(h *history) { pollOf(h, "p-unknown").Kind = "other" }, "1 p-unknown"},
		{"an open payment without, watches untold", func(h *history) {
			pollOf(h, "p-open").Kind, pollOf(h, "p-late").Kind = "other", "other"
			h.WatchedUntil = nil
		}, "1 p-open"},
		{"an open payment without, long after", func(h *history) {
			pollOf(h, "p-open").Kind, pollOf(h, "p-late").Kind = "other", "other"
			h.Now = h.Now.Add(1000 * time.Hour)
		}, "1 p-open"},
		{"a timer beside a due poll", func(h *history) {
			due := *pollOf(h, "p-open")
			due.Queue = invariant.QueueDue
			h.Pending = append(h.Pending, due)
		}, "1 p-open"},
		{"two timers", func(h *history) { h.Pending = append(h.Pending, *pollOf(h, "p-open")); h.Quiet = false }, "1 p-open"},
		{"a poll at another account", func(h *history) { pollOf(h, "p-open").Account = "bank-2" }, "1 p-open"},
		{"a poll of no payment", func(h *history) {
			poll := *pollOf(h, "p-open")
			poll.Payment = "p-none"
			h.Pending = append(h.Pending, poll)
		}, "1 p-none"},
	})
}

func TestCheck_Rule2_VersionsAndMoves(t *testing.T) {
	checkBroken(t, []broken{
		{"a gap", func(h *history) { drop(h, "p-refunded", 5) }, "2 p-refunded"},
		{"no beginning", func(h *history) { drop(h, "p-refunded", 1) }, "2 p-refunded"},
		{"a repeat", func(h *history) {
			again := *eventAt(h, "p-late", 3)
			again.Seq = 1 << 40
			h.Events = append(h.Events, again)
		}, "2 p-late"},
		{"two versions in the wrong order", func(h *history) {
			a, b := eventAt(h, "p-late", 2), eventAt(h, "p-late", 3)
			a.Seq, b.Seq = b.Seq, a.Seq
		}, "2 p-late, 9 p-late"},
		{"a wrong previous status", func(h *history) { edit(h, "p-late", 3, func(d *data) { d.PreviousStatus = payment.Expired }) }, "2 p-late"},
		{"an illegal move", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Status, d.Final = payment.Voided, true })
			edit(h, "p-late", 3, func(d *data) { d.PreviousStatus = payment.Voided })
			lookAt(h, "p-late", 1).Status = payment.Voided
		}, "2 p-late"},
		{"an event that changes nothing", func(h *history) {
			edit(h, "p-refunded", 5, func(d *data) { d.Refunded = usd(2500) })
			lookAt(h, "p-refunded", 5).Refunded = usd(2500)
		}, "2 p-refunded"},
		{"implied left out", func(h *history) { edit(h, "p-skips", 3, func(d *data) { d.Implied = nil }) }, "2 p-skips"},
		{"implied made up", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Implied = []payment.Status{payment.Processing} })
		}, "2 p-late"},
		{"late left out", func(h *history) { edit(h, "p-late", 3, func(d *data) { d.Late = false }) }, "2 p-late"},
		{"late made up", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Late = true }) }, "2 p-late"},
		{"final made up", func(h *history) { edit(h, "p-unknown", 2, func(d *data) { d.Final = true }) }, "2 p-unknown"},
		{"final left out", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Final = false }) }, "2 p-late"},
		{"a beginning that was looked for", func(h *history) { edit(h, "p-late", 1, func(d *data) { d.Trigger = payment.TriggerPoll }) }, "2 p-late"},
		{"a beginning that is no beginning", func(h *history) {
			edit(h, "p-open", 1, func(d *data) { d.Status = payment.Processing })
		}, "2 p-open"},
		{"no trigger", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Trigger = "" }) }, "2 p-late"},
		{"a trigger that is none", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Trigger = "cron" }) }, "2 p-late"},
		{"giving up to a decision", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Trigger = payment.TriggerGiveUp })
			lookAt(h, "p-late", 1).Known = false
		}, "2 p-late"},
		{"unknown without giving up", func(h *history) {
			edit(h, "p-unknown", 2, func(d *data) { d.Trigger = payment.TriggerPoll })
			lookAt(h, "p-unknown", 2).Status = payment.Unknown
		}, "2 p-unknown"},
		{"another status in the subject", func(h *history) { eventAt(h, "p-late", 2).Status = payment.Succeeded }, "2 p-late"},
		{"another account in the subject", func(h *history) { eventAt(h, "p-late", 2).Account = "bank-2" }, "2 p-late"},
		{"another merchant in the subject", func(h *history) { eventAt(h, "p-late", 2).Merchant = "m-2" }, "2 p-late"},
		{"another payment in the subject", func(h *history) { eventAt(h, "p-late", 2).Payment = "p-open" }, "2 p-late"},
		{"a body that is no event", func(h *history) {
			e := eventAt(h, "p-late", 3)
			e.Body = []byte(`{"type":"payment.succeeded"}`)
		}, "2 p-late"},
		{"another event's id", func(h *history) {
			e := eventAt(h, "p-open", 1)
			e.ID = "evt_1"
			for i := range h.Receipts {
				if h.Receipts[i].EventID == payment.EventID("m-1", "p-open", 1) {
					h.Receipts[i].EventID = "evt_1"
				}
			}
			for i := range h.Attempts {
				if h.Attempts[i].EventID == payment.EventID("m-1", "p-open", 1) {
					h.Attempts[i].EventID = "evt_1"
				}
			}
		}, "2 p-open"},
	})
}

func TestCheck_Rule3_NothingIsPublishedThatWasNotTold(t *testing.T) {
	checkBroken(t, []broken{
		{"nobody was ever asked", func(h *history) { h.Looks = nil }, "3 p-forged, 3 p-late, 3 p-lost, 3 p-refunded, 3 p-wrong, 3 p-expired, 3 p-skips, 3 p-unknown"},
		{"no look at all", func(h *history) { lookAt(h, "p-late", 1).Payment = "" }, "3 p-late"},
		{"a look at another payment", func(h *history) { lookAt(h, "p-late", 1).Payment = "p-open" }, "3 p-late"},
		{"another merchant's payment of that id", func(h *history) { lookAt(h, "p-late", 1).Merchant = "m-2" }, "3 p-late"},
		{"another status was told", func(h *history) { lookAt(h, "p-late", 1).Status = payment.Processing }, "3 p-late"},
		{"it was told as not found", func(h *history) { lookAt(h, "p-late", 1).Known = false }, "3 p-late"},
		{"it was never told", func(h *history) { lookAt(h, "p-late", 1).Answered = false }, "3 p-late"},
		{"it was told afterwards", func(h *history) {
			l := lookAt(h, "p-late", 1)
			l.AnsweredAt = l.AnsweredAt.Add(3 * time.Second)
		}, "3 p-late"},
		{"it was told long ago", func(h *history) {
			l := lookAt(h, "p-late", 1)
			l.AnsweredAt = l.AnsweredAt.Add(-3 * time.Minute)
		}, "3 p-late"},
		{"more was captured than told", func(h *history) { lookAt(h, "p-refunded", 3).Captured = usd(9999) }, "3 p-refunded"},
		{"more was refunded than told", func(h *history) { lookAt(h, "p-refunded", 4).Refunded = usd(2499) }, "3 p-refunded"},
		{"a hint is no word", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Trigger = payment.TriggerHint })
			lookAt(h, "p-late", 1).Answered = false
		}, "3 p-late"},
		{"given up without an answer", func(h *history) { lookAt(h, "p-unknown", 2).Answered = false }, "3 p-unknown"},
		{"given up though it was decided", func(h *history) { lookAt(h, "p-unknown", 2).Status = payment.Succeeded }, "3 p-unknown"},
		{"given up long after the answer", func(h *history) {
			l := lookAt(h, "p-unknown", 2)
			l.AnsweredAt = l.AnsweredAt.Add(-time.Hour)
		}, "3 p-unknown"},
		{"expired without an answer", func(h *history) { lookAt(h, "p-expired", 1).Answered = false }, "3 p-expired"},
		{"never reached the provider, which knows it", func(h *history) {
			l := lookAt(h, "p-expired", 1)
			l.Known, l.Status = true, payment.Processing
		}, "3 p-expired"},
		{"review without an answer", func(h *history) { lookAt(h, "p-wrong", 1).Payment = "" }, "3 p-wrong"},
		{"review after one unreadable answer", func(h *history) { lookAt(h, "p-forged", 1).Payment = "" }, "3 p-forged"},
		{"review of an answer that is right", func(h *history) {
			l := lookAt(h, "p-wrong", 1)
			l.Captured = usd(10000)
		}, "3 p-wrong"},
		{"review of another amount", func(h *history) {
			l := lookAt(h, "p-wrong", 1)
			l.Status, l.Captured = payment.Review, usd(9900)
		}, ""},
		{"review of money in another currency", func(h *history) { lookAt(h, "p-wrong", 1).Captured, _ = payment.MinorMoney(10000, "EUR") }, ""},
		{"review before the second unreadable answer", func(h *history) {
			l := lookAt(h, "p-forged", 2)
			l.AskedAt = l.AskedAt.Add(time.Hour)
		}, "3 p-forged"},
		{"what was told of the money is left out", func(h *history) { lookAt(h, "p-skips", 2).Captured = usd(10000) }, "3 p-skips"},
		{"open after succeeded", func(h *history) {
			edit(h, "p-refunded", 4, func(d *data) { d.Status, d.Final = payment.Processing, false })
			edit(h, "p-refunded", 5, func(d *data) { d.PreviousStatus, d.Implied = payment.Processing, []payment.Status{payment.Succeeded} })
			lookAt(h, "p-refunded", 4).Status = payment.Processing
			dropReceipts(h, "p-refunded", 4, "final")
		}, "2 p-refunded, 3 p-refunded"},
	})
}

func TestCheck_Rule3_AllowsWhatSaysNothing(t *testing.T) {
	checkBroken(t, []broken{
		{"nothing captured was told, none published", func(h *history) { lookAt(h, "p-skips", 2).Captured = usd(0) }, ""},
		{"without the providers' ledgers", func(h *history) { h.Looks, h.Without.Looks = nil, true }, ""},
		{"a person's decision", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Trigger = payment.TriggerManual })
			lookAt(h, "p-late", 1).Payment = ""
		}, ""},
		{"a ledger that notes its answers late", func(h *history) {
			for i := range h.Looks {
				h.Looks[i].AnsweredAt = h.Looks[i].AnsweredAt.Add(time.Second)
			}
		}, ""},
		{"given up after an answer that meant nothing", func(h *history) { lookAt(h, "p-unknown", 2).Status = "" }, ""},
	})
}

func TestCheck_Rule4_Money(t *testing.T) {
	eur := func(minor int64) payment.Money { m, _ := payment.MinorMoney(minor, "EUR"); return m }
	none := payment.Money{}
	// quiet makes the ledger say nothing about money, so that rule 3 does not speak.
	quiet := func(h *history) {
		for i := range h.Looks {
			h.Looks[i].Captured, h.Looks[i].Refunded = none, none
		}
	}
	money := func(id string, version int, change func(*data)) func(*history) {
		return func(h *history) { quiet(h); edit(h, id, version, change) }
	}
	checkBroken(t, []broken{
		{"captured in another currency", money("p-late", 3, func(d *data) { d.Captured = eur(10000) }), "4 p-late"},
		{"refunded in another currency", money("p-skips", 3, func(d *data) { d.Refunded = eur(1) }), "4 p-skips"},
		{"reported in another currency", money("p-late", 3, func(d *data) { d.Reported = eur(10000) }), "4 p-late"},
		{"less captured than expected", money("p-late", 3, func(d *data) { d.Captured = usd(9999) }), "4 p-late"},
		{"more captured than expected", money("p-lost", 3, func(d *data) { d.Captured = usd(10001) }), "4 p-lost"},
		{"succeeded at another amount", money("p-late", 3, func(d *data) { d.Reported = usd(9999) }), "4 p-late"},
		{"a part of nothing", money("p-lost", 3, func(d *data) { d.Captured = usd(0) }), "4 p-lost"},
		{"a part of no known amount", func(h *history) {
			quiet(h)
			for v := 3; v <= 4; v++ {
				edit(h, "p-lost", v, func(d *data) { d.Captured = none })
			}
		}, "4 p-lost"},
		{"more refunded than captured", func(h *history) {
			quiet(h)
			edit(h, "p-lost", 4, func(d *data) { d.Refunded = usd(4001) })
		}, "4 p-lost"},
		{"more refunded than expected", money("p-skips", 3, func(d *data) { d.Refunded = usd(10001) }), "4 p-skips"},
		{"refunded in part, but all", money("p-refunded", 5, func(d *data) { d.Refunded = usd(10000) }), "4 p-refunded"},
		{"refunded in part, but nothing", money("p-skips", 3, func(d *data) { d.Refunded = usd(0) }), "4 p-skips"},
		{"refunded, but in part", money("p-refunded", 6, func(d *data) { d.Refunded = usd(9999) }), "4 p-refunded"},
		{"refunded shrinks", money("p-refunded", 5, func(d *data) { d.Refunded = usd(2499) }), "4 p-refunded"},
		{"refunded is forgotten", money("p-refunded", 5, func(d *data) { d.Refunded = none }), "4 p-refunded"},
		{"captured shrinks", money("p-refunded", 4, func(d *data) { d.Captured = usd(9000) }), "4 p-refunded"},
	})
	checkBroken(t, []broken{
		{"no amount told at all", money("p-late", 3, func(d *data) { d.Captured, d.Reported = none, none }), ""},
		{"a review of the wrong currency", money("p-wrong", 2, func(d *data) { d.Reported = eur(1) }), ""},
	})
}

func TestCheck_Rule5_Webhooks(t *testing.T) {
	checkBroken(t, []broken{
		{"one event did not reach one endpoint", func(h *history) { dropReceipts(h, "p-late", 2, "final") }, "5 p-late"},
		{"it came but was not taken", func(h *history) {
			receiptAt(h, "p-late", 2, "final").Delivered = false
			h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.EventID == payment.EventID("m-1", "p-late", 2) })
		}, "5 p-late"},
		{"logged as delivered, not taken", func(h *history) { receiptAt(h, "p-late", 2, "final").Delivered = false }, "5 p-late"},
		{"given up without a trace", func(h *history) {
			dropDead(h, "exhausted")
			h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.Outcome == invariant.OutcomeExhausted })
		}, "5 p-lost"},
		{"taken for forged", func(h *history) {
			deadOf(h, "exhausted").Reason = invariant.ReasonForged
			h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.Outcome == invariant.OutcomeExhausted })
		}, "5 p-lost"},
		{"skipped at an endpoint that is on", func(h *history) {
			dropReceipts(h, "p-late", 2, "final")
			h.Attempts = append(h.Attempts, invariant.Attempt{
				Outcome: invariant.OutcomeSkipped, Merchant: "m-1", Endpoint: "final", Payment: "p-late", Version: 2, EventID: payment.EventID("m-1", "p-late", 2),
			})
		}, "5 p-late"},
		{"out of order", func(h *history) {
			a, b := receiptAt(h, "p-late", 2, "all"), receiptAt(h, "p-late", 3, "all")
			a.Time, b.Time = b.Time, a.Time
		}, "5 p-late"},
		{"out of order at the same time", func(h *history) {
			a, b := receiptAt(h, "p-late", 2, "all"), receiptAt(h, "p-late", 3, "all")
			*a, *b = *b, *a
			a.Time = b.Time
		}, "5 p-late"},
		{"a wrong signature", func(h *history) { receiptAt(h, "p-late", 2, "all").Verified = false }, "5 p-late"},
		{"a wrong signature, once before a right one", func(h *history) {
			r := *receiptAt(h, "p-late", 2, "all")
			r.Verified, r.Delivered = false, false
			h.Receipts = append(h.Receipts, r)
		}, "5 p-late"},
		{"logged as delivered, not taken, while work goes on", func(h *history) {
			receiptAt(h, "p-late", 2, "final").Delivered = false
			h.Quiet = false
		}, "5 p-late"},
		{"nothing ever arrived", func(h *history) {
			for _, id := range []string{"p-refunded", "p-late", "p-skips", "p-unknown", "p-expired", "p-wrong", "p-forged", "p-lost"} {
				dropPayment(h, id)
			}
			h.Receipts, h.Attempts, h.Without.Created = nil, nil, true
		}, "5 p-open"},
		{"another body", func(h *history) {
			r := receiptAt(h, "p-late", 2, "all")
			r.Body = append(r.Body, ' ')
		}, "5 p-late"},
		{"a webhook of no event", func(h *history) {
			r := *receiptAt(h, "p-late", 2, "all")
			r.EventID = "evt_none"
			h.Receipts = append(h.Receipts, r)
		}, "5"},
		{"another merchant's event", func(h *history) {
			r := *receiptAt(h, "p-late", 2, "all")
			r.Merchant = "m-2"
			h.Receipts = append(h.Receipts, r)
		}, "5 p-late"},
		{"at an endpoint nobody configured", func(h *history) {
			r := *receiptAt(h, "p-late", 2, "all")
			r.Endpoint = "old"
			h.Receipts = append(h.Receipts, r)
		}, "5 p-late"},
		{"at an endpoint that does not want it", func(h *history) {
			r := *receiptAt(h, "p-late", 1, "all")
			r.Endpoint = "final"
			h.Receipts = append(h.Receipts, r)
		}, "5 p-late"},
		{"an attempt of no event", func(h *history) {
			h.Attempts = append(h.Attempts, invariant.Attempt{Outcome: invariant.OutcomeFailed, Merchant: "m-1", Endpoint: "all", Payment: "p-late", Version: 9, EventID: "evt_none"})
		}, "5 p-late"},
		{"an attempt of another version", func(h *history) {
			i := slices.IndexFunc(h.Attempts, func(a invariant.Attempt) bool { return a.Payment == "p-late" && a.Version == 2 })
			h.Attempts[i].Version = 3
		}, "5 p-late"},
		{"an outcome that is none", func(h *history) {
			i := slices.IndexFunc(h.Attempts, func(a invariant.Attempt) bool {
				return a.Payment == "p-late" && a.Outcome == invariant.OutcomeDelivered
			})
			h.Attempts[i].Outcome = "lost"
		}, "5 p-late"},
		{"a job of no event", func(h *history) {
			h.Pending = append(h.Pending, invariant.Pending{Queue: invariant.QueueDue, Kind: invariant.KindWebhook, Merchant: "m-1", Endpoint: "all", Payment: "p-late", Version: 4})
		}, "5 p-late"},
		{"a job of no payment", func(h *history) {
			h.Pending = append(h.Pending, invariant.Pending{Queue: invariant.QueueTimer, Kind: invariant.KindWebhook, Merchant: "m-1", Endpoint: "all", Payment: "p-none", Version: 1})
		}, "5 p-none"},
		{"without the merchants' ledgers, not logged", func(h *history) {
			dropReceipts(h, "p-late", 2, "final")
			h.Receipts, h.Without.Receipts = nil, true
		}, "5 p-late"},
	})
	checkBroken(t, []broken{
		{"without the merchants' ledgers, logged", func(h *history) { h.Receipts, h.Without.Receipts = nil, true }, ""},
		{"missing while work goes on", func(h *history) { dropReceipts(h, "p-late", 2, "final"); h.Quiet = false }, ""},
		{"a dead letter alone", func(h *history) {
			h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool { return a.Outcome == invariant.OutcomeExhausted })
		}, ""},
		{"the same webhook again, later", func(h *history) {
			r := *receiptAt(h, "p-late", 2, "all")
			r.Time = h.Now
			h.Receipts = append(h.Receipts, r)
		}, ""},
		{"given up, then sent by hand", func(h *history) {
			e := eventAt(h, "p-lost", 2)
			h.Receipts = append(h.Receipts, invariant.Receipt{
				Time: h.Now, Merchant: "m-1", Endpoint: "all", EventID: e.ID, Body: e.Body, Verified: true, Delivered: true,
			})
		}, ""},
	})
}

// replayed makes of an event's only delivery at an endpoint a replay of today.
func replayed(h *history, id string, version int, endpoint string) *invariant.Receipt {
	r := receiptAt(h, id, version, endpoint)
	r.Time, r.Replay = h.Now, true
	for i := range h.Attempts {
		if a := &h.Attempts[i]; a.EventID == r.EventID && a.Endpoint == endpoint {
			a.Replay = true
		}
	}
	return r
}

// since makes an endpoint of m-1 that is known from an event of p-late on, and got
// nothing of that payment before.
func since(h *history, endpoint string, version int) {
	i := slices.IndexFunc(h.Endpoints, func(p invariant.Endpoint) bool { return p.ID == endpoint && p.Merchant == "m-1" })
	h.Endpoints[i].Since = eventAt(h, "p-late", version).Time
}

func TestCheck_Rule5_ReplaysAreInNoOrder_FirstDeliveriesAre(t *testing.T) {
	checkBroken(t, []broken{
		{"a replay of an old version behind newer ones", func(h *history) { replayed(h, "p-late", 1, "all") }, ""},
		{"the same, not called a replay", func(h *history) { replayed(h, "p-late", 1, "all").Replay = false }, "5 p-late"},
		{"replays in the wrong order", func(h *history) {
			replayed(h, "p-late", 2, "all").Time = h.Now.Add(-time.Second)
			replayed(h, "p-late", 1, "all")
		}, ""},
		{"a replay besides, before the first delivery of another", func(h *history) {
			r := *receiptAt(h, "p-late", 3, "all")
			r.Time, r.Replay = receiptAt(h, "p-late", 1, "all").Time.Add(-time.Hour), true
			h.Receipts = append(h.Receipts, r)
			h.Attempts = append(h.Attempts, invariant.Attempt{
				Outcome: invariant.OutcomeDelivered, Merchant: "m-1", Endpoint: "all", Payment: "p-late", Version: 3, EventID: r.EventID, Replay: true,
			})
		}, ""},
		{"first deliveries out of order, each replayed in order too", func(h *history) {
			a, b := receiptAt(h, "p-late", 2, "all"), receiptAt(h, "p-late", 3, "all")
			for _, r := range []*invariant.Receipt{a, b} {
				again := *r
				again.Time, again.Replay = h.Now, true
				h.Receipts = append(h.Receipts, again)
				h.Attempts = append(h.Attempts, invariant.Attempt{
					Outcome: invariant.OutcomeDelivered, Merchant: "m-1", Endpoint: "all", Payment: "p-late", Version: 2, EventID: a.EventID, Replay: true,
				}, invariant.Attempt{
					Outcome: invariant.OutcomeDelivered, Merchant: "m-1", Endpoint: "all", Payment: "p-late", Version: 3, EventID: b.EventID, Replay: true,
				})
			}
			a, b = receiptAt(h, "p-late", 2, "all"), receiptAt(h, "p-late", 3, "all")
			a.Time, b.Time = b.Time, a.Time
		}, "5 p-late"},
		{"called a replay, which the log does not know", func(h *history) { receiptAt(h, "p-late", 1, "all").Replay = true }, "5 p-late"},
		{"the same while work goes on", func(h *history) {
			receiptAt(h, "p-late", 1, "all").Replay = true
			h.Quiet = false
		}, ""},
		{"a replay that was not taken delivers nothing", func(h *history) { replayed(h, "p-late", 1, "all").Delivered = false }, "5 p-late"},
	})
}

func TestCheck_Rule5_AnEndpointIsOwedWhatCameAfterIt(t *testing.T) {
	checkBroken(t, []broken{
		{"an event from before it is missing", func(h *history) {
			since(h, "final", 3)
			dropReceipts(h, "p-late", 2, "final")
		}, ""},
		{"the first event after it is missing", func(h *history) {
			since(h, "final", 2)
			dropReceipts(h, "p-late", 2, "final")
		}, "5 p-late"},
		{"an event from before it came all the same", func(h *history) { since(h, "final", 3) }, ""},
		{"an event from before it came by replay, behind newer ones", func(h *history) {
			since(h, "all", 3)
			replayed(h, "p-late", 1, "all")
			dropReceipts(h, "p-late", 2, "all")
		}, ""},
		{"an event from before it came out of order", func(h *history) {
			since(h, "all", 3)
			receiptAt(h, "p-late", 1, "all").Time = h.Now
		}, "5 p-late"},
	})
}

func TestCheck_Rule6_Inputs(t *testing.T) {
	checkBroken(t, []broken{
		{"no JSON, dropped", func(h *history) { dropDead(h, "not_json") }, "6"},
		{"an invalid field, dropped", func(h *history) { dropDead(h, "invalid") }, "6"},
		{"an unknown provider, dropped", func(h *history) { dropDead(h, invariant.ReasonUnknownProvider) }, "6 p-else"},
		{"an unknown provider, dropped and not foreseen", func(h *history) {
			dropDead(h, invariant.ReasonUnknownProvider)
			h.Refuses = nil
		}, "1 p-else"},
		{"not held whole", func(h *history) {
			d := deadOf(h, "not_json")
			d.Body = d.Body[1:]
		}, "6"},
		{"no reason", func(h *history) { deadOf(h, "not_json").Reason = "" }, "6"},
		{"a valid one called invalid", func(h *history) { deadOf(h, invariant.ReasonConflict).Reason = "invalid" }, "6 p-open"},
		{"a known provider called unknown", func(h *history) {
			deadOf(h, invariant.ReasonConflict).Reason = invariant.ReasonUnknownProvider
		}, "6 p-open"},
		{"the same content called a conflict", func(h *history) {
			in := inputOf(h, "e-again")
			h.Dead = append(h.Dead, invariant.Dead{Stage: invariant.StageIntake, Reason: invariant.ReasonConflict, SourceSeq: in.Seq, Body: in.Body})
		}, "6 p-open"},
	})
	checkBroken(t, []broken{
		{"dropped while work goes on", func(h *history) { dropDead(h, "not_json"); h.Quiet = false }, ""},
		{"an unknown provider, not foreseen", func(h *history) { h.Refuses = nil }, ""},
		{"the later of two contents won", func(h *history) {
			d := deadOf(h, invariant.ReasonConflict)
			var first []*invariant.Input
			for i := range h.Created {
				switch in := &h.Created[i]; {
				case in.Seq == d.SourceSeq:
					first = append(first, in)
				case in.Seq == inputOf(h, "e-p-open").Seq || in.Seq == inputOf(h, "e-again").Seq:
					h.Dead = append(h.Dead, invariant.Dead{Stage: invariant.StageIntake, Reason: invariant.ReasonConflict, SourceSeq: in.Seq, Body: in.Body})
				}
			}
			d.Stage = "elsewhere"
			created, _ := payment.ParseCreated(first[0].Body, h.Now)
			edit(h, "p-open", 1, func(d *data) { d.Expected = created.Expected })
			eventAt(h, "p-open", 1).Digest = created.Digest()
		}, ""},
		{"ahead of its time when stored", func(h *history) {
			in := inputOf(h, "e-p-late")
			in.Time = in.Time.Add(-25 * time.Hour)
		}, ""},
	})
}

func TestCheck_Rule7_Limits(t *testing.T) {
	checkBroken(t, []broken{
		{"above the limits", func(h *history) { lookAt(h, "p-late", 1).TooSoon = true }, "7 p-late"},
		{"before Retry-After", func(h *history) { lookAt(h, "p-late", 1).BeforeRetryAfter = true }, "7 p-late"},
		{"at a payment that nobody knows", func(h *history) {
			h.Looks = append(h.Looks, invariant.Look{Account: "bank", TooSoon: true})
		}, "7"},
	})
}

func TestCheck_Rule9_TheLogFoldsToTheState(t *testing.T) {
	checkBroken(t, []broken{
		{"another expected amount later", func(h *history) {
			edit(h, "p-late", 2, func(d *data) { d.Expected = usd(9999) })
		}, "9 p-late"},
		{"other metadata later", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Metadata = []byte(`{}`) }) }, "9 p-late"},
		{"another account later", func(h *history) { edit(h, "p-late", 2, func(d *data) { d.Account = "bank-2" }) }, "9 p-late"},
		{"another origin later", func(h *history) { eventAt(h, "p-late", 2).Digest = "0000" }, "9 p-late"},
	})
}

func TestCheck_Rule9_NothingSealedIsInAnyStream(t *testing.T) {
	in := func(text string) func(*history) {
		return func(h *history) { edit(h, "p-open", 1, func(d *data) { d.ProviderMessage = "x " + text + " y" }) }
	}
	checkBroken(t, []broken{
		{"an event", in("hunter2-hunter2"), "9 p-open"},
		{"an event, after others that begin alike", in("hunter2-hhunter2-hunter2"), "9 p-open"},
		{"an event, as JSON writes it", in(`quote"d`), "9 p-open"},
		{"a timer", func(h *history) { pollOf(h, "p-open").Body = []byte("+77010000001") }, "9 p-open"},
		{"a record of the webhook log", func(h *history) { h.Attempts[0].Body = []byte("hunter2-hunter2") }, "9 p-open"},
		{"a dead letter of ours", func(h *history) { deadOf(h, "exhausted").Body = []byte("hunter2-hunter2") }, "9 p-lost"},
	})
	checkBroken(t, []broken{
		{"not whole", in("hunter2-hunter"), ""},
		{"what upstream sent", func(h *history) {
			h.Created = append(h.Created, invariant.Input{Seq: 1 << 30, Time: h.Now, Body: []byte("hunter2-hunter2")})
			h.Dead = append(h.Dead, invariant.Dead{Stage: invariant.StageIntake, Reason: "not_json", SourceSeq: 1 << 30, Body: []byte("hunter2-hunter2")})
		}, ""},
		{"nothing and single bytes are no secrets", func(h *history) { h.Sealed = []string{"", "e", "{"} }, ""},
	})
}
