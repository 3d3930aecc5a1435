package providertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// recorder is a test that keeps its failures to itself.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failuresOf runs a check to its end and gives what it complains about.
func failuresOf(t *testing.T, check func(t testing.TB)) string {
	t.Helper()
	r, done := &recorder{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		check(r)
	}()
	<-done
	return strings.Join(r.failures, "\n")
}

// wantFailure wants a complaint with these words; empty: none.
func wantFailure(t *testing.T, failures, words string) {
	t.Helper()
	if (words == "") != (failures == "") || !strings.Contains(failures, words) {
		t.Errorf("complains %q, want %q", failures, words)
	}
}

func TestCheckHidden_LooksEverywhere(t *testing.T) {
	const word = "hunter2"
	rows := []struct {
		name  string
		value any
		want  string
	}{
		{"an observation", payment.Observation{ProviderMessage: "x " + word}, word},
		{"an error's detail", &providers.Error{Kind: providers.Unreadable, Detail: word}, word},
		{"a raw word that the text would quote", &providers.Error{Kind: providers.Unreadable, Raw: word}, word},
		{"the cause of a cause", fmt.Errorf("poll: %w", &providers.Error{Cause: errors.New("at " + word)}), word},
		{"an unexported field", struct{ key []byte }{[]byte(word)}, ""}, // bytes print as numbers
		{"an unexported text", struct{ key string }{word}, word},
		{"nothing", payment.Observation{}, ""},
		{"no error", error(nil), ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			wantFailure(t, failuresOf(t, func(t testing.TB) { CheckHidden(t, []string{"other", word}, row.value) }), row.want)
		})
	}
}

func TestCheckOutcome_FindsWhatNoProviderMaySay(t *testing.T) {
	money := func(text string) payment.Money { return Money(t, text) }
	rows := []struct {
		name   string
		change func(*payment.Observation)
		err    error
		want   string
	}{
		{name: "as it should be"},
		{name: "no status", change: func(o *payment.Observation) { o.Status = "" }, want: "status"},
		{name: "given up", change: func(o *payment.Observation) { o.Status = payment.Unknown }, want: "status"},
		{name: "another status", change: func(o *payment.Observation) { o.Status = "paid" }, want: "status"},
		{name: "a reason without need", change: func(o *payment.Observation) { o.Reason = payment.ReasonDeclined }, want: "reason"},
		{name: "failed without a reason", change: func(o *payment.Observation) { o.Status = payment.Failed }, want: "reason"},
		{name: "another table", change: func(o *payment.Observation) { o.MappingVersion = "" }, want: "mapping version"},
		{name: "two currencies", change: func(o *payment.Observation) { o.Refunded = money("1 JPY") }, want: "two currencies"},
		{name: "more back than taken", change: func(o *payment.Observation) { o.Refunded = money("2.00 EUR") }, want: "went back"},
		{name: "a line break", change: func(o *payment.Observation) { o.ProviderCode = "1\n2" }, want: "printable"},
		{name: "a long word", change: func(o *payment.Observation) { o.ProviderMessage = strings.Repeat("x", 65) }, want: "printable"},
		{name: "a long reference", change: func(o *payment.Observation) { o.ProviderReference = strings.Repeat("x", 256) }, want: "reference"},
		{name: "a time of no calendar", change: func(o *payment.Observation) { o.OccurredAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, want: "time"},
		{name: "another error", err: context.Canceled, want: "no *providers.Error"},
		{name: "no kind", err: &providers.Error{Doing: "ask"}, want: "kind"},
		{name: "nothing tried", err: &providers.Error{Kind: providers.NotFound}, want: "tried"},
		{name: "a raw body", err: &providers.Error{Kind: providers.Unreadable, Doing: "ask", Raw: strings.Repeat("x", 65)}, want: "printable"},
		{name: "a setting beside another kind", err: &providers.Error{Kind: providers.NotFound, Doing: "ask", Setting: "login"}, want: "setting"},
		{name: "a wait beside another kind", err: &providers.Error{Kind: providers.NotFound, Doing: "ask", RetryAfter: 1}, want: "wait"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			obs := payment.Observation{}
			if row.err == nil {
				obs = payment.Observation{Status: payment.Succeeded, Amount: money("1.00 EUR"), Captured: money("1.00 EUR"), MappingVersion: "acme/1"}
			}
			if row.change != nil {
				row.change(&obs)
			}
			wantFailure(t, failuresOf(t, func(t testing.TB) { CheckOutcome(t, "acme/1", obs, row.err) }), row.want)
		})
	}
	both := func(t testing.TB) {
		CheckOutcome(t, "acme/1", payment.Observation{Status: payment.Pending}, &providers.Error{Kind: providers.NotFound, Doing: "ask"})
	}
	wantFailure(t, failuresOf(t, both), "came with the error")
}

func TestRefusal_WantsKindSettingAndWait(t *testing.T) {
	want := Refusal{Kind: providers.Throttled, After: time.Second}
	rows := []struct {
		name string
		err  error
		want string
	}{
		{"the same", &providers.Error{Kind: providers.Throttled, RetryAfter: time.Second}, ""},
		{"another kind", &providers.Error{Kind: providers.Unavailable, RetryAfter: time.Second}, "want throttled"},
		{"another wait", &providers.Error{Kind: providers.Throttled}, "want throttled"},
		{"a setting", &providers.Error{Kind: providers.Throttled, Setting: "login", RetryAfter: time.Second}, "want throttled"},
		{"a secret", &providers.Error{Kind: providers.Throttled, Detail: "hunter2", RetryAfter: time.Second}, "hunter2"},
		{"nothing", nil, "want a *providers.Error"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			wantFailure(t, failuresOf(t, func(t testing.TB) { want.Check(t, row.err, "hunter2") }), row.want)
		})
	}
}
