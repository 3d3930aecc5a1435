package fault

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestPlan_Trouble_LastsFromItsBeginningToItsEnd_AtItsProviderOnly(t *testing.T) {
	for _, kind := range outageKinds {
		p := New(1, None, started, step)
		from, until := started.Add(time.Hour), started.Add(7*time.Hour)
		if err := p.Add(Trouble{Provider: "halyk", Kind: kind, From: from, Until: until}); err != nil {
			t.Fatal(err)
		}
		rows := []struct {
			provider string
			at       time.Time
			want     Kind
		}{
			{"halyk", from.Add(-1), OK}, {"halyk", from, kind}, {"halyk", until.Add(-1), kind}, {"halyk", until, OK},
			{"uapay", from, OK},
		}
		for _, row := range rows {
			if got := p.Outage(row.provider, row.at); got.Kind != row.want {
				t.Errorf("%s: %s after %v meets %q, want %q", kind, row.provider, row.at.Sub(started), got.Kind, row.want)
			}
		}
	}
}

func TestPlan_Trouble_TheLatestWins_AlsoOverThePlan(t *testing.T) {
	p := New(1, Some, started, step)
	planned := p.Outages("halyk")[0]
	for _, kind := range []Kind{OutageRefused, OutageHang} {
		if err := p.Add(Trouble{Provider: "halyk", Kind: kind, Until: planned.Until}); err != nil {
			t.Fatal(err)
		}
		if got := p.Outage("halyk", planned.From); got.Kind != kind || !got.Until.Equal(planned.Until) {
			t.Errorf("meets %+v, want %s", got, kind)
		}
	}
	if got := p.Outage("halyk", started.Add(-time.Hour)); got.Kind != OutageHang {
		t.Errorf("without a beginning it begins with %q", got.Kind)
	}
}

func TestPlan_Trouble_RefusesWhatCannotBe(t *testing.T) {
	rows := []Trouble{
		{Provider: "halyk", Kind: Hang, Until: started}, {Provider: "halyk", Kind: OK, Until: started}, {Provider: "halyk", Kind: OutageHang},
		{Provider: "halyk", Kind: OutageHang, From: started, Until: started}, {Kind: OutageHang, Until: started},
		{Provider: "halyk", Hook: "shop", Kind: OutageHang, Until: started}, {Provider: "halyk", Kind: Gone, Until: started},
		{Hook: "shop", Kind: Flapping, Until: started}, {Hook: "shop", Kind: OutageHang}, {Hook: "shop", Kind: SlowReading, Until: started},
		{Hook: "shop", Kind: OutageRefused, Until: started}, {Provider: "halyk", Kind: Slow, Late: -1, Until: started},
		{Provider: "halyk", Kind: Throttle, RetryAfter: time.Millisecond, Until: started},
		{Provider: "halyk", Kind: Throttle, RetryAfter: -time.Second, Until: started},
		{Provider: "halyk", Kind: ClockStepped, Until: started}, {Provider: "halyk", Kind: Regression, Looks: -1, Until: started},
		{Provider: "halyk", Kind: TokensRevoked, Every: -1, Until: started},
	}
	p := New(1, None, started, step)
	for _, row := range rows {
		if err := p.Add(row); err == nil {
			t.Errorf("%+v was taken", row)
		}
	}
	if !slices.Contains(TroubleKinds(), OutageHang) {
		t.Error("the kinds of trouble are not listed")
	}
}

func TestPlan_Hostile_LiesInEveryWay_AndIsTooLargeOnlyOnceForAPayment(t *testing.T) {
	seen := map[Kind]bool{}
	p := New(3, Hostile, started, step)
	for payment := range 400 {
		large := 0
		for range 30 {
			k := p.Ask("uapay", strconv.Itoa(payment))
			if k != OK && !k.Hostile() {
				t.Fatalf("%s is no lie", k)
			}
			if seen[k] = true; k.tooLarge() {
				large++
			}
		}
		if large > 1 {
			t.Errorf("payment %d: %d answers too large", payment, large)
		}
	}
	for _, k := range HostileKinds() {
		if !seen[k] {
			t.Errorf("%s never came", k)
		}
	}
}

func TestPlan_Meets_WhatTheTroubleIs_SparingTokens_ElseWhatTheLevelHas(t *testing.T) {
	p, level := New(5, Many, started, step), New(5, Many, started, step)
	from, until := started.Add(time.Hour), started.Add(2*time.Hour)
	if err := p.Add(Trouble{Provider: "halyk", Kind: Forged, From: from, Until: until}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if got, want := p.Meets("halyk", "x", false, from.Add(-1)).Kind, level.Ask("halyk", "x"); got != want {
			t.Errorf("before: met %q, the level has %q", got, want)
		}
		if got := p.Meets("halyk", "x", false, from).Kind; got != Forged {
			t.Errorf("met %q", got)
		}
		if got := p.Meets("halyk", "token", true, from).Kind; got != OK {
			t.Errorf("a token met %q", got)
		}
		if got := p.Outage("halyk", from); got.Kind != OK {
			t.Errorf("a lie is an outage: %+v", got)
		}
	}
	if err := p.Add(Trouble{Provider: "halyk", Kind: Anything, Until: until}); err != nil {
		t.Fatal(err)
	}
	seen := map[Kind]bool{}
	for range HostileKinds() {
		seen[p.Meets("halyk", "x", false, from).Kind] = true
	}
	if len(seen) != len(HostileKinds()) {
		t.Errorf("in turn came %v", seen)
	}
}
