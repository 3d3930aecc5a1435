package invariant_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/invariant"
)

var asksFrom = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after is an ask that many milliseconds after the start, which takes some.
func after(start, takes int, outcome invariant.AskOutcome) invariant.Ask {
	arrived := asksFrom.Add(time.Duration(start) * time.Millisecond)
	return invariant.Ask{Account: "bank", Arrived: arrived, Ended: arrived.Add(time.Duration(takes) * time.Millisecond), Outcome: outcome}
}

// every repeats an ask.
func every(gap, n int, ask invariant.Ask) []invariant.Ask {
	var all []invariant.Ask
	for i := range n {
		again := ask
		wait := time.Duration(i*gap) * time.Millisecond
		again.Arrived = ask.Arrived.Add(wait)
		if !ask.Ended.IsZero() {
			again.Ended = ask.Ended.Add(wait)
		}
		all = append(all, again)
	}
	return all
}

func limits() invariant.Limits {
	const s = time.Second
	return invariant.Limits{
		Account: "bank", Rate: 10, Burst: 4, Concurrency: 3, Failures: 3, Reopen: []time.Duration{5 * s, 10 * s, 20 * s}, Workers: 2,
		Notice: 100 * time.Millisecond,
	}
}

const (
	fails    = invariant.AskFailed
	succeeds = invariant.AskSucceeded
	nothing  = invariant.AskSaysNothing
)

func TestCheck_Rule7_JudgesAsksByTheLimits(t *testing.T) {
	// Five failures open a breaker of two workers with a threshold of three.
	opens := every(200, 5, after(0, 10, fails))
	credential := after(0, 1, succeeds)
	credential.Credential = true
	slow := credential
	slow.Ended = slow.Arrived.Add(3 * time.Second)
	waited := every(0, 3, after(3000, 1, succeeds))
	elsewhere := after(0, 1, succeeds)
	elsewhere.Account = "other"
	open := after(0, 0, succeeds)
	open.Ended = time.Time{}
	rows := []struct {
		name string
		asks [][]invariant.Ask
		want []string // parts of the violations, in order
	}{
		{"at the rate for long", [][]invariant.Ask{every(100, 200, after(0, 1, succeeds))}, nil},
		{"a burst after a pause", [][]invariant.Ask{every(0, 4, after(0, 1, succeeds)), every(0, 4, after(400, 1, succeeds))}, nil},
		{"a burst without a pause", [][]invariant.Ask{every(0, 4, after(0, 1, succeeds)), every(0, 4, after(100, 1, succeeds))}, []string{"above its rate", "above its rate"}},
		{"a little above the rate for long", [][]invariant.Ask{every(90, 60, after(0, 1, succeeds))}, []string{"above its rate"}},
		{"tokens do not count", [][]invariant.Ask{every(0, 50, credential)}, nil},
		{"those that waited for a token come together", [][]invariant.Ask{{slow}, every(0, 4, after(2900, 1, succeeds)), waited}, nil},
		{"more of them than may be in hand", [][]invariant.Ask{{slow}, every(0, 4, after(2900, 1, succeeds)), waited, every(0, 3, after(3010, 1, succeeds))}, []string{"above its rate"}},
		{"those that came later than the token", [][]invariant.Ask{{slow}, every(0, 4, after(3150, 1, succeeds)), every(0, 3, after(3160, 1, succeeds))}, []string{"above its rate", "above its rate"}},
		{"another account's do not count", [][]invariant.Ask{every(0, 50, elsewhere)}, nil},
		{"three in hand", [][]invariant.Ask{every(200, 20, after(0, 600, succeeds))}, nil},
		{"four in hand", [][]invariant.Ask{every(200, 4, after(0, 5000, succeeds))}, []string{"4 asks in hand"}},
		{"four that never end", [][]invariant.Ask{every(200, 4, open)}, []string{"4 asks in hand"}},
		{"four failures open nothing for sure", [][]invariant.Ask{opens[:4], every(200, 5, after(800, 10, nothing))}, nil},
		{"a success begins anew", [][]invariant.Ask{opens[:4], {after(800, 10, succeeds)}, every(200, 4, after(1000, 10, fails)), every(200, 5, after(2000, 10, succeeds))}, nil},
		{"asks that were under way", [][]invariant.Ask{opens, {after(850, 900, fails)}, {after(6000, 10, fails)}}, nil},
		{"probes at their times", [][]invariant.Ask{opens, {after(6000, 10, fails), after(16010, 10, fails), after(36020, 10, fails), after(56030, 10, succeeds)}, every(200, 5, after(56040, 1, succeeds))}, nil},
		{"a second probe too early", [][]invariant.Ask{opens, {after(6000, 10, fails), after(15000, 10, fails)}}, []string{"before its breaker"}},
		{"reopen times that do not grow", [][]invariant.Ask{opens, {after(6000, 10, fails), after(16010, 10, fails), after(27000, 10, fails)}}, []string{"before its breaker"}},
		{"two probes at once", [][]invariant.Ask{opens, {after(6000, 900, fails), after(6100, 900, fails)}}, []string{"beside another probe"}},
		{"two probes at one instant", [][]invariant.Ask{opens, {after(6000, 10, fails), after(6000, 10, fails)}}, []string{"beside another probe"}},
		{"probes that take no time", [][]invariant.Ask{opens, {after(6000, 0, fails), after(16010, 0, fails)}}, nil},
		{"all at once after a success that took no time", [][]invariant.Ask{opens, {after(6000, 0, succeeds)}, every(0, 3, after(6000, 0, succeeds))}, nil},
		{"a probe that said nothing", [][]invariant.Ask{opens, {after(6000, 10, nothing), after(6020, 10, fails), after(16040, 10, fails)}}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h := invariant.History{Limits: []invariant.Limits{limits()}, Now: asksFrom.Add(time.Hour)}
			for _, some := range row.asks {
				h.Asks = append(h.Asks, some...)
			}
			slices.Reverse(h.Asks) // the order of the slice must not matter
			found := invariant.Check(h)
			for i, part := range row.want {
				if i >= len(found) || found[i].Rule != 7 || !strings.Contains(found[i].Detail, part) {
					t.Fatalf("found %v, want %q", found, row.want)
				}
			}
			if len(found) != len(row.want) && row.name != "a little above the rate for long" {
				t.Errorf("found %v, want %q", found, row.want)
			}
		})
	}
}

func TestCheck_Rule7_WithoutLimitsAsksAreNotJudged(t *testing.T) {
	h := invariant.History{Asks: every(0, 100, after(0, 1000, fails)), Now: asksFrom}
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	h.Limits = []invariant.Limits{{Account: "bank"}}
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("limits of zero: found %v", found)
	}
}

// Whatever a ledger holds, the judge comes to an end.
func FuzzCheck_Asks(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(3), uint8(2))
	f.Add([]byte{0, 0, 0, 255, 255, 255}, uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, failures, workers uint8) {
		l := limits()
		l.Failures, l.Workers = int(failures), int(workers)
		h := invariant.History{Limits: []invariant.Limits{l}, Now: asksFrom}
		for i := 0; i+2 < len(raw); i += 3 {
			ask := after(int(raw[i])*100, int(raw[i+1])*10-100, invariant.AskOutcome(raw[i+2]%4))
			h.Asks = append(h.Asks, ask)
		}
		if found := invariant.Check(h); len(found) > 3*len(h.Asks) {
			t.Error(fmt.Sprint(len(found), " violations by ", len(h.Asks), " asks"))
		}
	})
}

func TestCheck_Rule8_AnOutageSpendsNoLook(t *testing.T) {
	h := validHistory()
	spend := func(id string, answered int, faulty bool) {
		for i := range h.Pending {
			if p := &h.Pending[i]; p.Payment == id && p.Kind == invariant.KindPoll {
				p.Answered = answered
			}
		}
		for i := range h.Looks {
			if h.Looks[i].Payment == id {
				h.Looks[i].Faulty = faulty
			}
		}
	}
	looks := 0
	for _, l := range h.Looks {
		if l.Payment == "p-late" {
			looks++
		}
	}
	spend("p-late", looks, false)
	if found := invariant.Check(h); len(found) > 0 || looks == 0 {
		t.Fatalf("%d looks: found %v", looks, found)
	}
	spend("p-late", looks+1, false)
	if found := invariant.Check(h); len(found) != 1 || found[0].Rule != 8 {
		t.Errorf("one look too many: found %v", found)
	}
	spend("p-late", 1, true)
	if found := invariant.Check(h); !slices.ContainsFunc(found, func(v invariant.Violation) bool { return v.Rule == 8 }) {
		t.Errorf("a look that was no answer: found %v", found)
	}
	h.Without.Looks = true
	if found := invariant.Check(h); len(found) > 0 {
		t.Errorf("without ledgers: found %v", found)
	}
}
