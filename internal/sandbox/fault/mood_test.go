package fault

import (
	"testing"
	"time"
)

func mustAdd(t *testing.T, p *Plan, troubles ...Trouble) {
	t.Helper()
	for _, trouble := range troubles {
		if err := p.Add(trouble); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPlan_Mood_RevokesTokensOnceOrAgainAndAgain_AndForGood(t *testing.T) {
	from := started.Add(time.Hour)
	once := Trouble{Provider: "halyk", Kind: TokensRevoked, From: from, Until: from.Add(time.Hour)}
	again := once
	again.Every = 20 * time.Minute
	rows := []struct {
		name string
		is   Trouble
		at   time.Duration
		want time.Duration // below 0: nothing was revoked
	}{
		{"before", once, -1, -1}, {"at once", once, 0, 0}, {"later", once, 59 * time.Minute, 0}, {"after its end", once, 99 * time.Hour, 0},
		{"again", again, 20 * time.Minute, 20 * time.Minute}, {"before the next", again, 40*time.Minute - 1, 20 * time.Minute},
		{"the last one", again, 99 * time.Hour, 40 * time.Minute},
	}
	for _, row := range rows {
		p := New(1, None, started, step)
		mustAdd(t, p, row.is, Trouble{Provider: "halyk", Kind: OutageReset, Until: from.Add(time.Hour)}) // which changes nothing
		want := from.Add(row.want)
		if row.want < 0 {
			want = time.Time{}
		}
		if got := p.Mood("halyk", from.Add(row.at)).Revoked; !got.Equal(want) {
			t.Errorf("%s: revoked %v, want %v", row.name, got, want)
		}
		if got := p.Mood("uapay", from.Add(row.at)); got != (Mood{}) {
			t.Errorf("%s: another provider is %+v", row.name, got)
		}
	}
}

func TestPlan_Mood_TheClockHoldsBesideOtherTroubles(t *testing.T) {
	p, until := New(1, None, started, step), started.Add(time.Hour)
	mustAdd(t, p, Trouble{Provider: "halyk", Kind: ClockStepped, Clock: -3 * time.Hour, Until: until},
		Trouble{Provider: "halyk", Kind: Forgets, From: started, Until: until})
	m := p.Mood("halyk", started)
	if m.Clock != -3*time.Hour || m.Tells.Kind != Forgets || m.Refuses.Kind != OK {
		t.Errorf("the mood is %+v", m)
	}
	mustAdd(t, p, Trouble{Provider: "halyk", Kind: LoginRefused, Until: until})
	if m := p.Mood("halyk", started); m.Clock == 0 || m.Tells.Kind != OK || m.Refuses.Kind != LoginRefused {
		t.Errorf("the latest trouble does not win: %+v", m)
	}
	if m := p.Mood("halyk", until); m != (Mood{}) {
		t.Errorf("after all the mood is %+v", m)
	}
}

func TestPlan_Meets_AnswersThatAreNone_ForTokensToo(t *testing.T) {
	for _, kind := range answerKinds {
		p := New(1, Many, started, step)
		trouble := Trouble{Provider: "halyk", Kind: kind, RetryAfter: time.Hour, Until: started.Add(time.Hour)}
		mustAdd(t, p, trouble)
		for _, credential := range []bool{false, true} {
			if got := p.Meets("halyk", "x", credential, started); got != trouble {
				t.Errorf("%s: met %+v", kind, got)
			}
		}
	}
	for _, kind := range append(tellingKinds, refusalKinds...) {
		p := New(1, Many, started, step)
		mustAdd(t, p, Trouble{Provider: "halyk", Kind: kind, Until: started.Add(time.Hour)})
		if got := p.Meets("halyk", "x", false, started); got != (Trouble{}) {
			t.Errorf("%s changes words, and met %+v", kind, got)
		}
	}
}

func TestPlan_HookMeets_ItsOwnTroubleOrEveryHooks_TheLatestFirst(t *testing.T) {
	p, until := New(1, None, started, step), started.Add(time.Hour)
	mustAdd(t, p, Trouble{Hook: "shop", Kind: Error500, Until: until}, Trouble{Provider: "halyk", Kind: OutageReset, Until: until})
	if got := p.HookMeets("shop", "evt", started).Kind; got != Error500 {
		t.Errorf("the hook met %q", got)
	}
	if got := p.HookMeets("other", "evt", started).Kind; got != OK {
		t.Errorf("another hook met %q", got)
	}
	mustAdd(t, p, Trouble{Hook: AllHooks, Kind: SlowReading, Late: time.Second, Until: until})
	for _, hook := range []string{"shop", "other"} {
		if got := p.HookMeets(hook, "evt", started).Kind; got != SlowReading {
			t.Errorf("%s met %q", hook, got)
		}
	}
	if got := p.Connection(started); got.Kind != SlowReading || got.Late != time.Second {
		t.Errorf("connections meet %+v", got)
	}
	mustAdd(t, p, Trouble{Hook: "shop", Kind: Gone})
	if got := p.HookMeets("shop", "evt", started.Add(1000*time.Hour)).Kind; got != Gone {
		t.Errorf("for good is %q", got)
	}
	if got := p.Connection(until).Kind; got != OK {
		t.Errorf("after all connections meet %q", got)
	}
}

func TestTrouble_RetryAfterText(t *testing.T) {
	now := time.Date(2026, 2, 3, 10, 0, 0, 700_000_000, time.UTC)
	wait := Trouble{RetryAfter: 90 * time.Minute}
	if got := wait.RetryAfterText(now); got != "5400" {
		t.Errorf("in seconds: %q", got)
	}
	wait.AsDate = true
	if got := wait.RetryAfterText(now); got != "Tue, 03 Feb 2026 11:30:00 GMT" {
		t.Errorf("as a date: %q", got)
	}
}
