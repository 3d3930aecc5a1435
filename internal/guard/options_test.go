package guard_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"reconciler/internal/guard"
)

func TestOptions_Check_NamesEveryFaultAtOnce(t *testing.T) {
	rows := []struct {
		name string
		set  func(*guard.Options)
		want []string
	}{
		{"as the tests use them", nil, nil},
		{"nothing set", func(o *guard.Options) { *o = guard.Options{} }, []string{"concurrency", "time_limit", "reopen"}},
		{"rate without burst", func(o *guard.Options) { o.Rate, o.Burst = 1, 0 }, []string{"burst"}},
		{"rate too high", func(o *guard.Options) { o.Rate = 2e6 }, []string{"rate"}},
		{"no numbers", func(o *guard.Options) { o.Rate, o.Ratio = math.NaN(), math.NaN() }, []string{"rate", "ratio", "min_requests", "window"}},
		{"negative", func(o *guard.Options) { o.Rate, o.Ratio, o.Ramp = -1, -1, -1 }, []string{"rate", "ratio", "min_requests", "window", "ramp"}},
		{"reopen times fall", func(o *guard.Options) { o.Reopen = []time.Duration{time.Second, time.Millisecond, 2 * time.Second} }, []string{"reopen[1]"}},
		{"reopen time too short", func(o *guard.Options) { o.Reopen = []time.Duration{time.Microsecond} }, []string{"reopen[0]"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := options(row.set)
			var got []string
			for _, f := range o.Check() {
				got = append(got, f.Field)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("faults %q, want %q", got, row.want)
			}
			g, err := guard.New(o)
			if (err == nil) != (len(row.want) == 0) || (g == nil) != (err != nil) {
				t.Errorf("New gave %v", err)
			}
			if f := (guard.Fault{}); err != nil && !errors.As(err, &f) {
				t.Errorf("no fault in %v", err)
			}
		})
	}
}

func TestDefaults_NeedOnlyAName(t *testing.T) {
	o := guard.Defaults()
	o.Name = "party"
	if _, err := guard.New(o); err != nil {
		t.Error(err)
	}
}

func TestFault_SaysWhereWhatAndWhatInstead(t *testing.T) {
	_, err := guard.New(options(func(o *guard.Options) { o.Concurrency = 0 }))
	if want := `options of guard "party": concurrency: found 0, wanted at least 1`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestState_HasANameOfItsOwn(t *testing.T) {
	var names []string
	for _, s := range guard.States() {
		names = append(names, s.String())
	}
	if want := []string{"closed", "open", "half_open", "throttled", "ramping"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if got := guard.State(0).String() + guard.State(9).String(); got != "state(0)state(9)" {
		t.Errorf("outside the set: %q", got)
	}
}
