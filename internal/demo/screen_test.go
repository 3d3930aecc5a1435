package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
)

func TestBar(t *testing.T) {
	for name, c := range map[string]struct{ part, whole, filled int }{
		"nothing announced": {0, 0, 0}, "nothing done": {0, 9, 0}, "half": {3, 6, 12}, "nearly all": {99, 100, 23}, "all": {7, 7, 24},
	} {
		want := "[" + strings.Repeat("#", c.filled) + strings.Repeat(".", 24-c.filled) + "]"
		if got := bar(c.part, c.whole); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func picture(elapsed time.Duration) progress {
	return progress{
		boardCounts: boardCounts{
			announced: 3, done: 1, events: 5, due: 6,
			byStatus:   map[payment.Status]int{payment.Pending: 2, payment.Failed: 1, payment.Unknown: 0},
			byProvider: map[string]share{sandbox.Finipay: {1, 2}, sandbox.Halyk: {0, 1}},
		},
		Tally:   sandbox.Tally{Polls: 7, Delivered: 4},
		elapsed: elapsed, payments: 4, accounts: []guard.Snapshot{{Name: sandbox.Finipay, State: guard.StateOpen}},
	}
}

func TestProgress_Lines(t *testing.T) {
	got := picture(1500 * time.Millisecond).lines()
	want := []string{
		"  1.5 s   payments 1/4 done   events 5   polls 7   webhooks 4/6 delivered",
		"  finipay   [############............]    1/2    breaker open",
		"  halyk     [........................]    0/1    breaker -",
		"  uapay     [........................]    0/0    breaker -",
		"  ecommpay  [........................]    0/0    breaker -",
		"  pending 2, failed 1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the picture is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestProgress_IsFinishedWhenAllIsDoneAndDelivered(t *testing.T) {
	p := picture(0)
	for name, c := range map[string]struct {
		done, delivered int
		want            bool
	}{
		"payments missing": {3, 6, false}, "webhooks missing": {4, 5, false}, "more webhooks than due": {4, 7, false}, "all": {4, 6, true},
	} {
		p.done, p.Delivered = c.done, c.delivered
		if got := p.finished(); got != c.want {
			t.Errorf("%s: finished is %t", name, got)
		}
	}
}

func TestScreen_PaintsOverWhatItDrewInATerminal(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, true)
	s.show(picture(0))
	first := out.String()
	if strings.Contains(first, "\x1b[6A") || strings.Count(first, "\x1b[2K") != 6 {
		t.Errorf("the first picture is %q, want six lines and no way up", first)
	}
	out.Reset()
	s.show(picture(time.Millisecond))
	if got := out.String(); !strings.HasPrefix(got, "\x1b[6A\x1b[2K") || strings.Count(got, "\n") != 6 {
		t.Errorf("the second picture is %q, want the way up first", got)
	}
}

func TestScreen_PrintsALineNowAndThenElsewhere(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, false)
	for _, at := range []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second} {
		s.show(picture(at))
	}
	s.end(picture(3200 * time.Millisecond))
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "  0.0 s") || !strings.HasPrefix(lines[1], "  2.0 s") || !strings.HasPrefix(lines[2], "  3.2 s") {
		t.Errorf("printed %q, want a line every two seconds and one at the end", lines)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("printed escape sequences where nothing can be painted over")
	}
}

func TestScreen_ShowsNothingWithoutAPlace(t *testing.T) {
	s := newScreen(nil, true)
	s.show(picture(0))
	s.end(picture(0)) // neither may panic
}
