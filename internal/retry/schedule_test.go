package retry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"reconciler/internal/retry"
)

// The default table: attempt, delay, cumulative time.
func ExampleSchedule() {
	s := retry.Webhooks()
	var sum time.Duration
	for made := 0; ; made++ {
		delay, ok := s.Next(made)
		if !ok {
			break
		}
		sum += delay
		fmt.Printf("%2d  %-8v %v\n", made+1, delay, sum)
	}
	fmt.Println("total", s.Total())
	// Output:
	//  1  0s       0s
	//  2  5s       5s
	//  3  5m0s     5m5s
	//  4  30m0s    35m5s
	//  5  2h0m0s   2h35m5s
	//  6  5h0m0s   7h35m5s
	//  7  10h0m0s  17h35m5s
	//  8  14h0m0s  31h35m5s
	//  9  20h0m0s  51h35m5s
	// 10  24h0m0s  75h35m5s
	// total 75h35m5s
}

func TestSchedule_RetryAfterOnlyLengthens_AndJitterNeverComesEarlier(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	rows := []struct {
		name       string
		made       int
		retryAfter time.Duration
		random     float64
		want       time.Duration
		ok         bool
	}{
		{"first attempt: at once", 0, 0, 0.9, 0, true},
		{"not asked", 1, 0, 0, 5 * s, true},
		{"jitter adds up to a tenth", 1, 0, 0.5, 5250 * time.Millisecond, true},
		{"asked for less than the table", 2, s, 0, 5 * m, true},
		{"asked for more than the table", 1, 9 * s, 0, 9 * s, true},
		{"jitter adds to what was asked", 1, 10 * s, 0.5, 10500 * time.Millisecond, true},
		{"asked for more than 6 h", 1, 100 * h, 0, 6 * h, true},
		{"asked for 100 h where the table waits 10 h", 6, 100 * h, 0, 10 * h, true},
		{"a negative wish is none", 1, -h, 0, 5 * s, true},
		{"last attempt", 9, 0, 0, 24 * h, true},
		{"exhausted", 10, s, 0, 0, false},
		{"no such attempt", -1, 0, 0, 0, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, ok := retry.Webhooks().After(row.made, row.retryAfter, fixed(row.random))
			if d := got - row.want; d < -1 || d > 1 || ok != row.ok {
				t.Errorf("After(%d, %v) = %v, %v; want %v, %v", row.made, row.retryAfter, got, ok, row.want, row.ok)
			}
		})
	}
}

func TestSchedule_Check_NamesEveryFault(t *testing.T) {
	if got := retry.Webhooks().Check(); len(got) != 0 {
		t.Errorf("the default schedule has faults: %v", got)
	}
	if got := (retry.Schedule{}).Check(); len(got) != 1 {
		t.Errorf("empty: %v, want one fault", got)
	}
	got := retry.Schedule{0, -time.Second, time.Second, -1}.Check()
	if len(got) != 2 || got[0].Field != "attempts[1]" || got[1].Field != "attempts[3]" {
		t.Errorf("negative delays: %v", got)
	}
}

func TestGrowth_WalksToTheLongest_AndIsNilWhereItCouldNot(t *testing.T) {
	const s = time.Second
	rows := []struct {
		name           string
		first, longest time.Duration
		factor         float64
		want           []time.Duration
	}{
		{"doubling", 5 * s, 600 * s, 2, []time.Duration{5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 600 * s}},
		{"hits the longest exactly", s, 8 * s, 2, []time.Duration{s, 2 * s, 4 * s, 8 * s}},
		{"one entry", s, s, 2, []time.Duration{s}},
		{"past backoff's 15 minutes", 10 * s, 3600 * s, 10, []time.Duration{10 * s, 100 * s, 1000 * s, 3600 * s}},
		{"tiny, slow", 10, 14, 1.1, []time.Duration{10, 11, 12, 13, 14}},
		{"first zero", 0, s, 2, nil},
		{"longest below first", 2 * s, s, 2, nil},
		{"factor one", s, 2 * s, 1, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := retry.Growth(row.first, row.longest, row.factor); !slices.Equal(got, row.want) {
				t.Errorf("Growth = %v, want %v", got, row.want)
			}
		})
	}
}
