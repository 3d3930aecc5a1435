package consumer

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func half() float64 { return 0.5 }

// testPolicy is the default policy without jitter.
func testPolicy() Policy {
	return Policy{
		Cadence: retry.Default(), Floor: 10 * time.Second, ExpiryGrace: time.Hour,
		FailureDelay: 30 * time.Second, DoubtLooks: 3, DoubtSpan: 10 * time.Minute,
	}
}

func euros(t testing.TB, amount string) payment.Money {
	t.Helper()
	m, err := payment.ParseMoney(amount, "EUR")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// watching is a payment of 33.00 EUR in that status, created and last changed at noon.
func watching(t testing.TB, status payment.Status) watch {
	w := watch{
		Schema: watchSchema, MerchantID: "m", PaymentID: "p", Account: "a", Reference: payment.Reference{"order_number": "o"},
		Expected: euros(t, "33.00"), CreatedAt: noon, Seq: 7, Version: 2, Status: status, Since: noon, Planned: 10 * time.Second,
	}
	if status.Paid() {
		w.Captured = w.Expected
	}
	return w
}

func saw(t testing.TB, status payment.Status, at time.Time) outcome {
	o := outcome{trigger: payment.TriggerPoll, at: at, observation: payment.Observation{Status: status, ProviderStatus: string(status)}}
	if status.Paid() {
		o.observation.Amount, o.observation.Captured = euros(t, "33.00"), euros(t, "33.00")
	}
	return o
}

func failed(kind providers.Kind, at time.Time) outcome {
	return outcome{trigger: payment.TriggerPoll, at: at, failure: &providers.Error{Kind: kind, Doing: "ask"}}
}

func TestEffects_HaveOneLineForEveryKind(t *testing.T) {
	for _, kind := range providers.Kinds() {
		e, ok := effects[kind]
		if !ok || e.breaker == 0 {
			t.Errorf("kind %s has no effect", kind)
		}
	}
	if len(effects) != len(providers.Kinds()) {
		t.Errorf("%d effects for %d kinds", len(effects), len(providers.Kinds()))
	}
}

// The table for documents is the one that polls are judged by, in the words of
// the design.
func TestOutcomes_AreTheEffects_InWords(t *testing.T) {
	const cadence, doubt, tap = "by the cadence", "by the cadence, soon enough to know whether it lasts", "as soon as the tap lets it through"
	want := []Outcome{
		{Kind: 0, Answered: true, Breaker: "success", Next: cadence},
		{Kind: providers.NotFound, Answered: true, Breaker: "success", Next: cadence},
		{Kind: providers.Throttled, Breaker: "neutral; the tap closes for Retry-After", Next: "after Retry-After"},
		{Kind: providers.Unavailable, Breaker: "failure", Next: tap},
		{Kind: providers.Misconfigured, Breaker: "opens at once", Next: tap, Alarm: true},
		{Kind: providers.UnknownStatus, Breaker: "neutral", Next: cadence, Alarm: true},
		{Kind: providers.Unreadable, Breaker: "neutral", Next: cadence, Alarm: true},
		{Kind: providers.Inconsistent, Answered: true, Breaker: "success", Next: doubt, Doubt: payment.ReasonContradiction},
		{Kind: providers.InvalidReference, Answered: true, Breaker: "neutral", Next: cadence, Alarm: true},
		{Kind: providers.SignatureInvalid, Breaker: "failure", Next: doubt, Doubt: payment.ReasonSignatureInvalid, Alarm: true},
		{Kind: providers.IdentityMismatch, Breaker: "failure", Next: doubt, Doubt: payment.ReasonIdentityMismatch, Alarm: true},
		{Kind: providers.TooLarge, Breaker: "failure", Next: doubt, Doubt: payment.ReasonContradiction, Alarm: true},
	}
	got := Outcomes()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i, line := range want {
		if got[i] != line {
			t.Errorf("%+v, want %+v", got[i], line)
		}
	}
}

// The table of what came back: does the clock run, what does the breaker see,
// when is the next look.
func TestDecide_EachKindHasItsEffect(t *testing.T) {
	const planned = 10 * time.Second
	rows := []struct {
		kind    providers.Kind
		clock   time.Duration
		breaker breakerEffect
		next    time.Duration // of a payment of 6 to 24 hours: 30 min by cadence
	}{
		{providers.NotFound, planned, breakerSuccess, 30 * time.Minute},
		{providers.Throttled, 0, breakerThrottle, 30 * time.Second},
		{providers.Unavailable, 0, breakerFailure, 30 * time.Second},
		{providers.Misconfigured, 0, breakerOpen, 30 * time.Second},
		{providers.UnknownStatus, 0, breakerNeutral, 30 * time.Minute},
		{providers.Unreadable, 0, breakerNeutral, 30 * time.Minute},
		{providers.Inconsistent, planned, breakerSuccess, 5 * time.Minute},
		{providers.InvalidReference, planned, breakerNeutral, 30 * time.Minute},
		{providers.SignatureInvalid, 0, breakerFailure, 5 * time.Minute},
		{providers.IdentityMismatch, 0, breakerFailure, 5 * time.Minute},
		{providers.TooLarge, 0, breakerFailure, 5 * time.Minute},
	}
	if len(rows) != len(providers.Kinds()) {
		t.Fatalf("%d rows for %d kinds", len(rows), len(providers.Kinds()))
	}
	for _, row := range rows {
		t.Run(row.kind.String(), func(t *testing.T) {
			o := failed(row.kind, noon.Add(7*time.Hour))
			w := record(watching(t, payment.Processing), o)
			d := decide(w, o, testPolicy())
			if d.change != noChange {
				t.Errorf("one look of kind %s changes the payment: %+v", row.kind, d)
			}
			if d.watch.Clock != row.clock {
				t.Errorf("clock = %s, want %s", d.watch.Clock, row.clock)
			}
			if got := o.effect().breaker; got != row.breaker {
				t.Errorf("breaker effect = %d, want %d", got, row.breaker)
			}
			if got, more := again(d.watch, o, testPolicy(), half); !more || got != row.next {
				t.Errorf("next look in %s (%v), want %s", got, more, row.next)
			}
		})
	}
}

func TestAgain_NeverComesBeforeRetryAfter(t *testing.T) {
	p := testPolicy()
	p.Jitter = retry.LookJitter()
	o := failed(providers.Throttled, noon)
	o.failure.RetryAfter = 90 * time.Second
	for _, random := range []float64{0, 0.5, 0.999} {
		got, more := again(watching(t, payment.Pending), o, p, func() float64 { return random })
		if !more || got < 90*time.Second || got > 99*time.Second {
			t.Errorf("random %v: next look in %s, want 90 to 99 s", random, got)
		}
	}
}

func TestAgain_FollowsTheCadenceOfTheStatus(t *testing.T) {
	rows := []struct {
		name   string
		status payment.Status
		age    time.Duration
		want   time.Duration
		more   bool
	}{
		{"a young payment every 10 s", payment.Pending, time.Minute, 10 * time.Second, true},
		{"an older one every 2 min", payment.RequiresAction, 20 * time.Minute, 2 * time.Minute, true},
		{"a hold hourly", payment.Authorized, 30 * time.Minute, time.Hour, true},
		{"a success after an hour", payment.Succeeded, 0, time.Hour, true},
		{"a success daily in the end", payment.Succeeded, 5 * retry.Day, retry.Day, true},
		{"a success no more after 14 days", payment.Succeeded, 14 * retry.Day, 0, false},
		{"a failure after 5 min", payment.Failed, 0, 5 * time.Minute, true},
		{"a failure no more after 72 h", payment.Failed, 72 * time.Hour, 0, false},
		{"a given up one 12-hourly", payment.Unknown, time.Hour, 12 * time.Hour, true},
		{"one under review 12-hourly", payment.Review, time.Hour, 12 * time.Hour, true},
		{"a refunded one never", payment.Refunded, 0, 0, false},
		{"an undecided one by the last interval when it is older than the table", payment.Pending, 100 * time.Hour, 2 * time.Hour, true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := saw(t, row.status, noon.Add(row.age))
			got, more := again(watching(t, row.status), o, testPolicy(), half)
			if got != row.want || more != row.more {
				t.Errorf("next look in %s (%v), want %s (%v)", got, more, row.want, row.more)
			}
		})
	}
}

func TestAgain_WatchIsNotEndedByALookThatWasNotAnswered(t *testing.T) {
	o := failed(providers.Unavailable, noon.Add(15*retry.Day))
	if got, more := again(watching(t, payment.Succeeded), o, testPolicy(), half); !more || got != 30*time.Second {
		t.Errorf("next look in %s (%v), want another one in 30 s", got, more)
	}
}

func TestAgain_WatchDoesNotEndInDoubt(t *testing.T) {
	o := failed(providers.Inconsistent, noon.Add(15*retry.Day))
	w := decide(record(watching(t, payment.Succeeded), o), o, testPolicy()).watch
	if got, more := again(w, o, testPolicy(), half); !more || got > testPolicy().DoubtSpan/2 {
		t.Errorf("next look in %s (%v), want another one within %s", got, more, testPolicy().DoubtSpan/2)
	}
	w = watching(t, payment.Review)
	w.Doubt = &doubt{Reason: payment.ReasonRegression, Count: 9, First: noon}
	if _, more := again(w, o, testPolicy(), half); more {
		t.Error("a payment under review is watched for ever")
	}
}

func TestAgain_PutsTheLastLookOnTheLimitButKeepsTheFloor(t *testing.T) {
	o := saw(t, payment.Pending, noon.Add(71*time.Hour))
	w := watching(t, payment.Pending)
	w.Clock = 71 * time.Hour
	if got, _ := again(w, o, testPolicy(), half); got != time.Hour {
		t.Errorf("an hour before the limit: next look in %s, want 1h", got)
	}
	w.Clock = 72*time.Hour - time.Second
	if got, _ := again(w, o, testPolicy(), half); got != 10*time.Second {
		t.Errorf("a second before the limit: next look in %s, want the floor of 10s", got)
	}
}

func TestDecide_GivesUpOnlyAtTheLimitAndOnlyOnAnAnswer(t *testing.T) {
	limit := 72 * time.Hour
	rows := []struct {
		name  string
		clock time.Duration // before this look, which adds 10 s
		o     func(t *testing.T) outcome
		want  change
		to    payment.Status
	}{
		{"before the limit nothing", limit - 11*time.Second, func(t *testing.T) outcome { return saw(t, payment.Pending, noon) }, noChange, ""},
		{"at the limit unknown", limit - 10*time.Second, func(t *testing.T) outcome { return saw(t, payment.Pending, noon) }, giveUp, payment.Unknown},
		{"at the limit with other open news unknown", limit, func(t *testing.T) outcome { return saw(t, payment.Processing, noon) }, giveUp, payment.Unknown},
		{"at the limit with a hold goes on", limit, func(t *testing.T) outcome { return saw(t, payment.Authorized, noon) }, applyLook, ""},
		{"at the limit with a success applies it", limit, func(t *testing.T) outcome { return saw(t, payment.Succeeded, noon) }, applyLook, ""},
		{"not found is an answer", limit, func(*testing.T) outcome { return failed(providers.NotFound, noon) }, giveUp, payment.Unknown},
		{"unavailable ends nothing", limit, func(*testing.T) outcome { return failed(providers.Unavailable, noon) }, noChange, ""},
		{"throttled ends nothing", limit, func(*testing.T) outcome { return failed(providers.Throttled, noon) }, noChange, ""},
		{"misconfigured ends nothing", limit, func(*testing.T) outcome { return failed(providers.Misconfigured, noon) }, noChange, ""},
		{"unreadable ends nothing", limit, func(*testing.T) outcome { return failed(providers.Unreadable, noon) }, noChange, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := watching(t, payment.Pending)
			w.Clock = row.clock
			o := row.o(t)
			d := decide(record(w, o), o, testPolicy())
			if d.change != row.want || d.to != row.to {
				t.Errorf("got change %d to %q, want %d to %q", d.change, d.to, row.want, row.to)
			}
		})
	}
}

func TestDecide_ExpiresOnlyWhereAbsenceIsFinal(t *testing.T) {
	rows := []struct {
		name    string
		absence providers.Absence
		status  payment.Status
		expires time.Time
		clock   time.Duration
		want    payment.Status
	}{
		{"absence not documented as final: unknown at the limit", providers.AbsenceUnsettled, payment.Pending, noon.Add(-2 * time.Hour), 72 * time.Hour, payment.Unknown},
		{"absence final: expired at the limit", providers.AbsenceFinal, payment.Pending, time.Time{}, 72 * time.Hour, payment.Expired},
		{"final after expiry, not expired yet: nothing", providers.AbsenceAfterExpiry, payment.Pending, noon.Add(-59 * time.Minute), 0, ""},
		{"final after expiry and grace: expired", providers.AbsenceAfterExpiry, payment.Pending, noon.Add(-time.Hour), 0, payment.Expired},
		{"final after expiry, none given: unknown at the limit", providers.AbsenceAfterExpiry, payment.Pending, time.Time{}, 72 * time.Hour, payment.Unknown},
		{"known before: never expired by absence", providers.AbsenceAfterExpiry, payment.Processing, noon.Add(-2 * time.Hour), 0, ""},
		{"known before: unknown at the limit", providers.AbsenceFinal, payment.Processing, time.Time{}, 72 * time.Hour, payment.Unknown},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w, p := watching(t, row.status), testPolicy()
			w.ExpiresAt, w.Clock, p.Absence = row.expires, row.clock, row.absence
			o := failed(providers.NotFound, noon)
			d := decide(record(w, o), o, p)
			if d.to != row.want || (row.want != "") != (d.change == giveUp) {
				t.Errorf("change %d to %q, want %q", d.change, d.to, row.want)
			}
		})
	}
}

func TestDecide_DoubtBecomesReviewAfterThreeLooksOverTenMinutes(t *testing.T) {
	w, p := watching(t, payment.Succeeded), testPolicy()
	steps := []struct {
		at   time.Duration
		o    func(at time.Time) outcome
		want change
	}{
		{0, func(at time.Time) outcome { return saw(t, payment.Processing, at) }, noChange},
		{5 * time.Minute, func(at time.Time) outcome { return saw(t, payment.Processing, at) }, noChange},
		{6 * time.Minute, func(at time.Time) outcome { return failed(providers.Unavailable, at) }, noChange}, // no answer, no change of mind
		{9*time.Minute + 59*time.Second, func(at time.Time) outcome { return saw(t, payment.Processing, at) }, noChange},
		{10 * time.Minute, func(at time.Time) outcome { return saw(t, payment.Processing, at) }, toReview},
	}
	for _, step := range steps {
		o := step.o(noon.Add(step.at))
		d := decide(record(w, o), o, p)
		if d.change != step.want {
			t.Fatalf("after %s: change %d, want %d", step.at, d.change, step.want)
		}
		w = d.watch
	}
}

// Three looks had told of the regression within 9 min 38 s, and the fourth was
// answered with garbage: that one knows nothing of it (simulation, world 5091).
func TestDecide_DoubtBecomesNoReview_ByALookThatWasNotAnswered(t *testing.T) {
	for _, kind := range []providers.Kind{providers.Unreadable, providers.Unavailable, providers.Throttled, providers.UnknownStatus, providers.Misconfigured} {
		t.Run(kind.String(), func(t *testing.T) {
			w, p := watching(t, payment.Succeeded), testPolicy()
			for _, at := range []time.Duration{0, 287 * time.Second, 578 * time.Second} {
				o := saw(t, payment.Processing, noon.Add(at))
				w = decide(record(w, o), o, p).watch
			}
			o := failed(kind, noon.Add(14*time.Minute+44*time.Second))
			d := decide(record(w, o), o, p)
			if d.change != noChange || d.watch.Doubt == nil || d.watch.Doubt.Count != 3 {
				t.Fatalf("change %d, doubt %+v, want none and the doubt as it was", d.change, d.watch.Doubt)
			}
			o = saw(t, payment.Processing, noon.Add(20*time.Minute))
			if d := decide(record(d.watch, o), o, p); d.change != toReview || d.reason != payment.ReasonRegression {
				t.Errorf("change %d for %q by the next answer, want a review", d.change, d.reason)
			}
		})
	}
}

func TestDecide_GoodAnswerEndsADoubt(t *testing.T) {
	w, p := watching(t, payment.Succeeded), testPolicy()
	for i, status := range []payment.Status{payment.Processing, payment.Processing, payment.Succeeded, payment.Processing} {
		o := saw(t, status, noon.Add(time.Duration(i)*20*time.Minute))
		d := decide(record(w, o), o, p)
		if d.change != noChange {
			t.Fatalf("look %d changes the payment: %+v", i, d)
		}
		w = d.watch
	}
	if w.Doubt == nil || w.Doubt.Count != 1 {
		t.Errorf("doubt = %+v, want one that began anew", w.Doubt)
	}
}

func TestDecide_LastingWrongSignatureNamesItsReason(t *testing.T) {
	for kind, reason := range map[providers.Kind]payment.Reason{
		providers.SignatureInvalid: payment.ReasonSignatureInvalid,
		providers.IdentityMismatch: payment.ReasonIdentityMismatch,
		providers.TooLarge:         payment.ReasonContradiction,
		providers.Inconsistent:     payment.ReasonContradiction,
	} {
		w := watching(t, payment.Processing)
		var d decision
		for i := range 3 {
			o := failed(kind, noon.Add(time.Duration(i)*5*time.Minute))
			d = decide(record(w, o), o, testPolicy())
			w = d.watch
		}
		if d.change != toReview || d.reason != reason {
			t.Errorf("%s: change %d reason %q, want review for %q", kind, d.change, d.reason, reason)
		}
	}
}

func TestDecide_LeavesAPaymentUnderReviewToItsPerson(t *testing.T) {
	w := watching(t, payment.Review)
	w.Clock = 100 * retry.Day
	for i := range 5 {
		for _, o := range []outcome{
			saw(t, payment.Succeeded, noon.Add(time.Duration(i)*time.Hour)),
			failed(providers.IdentityMismatch, noon.Add(time.Duration(i)*time.Hour)),
		} {
			d := decide(record(w, o), o, testPolicy())
			if d.change != noChange {
				t.Fatalf("look %d changes a payment under review: %+v", i, d)
			}
			w = d.watch
		}
	}
}

func TestRecord_ClockStandsStillDuringAnOutage(t *testing.T) {
	w := watching(t, payment.Pending)
	for i := range 1000 {
		w.Planned = time.Minute
		w = record(w, failed(providers.Unavailable, noon.Add(time.Duration(i)*time.Minute)))
	}
	if w.Clock != 0 || w.Answered != 0 {
		t.Errorf("clock %s, answered %d after an outage, want 0 and 0", w.Clock, w.Answered)
	}
	// A due poll that waited six hours behind a closed tap counts only what was planned.
	w = record(w, saw(t, payment.Pending, noon.Add(30*time.Hour)))
	if w.Clock != time.Minute || w.Answered != 1 {
		t.Errorf("clock %s, answered %d, want 1m0s and 1", w.Clock, w.Answered)
	}
}

func TestRecord_BindsTheProvidersNumberOnce(t *testing.T) {
	o := saw(t, payment.Pending, noon)
	o.observation.ProviderReference = "Fp1"
	w := record(watching(t, payment.Pending), o)
	o.observation.ProviderReference = "Fp2"
	if w = record(w, o); w.Bound != "Fp1" {
		t.Errorf("bound %q, want Fp1", w.Bound)
	}
}

func TestLooks_StayWithinTheirBounds(t *testing.T) {
	var l looks
	for i := range 100 {
		l = l.add(fmt.Sprintf("unavailable:%064d", i), noon.Add(time.Duration(i)*time.Second))
		encoded, _ := json.Marshal(l)
		if len(l) > mostLooks || len(encoded) > mostLookBytes {
			t.Fatalf("%d looks, %d bytes", len(l), len(encoded))
		}
	}
	l = nil
	for i := range 50 {
		l = l.add("CREATED", noon.Add(time.Duration(i)*time.Minute))
	}
	if len(l) != 1 || l[0].Count != 50 || l[0].First != noon.Unix() || l[0].Last != noon.Add(49*time.Minute).Unix() {
		t.Errorf("equal looks are not folded: %+v", l)
	}
}

func FuzzParseWatch(f *testing.F) {
	good, _ := watch{Schema: 1, MerchantID: "m", PaymentID: "p", Status: payment.Pending}.encode()
	f.Add(good)
	f.Add([]byte(`{"schema":2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := parseWatch(body)
		if err != nil {
			return
		}
		o := outcome{at: noon, failure: &providers.Error{Kind: providers.NotFound}}
		d := decide(record(w, o), o, testPolicy())
		if delay, more := again(d.watch, o, testPolicy(), half); more && delay < testPolicy().Floor {
			t.Errorf("next look in %s, below the floor", delay)
		}
	})
}
