package worker_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/worker"
)

// awkward is a receiver with bad manners, and what must come of it.
type awkward struct {
	name   string
	answer answering
	// What the log says of each attempt: "" and 0 are left out there.
	status        int
	class, reason string
	// took is how long an attempt takes, then how long until each of the next
	// ones; nil: the first is the only one, because it was delivered.
	took time.Duration
	then []time.Duration
}

// patience is the time limit of an attempt in these tests.
const patience = 2 * time.Second

func awkwardReceivers() []awkward {
	bySchedule := retry.Webhooks()[1:4]
	redirect := func(status int) awkward {
		return awkward{name: "redirect-" + strconv.Itoa(status), answer: redirects(status), status: status, class: "redirect", then: bySchedule}
	}
	waits := func(name string, status int, class, after string, then ...time.Duration) awkward {
		return awkward{name: name, answer: withHeader(status, "Retry-After", func() string { return after }), status: status, class: class, then: then}
	}
	until := func(name string, after time.Duration, then ...time.Duration) awkward {
		date := func() string { return time.Now().UTC().Add(after).Format(http.TimeFormat) }
		return awkward{name: name, answer: withHeader(503, "Retry-After", date), status: 503, class: "unavailable", then: then}
	}
	const s, m, h = time.Second, time.Minute, time.Hour
	return []awkward{
		redirect(301), redirect(302), redirect(303), redirect(307), redirect(308),
		{name: "not-modified", answer: always(304), status: 304, class: "redirect", then: bySchedule},
		waits("seconds", 429, "rate_limited", "120", 2*m, 5*m, 30*m),
		waits("seconds-503", 503, "unavailable", "120", 2*m, 5*m, 30*m),
		waits("sooner-than-the-schedule", 429, "rate_limited", "1", bySchedule...),
		waits("a-day", 429, "rate_limited", "86400", 6*h),
		waits("for-ever", 429, "rate_limited", "99999999999999999999", 6*h),
		waits("no-date", 429, "rate_limited", "tomorrow", bySchedule...),
		waits("in-the-past", 503, "unavailable", "Sat, 01 Jan 1994 00:00:00 GMT", bySchedule...),
		waits("with-500", 500, "server_error", "3600", bySchedule...),
		until("date", 10*m, 10*m, 10*m, 30*m),
		until("date-in-two-days", 48*h, 6*h),
		{name: "no-retry-after", answer: always(503), status: 503, class: "unavailable", then: bySchedule},
		{name: "ten-mib", answer: talks(200, 10<<20, 0), status: 200, class: "delivered", reason: "too_large"},
		{name: "ten-mib-500", answer: talks(500, 10<<20, 0), status: 500, class: "server_error", reason: "too_large", then: bySchedule},
		{name: "endless", answer: talks(200, 1<<40, 0), status: 200, class: "delivered", reason: "too_large"},
		{name: "endless-slowly", answer: talks(200, 1<<40, 100*time.Millisecond), status: 200, class: "delivered", reason: "body_timeout", took: patience},
		{name: "endless-slowly-500", answer: talks(500, 1<<40, s), status: 500, class: "server_error", reason: "body_timeout", took: patience, then: bySchedule},
		{name: "header-dripped", answer: drips(100 * time.Millisecond), class: "answer_timeout", reason: "header_timeout", took: patience, then: bySchedule},
		{name: "header-endless", answer: drips(0), class: "protocol", reason: "not_http", then: bySchedule},
		{name: "silent", answer: drips(h), class: "answer_timeout", reason: "header_timeout", took: patience, then: bySchedule},
	}
}

// trap is where the redirects lead.
const trap = "trap.example:80"

func redirects(status int) answering {
	return withHeader(status, "Location", func() string { return "http://" + trap + "/" })
}

func withHeader(status int, name string, value func() string) answering {
	return func(w http.ResponseWriter, _ *http.Request, _ call) int {
		w.Header().Set(name, value())
		return status
	}
}

// talks answers with so many bytes, 1 KiB at a time and resting in between, until
// nobody listens.
func talks(status, size int, rest time.Duration) answering {
	return func(w http.ResponseWriter, r *http.Request, _ call) int {
		w.WriteHeader(status)
		piece := bytes.Repeat([]byte("x"), 1<<10)
		if rest > 0 {
			piece = piece[:1]
		}
		for range size / len(piece) {
			if _, err := w.Write(piece); err != nil || r.Context().Err() != nil {
				return 0
			}
			if rest > 0 {
				_ = http.NewResponseController(w).Flush()
				time.Sleep(rest)
			}
		}
		return 0
	}
}

// drips writes a header that never ends.
func drips(rest time.Duration) answering {
	return func(w http.ResponseWriter, _ *http.Request, _ call) int {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return http.StatusTeapot
		}
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			time.Sleep(rest)
			_, err = io.WriteString(conn, "X-More: and more\r\n")
		}
		return 0
	}
}

// TestWorker_AwkwardReceivers_AreTriedByScheduleAndDelayNobody: all of them side
// by side, with a well-behaved merchant among them.
func TestWorker_AwkwardReceivers_AreTriedByScheduleAndDelayNobody(t *testing.T) {
	rows, calls, lines := awkwardReceivers(), map[string][]call{}, map[string][]attemptLine{}
	brokertest.Bubble(t, func(t *testing.T) {
		network, b, p := sandboxtest.NewNetwork(), brokertest.Start(t), newScript()
		lured := startHook(t, network, trap, always(http.StatusOK))
		good := startHook(t, network, "good.example:80", always(http.StatusOK))
		gone := startHook(t, network, "gone.example:80", always(http.StatusGone))
		endpoints := []notify.Endpoint{endpointAt("good", "good.example:80"), endpointAt("gone", "gone.example:80")}
		hooks := map[string]*hook{}
		for _, row := range rows {
			hooks[row.name] = startHook(t, network, row.name+".example:80", row.answer)
			endpoints = append(endpoints, endpointAt(row.name, row.name+".example:80"))
		}
		startWorker(t, awkwardOptions(b, p, network, endpoints))
		for _, row := range rows {
			p.plan(row.name+"/p", says(payment.Pending))
			announceFor(t, b, row.name, "p")
		}
		p.plan("gone/"+order(0), says(payment.Processing))
		for i := range 70 {
			p.plan("good/"+order(i), says(payment.Succeeded))
			announceFor(t, b, "good", order(i))
			if i%30 == 0 {
				announceFor(t, b, "gone", order(i))
			}
			time.Sleep([]time.Duration{time.Second, 10 * time.Minute}[i/35]) // 35 s, then 5 h 50 min
		}
		time.Sleep(time.Hour)

		lines = attemptLines(t, b)
		for name, h := range hooks {
			calls[name] = h.all()
		}
		judgeGone(t, b, gone.all(), lines["gone"])
		if got, want := operational(t, b), map[string]int{"disabled gone": 1}; !maps.Equal(got, want) {
			t.Errorf("operational events: %v, want %v", got, want)
		}
		if n := len(lured.all()); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
		wereToldAtOnce(t, good, events(t, b), "good")
	})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { row.judge(t, calls[row.name], lines[row.name]) })
	}
}

// awkwardOptions looks once, after 5 h less the jitter, at each payment; nothing
// is left to chance.
func awkwardOptions(b *broker.Broker, p *script, network *sandboxtest.Network, endpoints []notify.Endpoint) worker.Options {
	o := tells(b, p, network, endpoints...)
	every := []retry.Step{{Until: 30 * retry.Day, Every: 5 * time.Hour}}
	o.Accounts[0].Cadence = &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every}
	o.Webhook.TimeLimit, o.PullWait = patience, retry.Day
	o.Random = func() float64 { return 0 }
	return o
}

func (row awkward) judge(t *testing.T, calls []call, lines []attemptLine) {
	t.Helper()
	if len(calls) <= len(row.then) || len(lines) != len(calls) {
		t.Fatalf("%d calls and %d lines in the log", len(calls), len(lines))
	}
	if len(row.then) == 0 && (len(calls) != 1 || lines[0].Outcome != "delivered") {
		t.Errorf("%d calls, the first is %s; want one, delivered", len(calls), lines[0].Outcome)
	}
	for i, line := range lines {
		if line.Attempt != i+1 || line.Status != row.status || line.Class != row.class || line.Reason != row.reason {
			t.Errorf("attempt %d: %d %s %q, want %d %s %q", line.Attempt, line.Status, line.Class, line.Reason, row.status, row.class, row.reason)
		}
		if len(line.Excerpt) > 1<<10 {
			t.Errorf("attempt %d: an excerpt of %d bytes", line.Attempt, len(line.Excerpt))
		}
	}
	for i, delay := range row.then {
		wait, late := lines[i].NextAt.Sub(calls[i].at)-row.took, calls[i+1].at.Sub(lines[i].NextAt)
		if lines[i].Outcome != "failed" || (wait-delay).Abs() > soon {
			t.Errorf("attempt %d: %s, the next after %v, want %v", i+1, lines[i].Outcome, wait, delay)
		}
		// The broker looks at its timers four times a second; a tap that is still
		// closed then costs a second.
		if late < 0 || late > 1500*time.Millisecond {
			t.Errorf("attempt %d came %v after its time", i+2, late)
		}
	}
}

// judgeGone: 410 ends everything, and what comes after is kept as skipped.
func judgeGone(t *testing.T, b *broker.Broker, calls []call, lines []attemptLine) {
	t.Helper()
	if len(calls) != 1 || len(lines) == 0 {
		t.Fatalf("%d calls and %d lines in the log, want one call", len(calls), len(lines))
	}
	if lines[0].Outcome != "exhausted" || lines[0].Class != "gone" || lines[0].Status != http.StatusGone {
		t.Errorf("the 410: %+v", lines[0])
	}
	var wanted, later []string // two more payments, and the first one's next version
	for _, e := range ofMerchant(events(t, b), "gone")[1:] {
		wanted = append(wanted, e.ID())
	}
	for _, line := range lines[1:] {
		later = append(later, line.EventID)
		if line.Outcome != "skipped" || line.Status != 0 || !line.NextAt.IsZero() {
			t.Errorf("after the 410: %+v", line)
		}
	}
	if len(wanted) != 3 || !slices.Equal(later, wanted) {
		t.Errorf("skipped are %v, want %v", later, wanted)
	}
	dead := read(t, b, broker.StreamDead)
	if len(dead) != 1 || dead[0].Header.Get("Recon-Reason") != "gone" {
		t.Fatalf("%d dead letters, want the one of the 410", len(dead))
	}
	if e, err := payment.ParseEvent(dead[0].Data); err != nil || e.ID() != calls[0].id() {
		t.Errorf("the dead letter does not hold the event: %v", err)
	}
}
