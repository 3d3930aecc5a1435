package retry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reconciler/internal/retry"
)

func TestCadence_GivesTheStepsDelay_OnBothSidesOfEveryBorder(t *testing.T) {
	const ns, s, m, h, day = time.Nanosecond, time.Second, time.Minute, time.Hour, retry.Day
	rows := []struct {
		name  string
		phase retry.Phase
		age   time.Duration
		want  time.Duration
		ok    bool
	}{
		{"open: new", retry.Open, 0, 10 * s, true},
		{"open: before 2 min", retry.Open, 2*m - ns, 10 * s, true},
		{"open: at 2 min", retry.Open, 2 * m, 30 * s, true},
		{"open: before 15 min", retry.Open, 15*m - ns, 30 * s, true},
		{"open: at 15 min", retry.Open, 15 * m, 2 * m, true},
		{"open: before 1 h", retry.Open, h - ns, 2 * m, true},
		{"open: at 1 h", retry.Open, h, 10 * m, true},
		{"open: before 6 h", retry.Open, 6*h - ns, 10 * m, true},
		{"open: at 6 h", retry.Open, 6 * h, 30 * m, true},
		{"open: before 24 h", retry.Open, 24*h - ns, 30 * m, true},
		{"open: at 24 h", retry.Open, 24 * h, 2 * h, true},
		{"open: before 72 h", retry.Open, 72*h - ns, 2 * h, true},
		{"open: at 72 h the table ends", retry.Open, 72 * h, 2 * h, false},
		{"open: an age before birth counts as new", retry.Open, -h, 10 * s, true},
		{"held: new", retry.Held, 0, h, true},
		{"held: before 14 days", retry.Held, 14*day - ns, h, true},
		{"held: at 14 days the table ends", retry.Held, 14 * day, h, false},
		{"settled: new", retry.Settled, 0, h, true},
		{"settled: earliest first look", retry.Settled, 51 * m, 5 * h, true},
		{"settled: latest first look", retry.Settled, 69 * m, 5 * h, true},
		{"settled: after about 6 h", retry.Settled, 6 * h, 18 * h, true},
		{"settled: after about 24 h", retry.Settled, 24 * h, day, true},
		{"settled: at 14 days the table ends", retry.Settled, 14 * day, day, false},
		{"closed: new", retry.Closed, 0, 5 * m, true},
		{"closed: after about 5 min", retry.Closed, 5 * m, 25 * m, true},
		{"closed: after about 30 min", retry.Closed, 30 * m, 5*h + 30*m, true},
		{"closed: after about 6 h", retry.Closed, 6 * h, 6 * h, true},
		{"closed: at 72 h the table ends", retry.Closed, 72 * h, 6 * h, false},
		{"parked: new", retry.Parked, 0, 12 * h, true},
		{"parked: at 14 days the table ends", retry.Parked, 14 * day, 12 * h, false},
		{"no such phase", retry.Phase(9), 0, 0, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, ok := retry.Default().Next(row.phase, row.age)
			if got != row.want || ok != row.ok {
				t.Errorf("Next(%v, %v) = %v, %v; want %v, %v", row.phase, row.age, got, ok, row.want, row.ok)
			}
		})
	}
}

func TestCadence_EndsWithALookExactlyAtTheWatchLimit_InEveryPhase(t *testing.T) {
	want := map[retry.Phase]struct {
		looks int
		watch time.Duration
	}{
		retry.Open:    {12 + 26 + 23 + 30 + 36 + 24, 72 * time.Hour},
		retry.Held:    {14 * 24, 14 * retry.Day},
		retry.Settled: {16, 14 * retry.Day},
		retry.Closed:  {14, 72 * time.Hour},
		retry.Parked:  {28, 14 * retry.Day},
	}
	c := retry.Default()
	for _, p := range retry.Phases() {
		looks := c.Looks(p)
		if len(looks) != want[p].looks || looks[len(looks)-1] != want[p].watch || c.Watch(p) != want[p].watch {
			t.Errorf("%v: %d looks, the last at %v, watch %v; want %d looks and %v",
				p, len(looks), looks[len(looks)-1], c.Watch(p), want[p].looks, want[p].watch)
		}
	}
}

// walk lives one watch with jitter and gives the ages of its looks.
func walk(c retry.Cadence, p retry.Phase, random func() float64) []time.Duration {
	var ages []time.Duration
	limit := c.Watch(p)
	for age := time.Duration(0); age < limit; {
		delay, _ := c.Next(p, age)
		age += retry.Last(retry.LookJitter().Apply(delay, random), age, limit)
		ages = append(ages, age)
	}
	return ages
}

func TestCadence_JitterAddsNoLook_InTheSparsePhases(t *testing.T) {
	const m, h = time.Minute, time.Hour
	named := map[retry.Phase][]time.Duration{
		retry.Settled: {h, 6 * h, 24 * h},
		retry.Closed:  {5 * m, 30 * m, 6 * h},
	}
	always := func(f float64) func() float64 { return func() float64 { return f } }
	sources := []func() float64{always(0), always(0.999999)}
	for seed := range uint64(200) {
		sources = append(sources, rand.New(rand.NewPCG(seed, 0)).Float64)
	}
	for phase, ages := range named {
		for i, random := range sources {
			looks := walk(retry.Default(), phase, random)
			for k, want := range ages {
				low, high := want*85/100, want*115/100+1
				if looks[k] < low || looks[k] > high {
					t.Fatalf("%v, source %d: look %d at %v, want it between %v and %v", phase, i, k+1, looks[k], low, high)
				}
			}
			if next := looks[len(ages)]; next < ages[len(ages)-1]*3/2 {
				t.Fatalf("%v, source %d: an added look at %v", phase, i, next)
			}
			if last := looks[len(looks)-1]; last != retry.Default().Watch(phase) {
				t.Fatalf("%v, source %d: last look at %v", phase, i, last)
			}
		}
	}
}

// The curve: how long after its creation a payment is decided, by share. Half
// the payers are done within a minute; one in a hundred needs a day.
func TestCadence_NeedsAboutTwelvePolls_OnATypicalCurve(t *testing.T) {
	curve := []struct {
		share    float64
		from, to time.Duration
	}{
		{0.30, 5 * time.Second, 30 * time.Second},
		{0.36, 30 * time.Second, time.Minute},
		{0.18, time.Minute, 3 * time.Minute},
		{0.105, 3 * time.Minute, 15 * time.Minute},
		{0.03, 15 * time.Minute, time.Hour},
		{0.015, time.Hour, 6 * time.Hour},
		{0.007, 6 * time.Hour, 24 * time.Hour},
		{0.003, 24 * time.Hour, 72 * time.Hour},
	}
	const samples = 2000
	random := rand.New(rand.NewPCG(1, 2)).Float64
	var polls, late float64
	for _, part := range curve {
		for i := range samples {
			decided := part.from + (part.to-part.from)*time.Duration(i)/samples
			looks := walk(retry.Default(), retry.Open, random)
			at, _ := slices.BinarySearch(looks, decided)
			polls += part.share / samples * float64(at+1)
			late += part.share / samples * (looks[at] - decided).Seconds()
		}
	}
	t.Logf("%.2f polls per payment, detected %.1f s late on average", polls, late)
	if polls < 11 || polls > 13 {
		t.Errorf("%.2f polls per payment, want about 12", polls)
	}
	if late < 25 || late > 35 {
		t.Errorf("detected %.1f s late on average, want about 31 s", late)
	}
}

func TestLast_PutsTheFinalLookOnTheLimit_AndNoneJustBeforeIt(t *testing.T) {
	const h = time.Hour
	rows := []struct {
		name                      string
		delay, clock, limit, want time.Duration
	}{
		{"far away", 2 * h, 10 * h, 72 * h, 2 * h},
		{"exactly half a delay would be left", 2 * h, 69 * h, 72 * h, 2 * h},
		{"less than half a delay would be left", 2 * h, 69*h + 1, 72 * h, 3*h - 1},
		{"exactly one delay left", 2 * h, 70 * h, 72 * h, 2 * h},
		{"less than one delay left", 2 * h, 71 * h, 72 * h, h},
		{"one nanosecond left", 2 * h, 72*h - 1, 72 * h, 1},
		{"at the limit", 2 * h, 72 * h, 72 * h, 0},
		{"past the limit", 2 * h, 80 * h, 72 * h, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := retry.Last(row.delay, row.clock, row.limit); got != row.want {
				t.Errorf("Last(%v, %v, %v) = %v, want %v", row.delay, row.clock, row.limit, got, row.want)
			}
		})
	}
}

func TestCadence_Check_NamesEveryFaultAtOnce(t *testing.T) {
	if got := retry.Default().Check(); len(got) != 0 {
		t.Fatalf("the default cadence has faults: %v", got)
	}
	bad := retry.Cadence{
		Open:   []retry.Step{{time.Minute, time.Second}, {time.Minute, 0}, {30 * time.Second, -time.Second}, {2 * time.Minute, 1}},
		Parked: []retry.Step{{0, time.Hour}},
	}
	want := []string{
		"open[1].until: found 1m0s, wanted more than 1m0s, the border before it",
		"open[1].every: found 0s, wanted more than 0s",
		"open[2].until: found 30s, wanted more than 1m0s, the border before it",
		"open[2].every: found -1s, wanted more than 0s",
		"held: found no step, wanted at least one: an undecided payment must be watched",
		"parked[0].until: found 0s, wanted more than 0s, the border before it",
	}
	var got []string
	for _, f := range bad.Check() {
		got = append(got, f.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("Check() =\n%q\nwant\n%q", got, want)
	}
	if looks := bad.Looks(retry.Open); looks != nil {
		t.Errorf("a table with faults has looks: %v", looks)
	}
}

func TestPhase_HasANameOfItsOwn(t *testing.T) {
	var names []string
	for _, p := range retry.Phases() {
		names = append(names, p.String())
	}
	if want := []string{"open", "held", "settled", "closed", "parked"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if got := retry.Phase(0).String() + retry.Phase(6).String(); got != "phase(0)phase(6)" {
		t.Errorf("outside the set: %q", got)
	}
}

// What the default table means: how many looks with which delay between them.
func ExampleCadence_Looks() {
	c := retry.Default()
	for _, p := range retry.Phases() {
		looks := c.Looks(p)
		fmt.Printf("%s: %d looks in %v:", p, len(looks), c.Watch(p))
		var before, delay time.Duration
		run := 0
		for _, age := range looks {
			if run > 0 && age-before != delay {
				fmt.Printf(" %d x %v,", run, delay)
				run = 0
			}
			before, delay = age, age-before
			run++
		}
		fmt.Printf(" %d x %v\n", run, delay)
	}
	// Output:
	// open: 151 looks in 72h0m0s: 12 x 10s, 26 x 30s, 23 x 2m0s, 30 x 10m0s, 36 x 30m0s, 23 x 2h0m0s, 1 x 1h59m0s
	// held: 336 looks in 336h0m0s: 336 x 1h0m0s
	// settled: 16 looks in 336h0m0s: 1 x 1h0m0s, 1 x 5h0m0s, 1 x 18h0m0s, 13 x 24h0m0s
	// closed: 14 looks in 72h0m0s: 1 x 5m0s, 1 x 25m0s, 1 x 5h30m0s, 11 x 6h0m0s
	// parked: 28 looks in 336h0m0s: 28 x 12h0m0s
}
