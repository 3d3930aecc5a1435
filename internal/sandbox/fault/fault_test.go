package fault

import (
	"fmt"
	"testing"
	"time"
)

var started = time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)

const step = time.Second

func TestParse_KnowsExactlyTheLevels(t *testing.T) {
	for _, l := range []Level{None, Some, Many, Hostile} {
		if got, err := Parse(l.String()); err != nil || got != l {
			t.Errorf("%s: %v, %v", l, got, err)
		}
	}
	for _, bad := range []string{"", "None", "all", "some "} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was taken for a level", bad)
		}
	}
	if Level(9).String() != "level(9)" {
		t.Errorf("an unknown level is called %q", Level(9))
	}
}

func TestPlan_None_NothingGoesWrong(t *testing.T) {
	p := New(1, None, started, step)
	for i := range 2000 {
		key := fmt.Sprint(i)
		if k := p.Ask("finipay", key); k != OK {
			t.Fatalf("ask %d met %s", i, k)
		}
		if k := p.Hook(key); k != OK {
			t.Fatalf("webhook %d met %s", i, k)
		}
		if k := p.Outage("finipay", started.Add(time.Duration(i)*step)).Kind; k != OK {
			t.Fatalf("second %d: %s", i, k)
		}
	}
	if p.Rough() || p.Outages("finipay") != nil {
		t.Error("a calm plan is rough")
	}
}

func TestPlan_Asks_AreBoundedInARowAndInAll(t *testing.T) {
	rows := []struct {
		level    Level
		row, all int
		from, to float64
	}{
		{Some, 2, 6, 0.04, 0.12}, {Many, 3, 15, 0.12, 0.35}, {Hostile, 2, 12, 0.1, 0.25},
	}
	for _, want := range rows {
		asked, failed := 0, 0
		for seed := range uint64(20) {
			p := New(seed, want.level, started, step)
			for payment := range 50 {
				row, all := 0, 0
				for range 40 {
					asked++
					if p.Ask("halyk", fmt.Sprint(payment)) == OK {
						row = 0
						continue
					}
					failed, row, all = failed+1, row+1, all+1
					if row > want.row || all > want.all {
						t.Fatalf("%s, seed %d: %d faults in a row, %d in all for one payment", want.level, seed, row, all)
					}
				}
			}
		}
		if share := float64(failed) / float64(asked); share < want.from || share > want.to {
			t.Errorf("%s: a share of %.3f of asks failed, want %.2f to %.2f", want.level, share, want.from, want.to)
		}
	}
}

func TestPlan_Asks_EveryKindHappens_AndGarbageNeverTwiceRunning(t *testing.T) {
	seen := map[Kind]bool{}
	p := New(3, Many, started, step)
	for payment := range 400 {
		last := OK
		for range 30 {
			k := p.Ask("uapay", fmt.Sprint(payment))
			if k == Garbage && last == Garbage {
				t.Fatal("garbage came twice running")
			}
			seen[k], last = true, k
		}
	}
	for _, k := range askKinds {
		if !seen[k] {
			t.Errorf("%s never happened", k)
		}
	}
}

// The plan of one payment must not depend on what else is asked in between.
func TestPlan_Asks_AreFixedBySeedPaymentAndCount(t *testing.T) {
	alone, crowded := New(5, Many, started, step), New(5, Many, started, step)
	for i := range 40 {
		for other := range 3 {
			crowded.Ask("halyk", fmt.Sprint("other", other))
		}
		if a, b := alone.Ask("halyk", "x"), crowded.Ask("halyk", "x"); a != b {
			t.Fatalf("ask %d: %s alone, %s in a crowd", i, a, b)
		}
	}
}

func TestPlan_Outages_AreShortWindowsSoonAfterTheStart(t *testing.T) {
	for seed := range uint64(100) {
		for level, count := range map[Level]int{Some: 1, Many: 2} {
			p := New(seed, level, started, step)
			windows := p.Outages("ecommpay")
			if len(windows) != count {
				t.Fatalf("%s has %d outages", level, len(windows))
			}
			for i, w := range windows {
				first, last := started.Add(time.Duration(1+10*i)*step), started.Add(time.Duration(5+10*i)*step)
				if w.From.Before(first) || w.From.After(last) || w.Until.Sub(w.From) != 2*step {
					t.Errorf("seed %d: outage %d from %v until %v", seed, i, w.From.Sub(started), w.Until.Sub(started))
				}
				if p.Outage("ecommpay", w.From).Kind == OK || p.Outage("ecommpay", w.Until.Add(-1)).Kind == OK {
					t.Error("asks are answered in an outage")
				}
				if p.Outage("ecommpay", w.From.Add(-1)).Kind != OK || p.Outage("ecommpay", w.Until).Kind != OK {
					t.Error("asks fail outside the outage")
				}
			}
		}
	}
}

func TestPlan_Hooks_OnlyTheFirstAttemptsFail(t *testing.T) {
	p := New(11, Many, started, step)
	seen, counts := map[Kind]bool{}, map[int]int{}
	for i := range 500 {
		id := fmt.Sprint("evt_", i)
		failures := p.HookFailures(id)
		if failures < 0 || failures > 3 {
			t.Fatalf("%s is to fail %d times", id, failures)
		}
		counts[failures]++
		for attempt := range 8 {
			k := p.Hook(id)
			seen[k] = true
			if (k != OK) != (attempt < failures) {
				t.Fatalf("%s, attempt %d of %d failing: %q", id, attempt+1, failures, k)
			}
		}
	}
	for _, k := range HookKinds() {
		if !seen[k] {
			t.Errorf("%s never happened", k)
		}
	}
	for failures := range 4 {
		if counts[failures] == 0 {
			t.Errorf("no webhook fails %d times", failures)
		}
	}
}
