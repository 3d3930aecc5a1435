package invariant_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/invariant"
)

// patient is an account that gives up after a second, which all of the valid history
// waits for.
func patient() invariant.GiveUp {
	return invariant.GiveUp{Account: "bank", After: time.Second, Longest: time.Hour, AbsenceFinal: true}
}

func TestCheck_NobodyIsGivenUpTooEarly(t *testing.T) {
	account := func(change func(*invariant.GiveUp)) func(*history) {
		return func(h *history) {
			g := patient()
			change(&g)
			h.GiveUps = []invariant.GiveUp{g}
		}
	}
	checkBroken(t, []broken{
		{"as it has to be", account(func(*invariant.GiveUp) {}), ""},
		{"after too short a watch", account(func(g *invariant.GiveUp) { g.After = time.Hour }), "8 p-expired, 8 p-unknown"},
		{"of another account", account(func(g *invariant.GiveUp) { g.Account, g.After = "else", time.Hour }), ""},
		{"gaps are no watch", account(func(g *invariant.GiveUp) { g.Longest = time.Millisecond }), "8 p-expired, 8 p-unknown"},
		{"absence says nothing", account(func(g *invariant.GiveUp) { g.AbsenceFinal = false }), "3 p-expired"},
		{"absence says something only after an expiry, and there is none", account(func(g *invariant.GiveUp) { g.AfterExpiry = true }), "3 p-expired"},
		{"looks in which nobody spoke are no watch", func(h *history) {
			h.GiveUps = []invariant.GiveUp{patient()}
			for i := range h.Looks {
				h.Looks[i].Faulty = h.Looks[i].Faulty || h.Looks[i].Payment == "p-unknown"
			}
		}, "8 p-unknown"},
		{"the ledgers are not at hand", func(h *history) {
			account(func(g *invariant.GiveUp) { g.After = time.Hour })(h)
			h.Without.Looks = true
		}, ""},
	})
}

// refusedReceipt is the first attempt at version 2 of a payment, which endpoint "all"
// refused.
func refusedReceipt(h *history, id string) *invariant.Receipt {
	event := eventOf(h, id, 2)
	i := slices.IndexFunc(h.Receipts, func(r invariant.Receipt) bool { return r.EventID == event && r.Endpoint == "all" && !r.Delivered })
	return &h.Receipts[i]
}

func eventOf(h *history, id string, version int) string {
	n := 0
	for _, e := range h.Events {
		if e.Payment == id {
			if n++; n == version {
				return e.ID
			}
		}
	}
	return ""
}

func TestCheck_MerchantsAreWaitedFor(t *testing.T) {
	limits := invariant.WebhookLimits{Attempts: 2, RetryAfter: 6 * time.Hour, InFlight: time.Hour}
	with := func(spoil func(*history)) func(*history) {
		return func(h *history) {
			h.Webhooks = limits
			// What was given up had two attempts, as the limits want it.
			for i, a := range h.Attempts {
				if a.Outcome == invariant.OutcomeExhausted {
					failed := a
					failed.Outcome = invariant.OutcomeFailed
					h.Attempts = slices.Insert(h.Attempts, i, failed)
					break
				}
			}
			spoil(h)
		}
	}
	checkBroken(t, []broken{
		{"as it has to be", with(func(*history) {}), ""},
		{"given up too soon", with(func(h *history) { h.Webhooks.Attempts = 3 }), "5 p-lost"},
		{"not given up in the end", with(func(h *history) { h.Webhooks.Attempts = 1 }), "5 p-forged, 5 p-late, 5 p-lost, 5 p-refunded, 5 p-wrong, 5 p-expired, 5 p-skips, 5 p-unknown"},
		{"given up for another reason", with(func(h *history) {
			h.Webhooks.Attempts = 3
			for i := range h.Dead {
				if h.Dead[i].Reason == invariant.ReasonExhausted {
					h.Dead[i].Reason = "gone"
				}
			}
		}), ""},
		{"given up and no dead letter", func(h *history) { dropDead(h, invariant.ReasonExhausted) }, "5 p-lost"},
		{"asked before its Retry-After", with(func(h *history) { refusedReceipt(h, "p-late").RetryAfter = time.Minute }), "5 p-late"},
		{"of a Retry-After beyond the longest, the longest", with(func(h *history) {
			h.Webhooks.RetryAfter = time.Millisecond
			refusedReceipt(h, "p-late").RetryAfter = time.Minute
		}), ""},
		{"asked before its Retry-After, which a worker that died had heard", with(func(h *history) {
			refusedReceipt(h, "p-late").RetryAfter = time.Minute
			event := eventOf(h, "p-late", 2)
			h.Attempts = slices.DeleteFunc(h.Attempts, func(a invariant.Attempt) bool {
				return a.EventID == event && a.Outcome == invariant.OutcomeFailed
			})
		}), ""},
		{"gone, and asked while it was not known yet", with(func(h *history) { refusedReceipt(h, "p-lost").Gone = true }), ""},
		{"gone, and asked later", with(func(h *history) {
			h.Webhooks.InFlight = time.Millisecond
			refusedReceipt(h, "p-lost").Gone = true
		}), "5 p-lost"},
	})
}
