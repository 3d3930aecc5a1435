package ops

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// givenUp makes payments p and q with two events each, all of which the endpoint
// bad never took, and forgets those events but the last of q.
func (l *live) givenUp() {
	l.Helper()
	l.run()
	p := l.begins("p")
	l.goesOn(p, payment.Processing)
	q := l.begins("q")
	time.Sleep(time.Hour)
	l.goesOn(q, payment.Processing)
	time.Sleep(time.Hour)
	l.respond(func(*http.Request) int { return http.StatusOK })
	l.forget(3)
}

func TestReplay_SendsEventsThatAreNotKept_FromTheirDeadLetters(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.givenUp()
		failed := l.arrivals("bad")
		is := l.replay(ReplayWish{Selection: Selection{Dead: AnyReason}, Rate: 1e6})
		if is.Counts != (ReplayCounts{Sent: 4}) || is.KeptFrom != 4 {
			t.Errorf("%+v", is)
		}
		want := []ReplayRow{{"m", "bad", "payment.pending", ReplayCounts{Sent: 2}}, {"m", "bad", "payment.processing", ReplayCounts{Sent: 2}}}
		if !slices.Equal(is.Rows, want) {
			t.Errorf("%+v", is.Rows)
		}
		ends, err := l.replays().Wait(t.Context(), is.Name, nil)
		if err != nil || ends.Delivered != 4 {
			t.Errorf("%+v, %v", ends, err)
		}
		var ids []string
		for _, a := range l.arrivals("bad")[len(failed):] {
			i := slices.IndexFunc(failed, func(f arrived) bool { return f.id == a.id })
			if !a.replay || i < 0 || failed[i].body != a.body {
				t.Errorf("%s: a replay %t, with the bytes of the first time %t", a.id, a.replay, i >= 0 && failed[i].body == a.body)
			}
			ids = append(ids, a.id)
		}
		p1, p2 := payment.EventID("m", "p", 1), payment.EventID("m", "p", 2)
		if len(ids) != 4 || slices.Index(ids, p1) > slices.Index(ids, p2) {
			t.Errorf("came as %v", ids)
		}
		if good := l.arrivals("good"); len(good) != 4 {
			t.Errorf("%d came where none was missed, want the first 4", len(good))
		}
		// Now they are delivered by the log, and nothing of them is left to do.
		again := l.replay(ReplayWish{Selection: Selection{Dead: AnyReason}, Name: "again"})
		if again.Counts != (ReplayCounts{Settled: 4}) {
			t.Errorf("again: %+v", again.Counts)
		}
	})
}

func TestReplay_SelectsAmongDeadLetters_AsAmongEvents(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		begin := time.Now()
		l.givenUp()
		for name, row := range map[string]struct {
			sel  Selection
			want ReplayCounts
		}{
			"a type":                  {Selection{Dead: "exhausted", Types: []string{"payment.processing"}}, ReplayCounts{Sent: 2}},
			"until":                   {Selection{Dead: "exhausted", Until: begin.Add(time.Minute)}, ReplayCounts{Sent: 3}},
			"since":                   {Selection{Dead: "exhausted", Since: begin.Add(time.Minute)}, ReplayCounts{Sent: 1}},
			"a payment":               {Selection{Dead: "exhausted", Payment: "p"}, ReplayCounts{Sent: 2}},
			"from a sequence":         {Selection{Dead: "exhausted", FromSeq: 2}, ReplayCounts{Sent: 3}},
			"to a sequence":           {Selection{Dead: "exhausted", ToSeq: 2}, ReplayCounts{Sent: 2}},
			"another reason":          {Selection{Dead: "gone"}, ReplayCounts{}},
			"an endpoint without any": {Selection{Dead: "exhausted", Endpoint: "good"}, ReplayCounts{}},
			"by the log":              {Selection{Exhausted: true}, ReplayCounts{Sent: 4}},
		} {
			is := l.replay(ReplayWish{Selection: row.sel, DryRun: true})
			if is.Counts != row.want {
				t.Errorf("%s: %+v, want %+v", name, is.Counts, row.want)
			}
		}
	})
}

func TestReplay_GoesOnAmongDeadLetters_WhenItWasInterrupted(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.givenUp()
		wish := ReplayWish{Selection: Selection{Dead: AnyReason}, Rate: 1}
		before := len(l.arrivals("bad"))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		is, err := l.replays().Run(ctx, wish)
		if !errors.Is(err, context.DeadlineExceeded) || is.Counts.Sent != 2 || is.Position != 2 {
			t.Fatalf("%+v, %v", is, err)
		}
		time.Sleep(time.Minute)
		if is = l.replay(wish); is.Counts != (ReplayCounts{Sent: 4}) || !is.Resumed {
			t.Errorf("%+v", is)
		}
		time.Sleep(time.Minute)
		if came := len(l.arrivals("bad")) - before; came != 4 {
			t.Errorf("%d came, want each once", came)
		}
	})
}

// Killed before it wrote down what it had queued, it knows its own jobs, and who
// waits for the replay waits for those too.
func TestReplay_KnowsItsOwnJobs_AfterAKill(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.respond(func(*http.Request) int { return http.StatusOK })
		stop := l.run()
		l.begins("p")
		time.Sleep(time.Minute)
		stop()
		wish := ReplayWish{Selection: Selection{Endpoint: "bad"}, Name: "night"}
		if is := l.replay(wish); is.Counts != (ReplayCounts{Sent: 1}) {
			t.Fatalf("%+v", is.Counts)
		}
		record, err := l.replays().load(t.Context(), "night")
		if err != nil {
			t.Fatal(err)
		}
		record.Position, record.Counts, record.FinishedAt = 0, ReplayCounts{}, time.Time{}
		if err := l.replays().save(t.Context(), &record); err != nil {
			t.Fatal(err)
		}
		if is := l.replay(wish); is.Counts != (ReplayCounts{Repeated: 1}) {
			t.Errorf("resumed: %+v", is.Counts)
		}
		wish.Name = "another"
		if is := l.replay(wish); is.Counts != (ReplayCounts{Pending: 1}) {
			t.Errorf("another replay: %+v", is.Counts)
		}
		l.run()
		ends, err := l.replays().Wait(t.Context(), "night", nil)
		if err != nil || ends.Sent != 1 || ends.Delivered != 1 {
			t.Errorf("%+v, %v", ends, err)
		}
	})
}

func TestReplay_CountsWhatNothingHolds_AsExpired(t *testing.T) {
	inLiveBubble(t, func(l *live) {
		t := l.T
		l.respond(func(*http.Request) int { return http.StatusOK })
		l.run()
		is := l.begins("p")
		l.goesOn(is, payment.Processing)
		time.Sleep(time.Minute)
		// Of a webhook that was skipped only the record is kept, without the event.
		for version := 1; version <= 2; version++ {
			of := broker.WebhookRef{Merchant: "m", Endpoint: "bad", Payment: "p", Version: version}
			err := l.b.AppendLog(t.Context(), broker.LogRecord{Subject: broker.WebhookLogSubject("skipped", of), ID: of.Payment + string(rune('0'+version)), Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
		}
		l.forget(1)
		if is := l.replay(ReplayWish{Selection: Selection{Skipped: true}}); is.Counts != (ReplayCounts{Sent: 1, Expired: 1}) {
			t.Errorf("%+v", is.Counts)
		}
	})
}

// kept is a dead letter of a webhook job with these fields.
func kept(job string) broker.Letter {
	return broker.Letter{Dead: broker.Dead{Source: broker.Source{
		Subject: broker.WebhookDue("m", "e", "p", 1), Body: []byte("the body"),
		Header: nats.Header{headerJob: {job}, "traceparent": {"00-1"}, "Nats-Msg-Id": {"x"}, "Nats-Schedule-Target": {"y"}},
	}}}
}

func TestLetterJob_KeepsAllButTheCount(t *testing.T) {
	due, err := letterJob(kept(`{"schema":1,"event_id":"evt_1","endpoint":"e","seq":7,"before":6,"attempts":10,"waits":3,"later":{"known":[1]}}`), "night")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"attempts":0,"before":6,"endpoint":"e","event_id":"evt_1","later":{"known":[1]},"replay":"night","schema":2,"seq":7}`
	if got := due.Header.Get(headerJob); got != want || due.ID != "evt_1/e/night" || string(due.Body) != "the body" || due.Subject != broker.WebhookDue("m", "e", "p", 1) {
		t.Errorf("%+v", due)
	}
	if len(due.Header) != 2 || due.Header.Get("traceparent") != "00-1" {
		t.Errorf("headers %v", due.Header)
	}
}

func TestLetterJob_Refuses(t *testing.T) {
	foreign := kept(`{"schema":1,"event_id":"evt_1"}`)
	foreign.Source.Subject = "payments.status.pending.a.m.p"
	for name, row := range map[string]struct {
		letter broker.Letter
		want   error
	}{
		"no job":             {broker.Letter{}, errNoJob},
		"no JSON":            {kept(`{`), errNoJob},
		"a list":             {kept(`[]`), errNoJob},
		"null":               {kept(`null`), errNoJob},
		"no event":           {kept(`{"schema":1}`), errNoJob},
		"no schema":          {kept(`{"event_id":"evt_1"}`), errNoJob},
		"of a newer version": {kept(`{"schema":3,"event_id":"evt_1"}`), errNewerJob},
		"no webhook":         {foreign, errNoJob},
	} {
		if _, err := letterJob(row.letter, "night"); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLetterJob(f *testing.F) {
	f.Add(`{"schema":1,"event_id":"evt_1","endpoint":"e","attempts":10}`)
	f.Add(`{"schema":2,"event_id":"","replay":"x"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, header string) {
		due, err := letterJob(kept(header), "night")
		if err != nil {
			return
		}
		var job struct {
			Schema, Attempts int
			Replay           string
		}
		if err := json.Unmarshal([]byte(due.Header.Get(headerJob)), &job); err != nil || job.Schema != jobSchema || job.Replay != "night" || job.Attempts != 0 {
			t.Errorf("%q becomes %q, %v", header, due.Header.Get(headerJob), err)
		}
	})
}
