package endpoint

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
)

func day(n float64) time.Time {
	return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n * 24 * float64(time.Hour)))
}

// The states that the rows begin from.
func failing(told int) State {
	return State{Status: Enabled, FailingSince: day(0), Told: told, Alarmed: told > 0, ChangedAt: day(0)}
}

func off(s Status, why Reason) State {
	return State{Status: s, Reason: why, Since: day(0), ChangedAt: day(0), Told: 100, Alarmed: true}
}

func TestState_AfterAnAttempt(t *testing.T) {
	const limit = 5 * 24 * time.Hour
	gone := func(s State, at time.Time) State {
		s.Status, s.Reason, s.Since, s.ChangedAt, s.Told, s.Alarmed = Disabled, Gone, at, at, 100, true
		return s
	}
	rows := []struct {
		name    string
		from    State
		outcome Outcome
		at      time.Time
		want    State
		tell    []Event
	}{
		{"healthy, succeeds", State{}, Succeeded, day(1), State{}, nil},
		{"healthy, not counted", State{}, NotCounted, day(1), State{}, nil},
		{"healthy, fails for the first time", State{}, Failed, day(1), State{FailingSince: day(1), ChangedAt: day(1)}, nil},
		{"healthy for a moment only, fails", State{ChangedAt: day(1)}, Failed, day(1).Add(calm - 1), State{ChangedAt: day(1)}, nil},
		{"healthy for long enough, fails", State{ChangedAt: day(1)}, Failed, day(1).Add(calm), State{ChangedAt: day(1).Add(calm), FailingSince: day(1).Add(calm)}, nil},
		{"healthy, gone", State{}, AnsweredGone, day(1), gone(State{}, day(1)), []Event{{Type: TypeDisabled, At: day(1), Share: 100, Reason: Gone}}},
		{"failing, fails before half", failing(0), Failed, day(2.5).Add(-1), failing(0), nil},
		{"failing, not counted, past the end", failing(0), NotCounted, day(9), failing(0), nil},
		{"failing, fails at half", failing(0), Failed, day(2.5), State{Status: Enabled, FailingSince: day(0), Told: 50, Alarmed: true, ChangedAt: day(2.5)},
			[]Event{{Type: TypeFailing, At: day(2.5), Share: 50, Reason: Failing, FailingSince: day(0), DisablesAt: day(5)}}},
		{"half told, fails again", failing(50), Failed, day(3), failing(50), nil},
		{"half told, fails at three quarters", failing(50), Failed, day(3.75), State{Status: Enabled, FailingSince: day(0), Told: 75, Alarmed: true, ChangedAt: day(3.75)},
			[]Event{{Type: TypeFailing, At: day(3.75), Share: 75, Reason: Failing, FailingSince: day(0), DisablesAt: day(5)}}},
		{"nothing told, fails past three quarters", failing(0), Failed, day(4), State{Status: Enabled, FailingSince: day(0), Told: 75, Alarmed: true, ChangedAt: day(4)},
			[]Event{{Type: TypeFailing, At: day(4), Share: 75, Reason: Failing, FailingSince: day(0), DisablesAt: day(5)}}},
		{"three quarters told, fails before the end", failing(75), Failed, day(5).Add(-1), failing(75), nil},
		{"fails at the end", failing(75), Failed, day(5), State{Status: Disabled, Reason: Failing, Since: day(5), FailingSince: day(0), Told: 100, Alarmed: true, ChangedAt: day(5)},
			[]Event{{Type: TypeDisabled, At: day(5), Share: 100, Reason: Failing, FailingSince: day(0)}}},
		{"failing in secret, succeeds", failing(0), Succeeded, day(1), State{Status: Enabled, ChangedAt: day(1)}, nil},
		{"told of, succeeds", failing(75), Succeeded, day(4), State{Status: Enabled, ChangedAt: day(4)}, []Event{{Type: TypeRecovered, At: day(4), FailingSince: day(0)}}},
		{"failing, gone", failing(50), AnsweredGone, day(3), gone(failing(50), day(3)), []Event{{Type: TypeDisabled, At: day(3), Share: 100, Reason: Gone, FailingSince: day(0)}}},
		{"switched on again, succeeds", State{Status: Enabled, Alarmed: true, ChangedAt: day(6)}, Succeeded, day(7), State{Status: Enabled, ChangedAt: day(7)}, []Event{{Type: TypeRecovered, At: day(7)}}},
		{"disabled for failing, an attempt under way succeeds", off(Disabled, Failing), Succeeded, day(6), off(Disabled, Failing), nil},
		{"disabled for failing, an attempt under way is answered gone", off(Disabled, Failing), AnsweredGone, day(6), off(Disabled, Failing), nil},
		{"gone already", off(Disabled, Gone), AnsweredGone, day(6), off(Disabled, Gone), nil},
		{"disabled by an operator, fails", off(Disabled, ByOperator), Failed, day(6), off(Disabled, ByOperator), nil},
		{"paused, fails", off(Paused, ByOperator), Failed, day(6), off(Paused, ByOperator), nil},
		{"paused, succeeds", off(Paused, ByOperator), Succeeded, day(6), off(Paused, ByOperator), nil},
		{"paused, gone", off(Paused, ByOperator), AnsweredGone, day(6), gone(off(Paused, ByOperator), day(6)), []Event{{Type: TypeDisabled, At: day(6), Share: 100, Reason: Gone}}},
		{"of a newer version", State{Schema: 2, Status: Enabled}, AnsweredGone, day(6), State{Schema: 2, Status: Enabled}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, tell, moved := row.from.After(row.outcome, row.at, limit)
			if !reflect.DeepEqual(got, row.want) || !reflect.DeepEqual(tell, row.tell) {
				t.Errorf("%+v, told %+v\nwant %+v, %+v", got, tell, row.want, row.tell)
			}
			if same := reflect.DeepEqual(row.from, row.want); moved == same {
				t.Errorf("moved is %t", moved)
			}
		})
	}
}

func TestState_AfterAnOperatorsVerb(t *testing.T) {
	on := State{Status: Enabled, Since: day(6), ChangedAt: day(6), Alarmed: true}
	operator := func(s Status, from State) State {
		from.Status, from.Reason, from.Since, from.ChangedAt = s, ByOperator, day(6), day(6)
		return from
	}
	rows := []struct {
		name string
		from State
		verb Verb
		want State
		err  error
	}{
		{"healthy, enable", State{}, Enable, State{}, nil},
		{"healthy, disable", State{}, Disable, operator(Disabled, State{}), nil},
		{"healthy, pause", State{}, Pause, operator(Paused, State{}), nil},
		{"healthy, resume", State{}, Resume, State{}, ErrNotPaused},
		{"failing, enable", failing(50), Enable, failing(50), nil},
		{"failing, disable", failing(50), Disable, operator(Disabled, failing(50)), nil},
		{"failing, pause", failing(50), Pause, operator(Paused, failing(50)), nil},
		{"disabled for failing, enable", off(Disabled, Failing), Enable, on, nil},
		{"disabled for failing, resume", off(Disabled, Failing), Resume, off(Disabled, Failing), ErrNotPaused},
		{"disabled for failing, pause", off(Disabled, Failing), Pause, off(Disabled, Failing), ErrIsDisabled},
		{"gone, enable", off(Disabled, Gone), Enable, on, nil},
		{"gone, disable", off(Disabled, Gone), Disable, off(Disabled, Gone), nil},
		{"paused, enable", off(Paused, ByOperator), Enable, on, nil},
		{"paused, resume", off(Paused, ByOperator), Resume, on, nil},
		{"paused, pause", off(Paused, ByOperator), Pause, off(Paused, ByOperator), nil},
		{"paused, disable", off(Paused, ByOperator), Disable, operator(Disabled, off(Paused, ByOperator)), nil},
		{"of a newer version", State{Schema: 2}, Enable, State{Schema: 2}, ErrNewer},
		{"verb of nobody", State{}, "explode", State{}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, moved, err := row.from.Do(row.verb, day(6))
			if !reflect.DeepEqual(got, row.want) || !errors.Is(err, row.err) {
				t.Errorf("%+v, %v\nwant %+v, %v", got, err, row.want, row.err)
			}
			if same := reflect.DeepEqual(row.from, row.want); moved == same {
				t.Errorf("moved is %t", moved)
			}
		})
	}
}

func TestOutcomeOf_KnowsEveryAction(t *testing.T) {
	want := map[notify.Action]Outcome{notify.Delivered: Succeeded, notify.Retry: Failed, notify.Disable: AnsweredGone, notify.NotCharged: NotCounted}
	for _, class := range webhook.Classes() {
		action := notify.Judge(webhook.Result{Class: class}).Action
		if got, ok := want[action]; !ok || OutcomeOf(action) != got {
			t.Errorf("action %q is outcome %d", action, OutcomeOf(action))
		}
	}
	if OutcomeOf("of a newer version") != NotCounted {
		t.Error("an unknown action counts")
	}
}

func TestState_OwesABoundedNumberOfEvents(t *testing.T) {
	s := State{}
	for i := range 2 * maxOwed {
		s = s.owing(name{"m", "e"}, []Event{{Type: TypeFailing, At: day(float64(i))}})
	}
	if len(s.Owed) != maxOwed || !s.Owed[maxOwed-1].At.Equal(day(2*maxOwed-1)) {
		t.Errorf("%d events, the last of %v", len(s.Owed), s.Owed[len(s.Owed)-1].At)
	}
}

func TestEvent_IDIsOnePerEvent(t *testing.T) {
	seen := map[string]bool{}
	for _, of := range []name{{"m", "e"}, {"m", "f"}, {"m/e", "e"}, {"m=2Fe", "e"}} {
		for _, e := range []Event{{Type: TypeFailing, At: day(1), Share: 50}, {Type: TypeFailing, At: day(1), Share: 75}, {Type: TypeFailing, At: day(2), Share: 50}, {Type: TypeRecovered, At: day(1)}} {
			id := e.id(of)
			if seen[id] || id != e.id(of) || strings.Contains(id, ".") {
				t.Errorf("id %s of %+v", id, e)
			}
			seen[id] = true
		}
	}
}

func FuzzParseState(f *testing.F) {
	whole, err := State{Status: Disabled, Reason: Failing, Since: day(5), FailingSince: day(0), Told: 100, Alarmed: true, ChangedAt: day(5)}.encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, []byte(`{"schema":2,"status":"enabled"}`), []byte(`{"schema":2,"status":7}`), []byte(`{}`), []byte(`null`), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := parseState(value)
		switch {
		case errors.Is(err, ErrNewer):
			if _, _, moved := s.After(AnsweredGone, day(1), time.Hour); moved {
				t.Error("a newer state is moved")
			}
		case err == nil:
			again, err := s.encode()
			if err != nil {
				return // a time outside JSON's years
			}
			if back, err := parseState(again); err != nil || !reflect.DeepEqual(back, s) {
				t.Errorf("%+v came back as %+v, %v", s, back, err)
			}
		}
	})
}

func FuzzParseDocument(f *testing.F) {
	whole, err := Document{Merchant: "shop", Endpoints: []Record{{ID: "a", URL: "https://shop.example", Signing: SigningV1}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, append(whole, '1'), []byte(`{"schema":2}`), []byte(`{"schema":1,"merchant":"shop","endpoints":[{"id":"a"},{"id":"a"}]}`), []byte(`null`)} {
		f.Add("shop", seed)
	}
	sealer, err := NewSealer([]Key{key("k1", 'a')}, strings.NewReader(""))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, merchant string, value []byte) {
		d, err := parseDocument(merchant, value)
		if err != nil {
			return
		}
		if d.Merchant != merchant {
			t.Error("another merchant's document is believed")
		}
		for _, r := range d.Endpoints { // nothing nobody sealed is ever told anything
			phases, err := (opener{sealer: sealer}).open(merchant, r, day(0))
			if e := at(phases, day(0)); err == nil || !e.Disabled || len(e.Secrets) > 0 {
				t.Errorf("endpoint %q opens", r.ID)
			}
		}
	})
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"merchant.shop", "state.shop.a", "state.=.a", "merchant.", "state.a=2Eb.c", "other"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		of, err := parseKey(text)
		if err != nil {
			return
		}
		back := stateKey(of)
		if of.id == "" {
			back = merchantKey(of.merchant)
		}
		if back != text {
			t.Errorf("%q came back as %q", text, back)
		}
	})
}

func TestEventSubject_IsNoAttemptsSubject(t *testing.T) {
	for subject, want := range map[string]bool{
		EventSubject(TypeFailing, "shop.a", "orders"): true,
		"webhooks.delivered.m.e.p.1":                  false,
		"webhooks.endpoint.m.e.p.1":                   false,
		"webhooks.endpoint.failing.m":                 false,
	} {
		if IsEventSubject(subject) != want {
			t.Errorf("%s: %t", subject, !want)
		}
	}
}
