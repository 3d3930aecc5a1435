package health

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
)

// ask asks the handler and gives the status and the body.
func ask(t *testing.T, h http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
		return w.Code, w.Body.String()
	}
	if kind, kept := w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"); kind != "application/json" || kept != "no-store" {
		t.Errorf("Content-Type %q, Cache-Control %q", kind, kept)
	}
	return w.Code, strings.TrimSuffix(w.Body.String(), "\n")
}

func telling(s State) http.Handler { return New(func() State { return s }) }

func looked() time.Time { return time.Date(2026, 2, 3, 10, 0, 0, 123, time.UTC) }

// well is the state of a worker that lacks nothing.
func well() State {
	return State{
		Connected: true, Watch: consumer.Health{Looked: looked()},
		Loops: []consumer.LoopState{{Name: "intake", LeftForNewer: 2}, {Name: "poller-main", LeftForNewer: 5}},
	}
}

func TestHandler_BodiesAreAsDocumented(t *testing.T) {
	full := well()
	full.Watch.Troubles = []broker.Trouble{
		{Stream: broker.StreamWork, Problem: broker.ProblemUnwritable, Cause: broker.CauseNoRoom, Since: looked()},
		{Stream: broker.StreamPayments, Consumer: "intake", Problem: broker.ProblemPaused},
	}
	hung := well()
	hung.Loops[1].Stuck = true
	for _, row := range []struct {
		name, path string
		state      State
		status     int
		body       string
	}{
		{"alive", "/livez", well(), 200, `{"status":"alive","reasons":[]}`},
		{"ready", "/readyz", well(), 200, `{"status":"ready","reasons":[],"looked_at":"2026-02-03T10:00:00Z","left_for_newer":7}`},
		{"a full store is no death", "/livez", full, 200, `{"status":"alive","reasons":[]}`},
		{"a full store", "/readyz", full, 503, `{"status":"not_ready","reasons":[` +
			`{"code":"consumer_paused","stream":"PAYMENTS","consumer":"intake","text":"somebody paused the consumer; it goes on when its pause ends or is taken back"},` +
			`{"code":"stream_unwritable","stream":"RECON_WORK","cause":"no_room","since":"2026-02-03T10:00:00Z","text":"the stream takes nothing: the disk, the broker's store, the account's or the stream's own limit is full; make room, the worker goes on by itself"}` +
			`],"looked_at":"2026-02-03T10:00:00Z","left_for_newer":7}`},
		{"a hung loop", "/livez", hung, 503, `{"status":"stuck","reasons":[{"code":"loop_stuck","loop":"poller-main","text":"this loop does not ask for messages any more"}]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status, body := ask(t, telling(row.state), "GET", row.path); status != row.status || body != row.body {
				t.Errorf("%d %s\nwant %d %s", status, body, row.status, row.body)
			}
		})
	}
}

// codes asks both paths and gives the codes of their reasons.
func codes(t *testing.T, h http.Handler) (livez, readyz string) {
	t.Helper()
	read := func(path string) string {
		status, body := ask(t, h, "GET", path)
		var told struct {
			Status  string
			Reasons []Reason
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatal(err)
		}
		all := []string{}
		for _, r := range told.Reasons {
			if r.Text == "" {
				t.Errorf("no words for %s", r.Code)
			}
			all = append(all, r.Code)
		}
		if (status == 200) != (len(all) == 0) || (status == 200) != (told.Status == "alive" || told.Status == "ready") {
			t.Errorf("%s: %d %s", path, status, body)
		}
		return strings.Join(all, " ")
	}
	return read("/livez"), read("/readyz")
}

func TestHandler_Codes(t *testing.T) {
	for _, row := range []struct {
		name          string
		change        func(*State)
		livez, readyz string
	}{
		{"well", func(*State) {}, "", ""},
		{"not looked yet", func(s *State) { s.Watch.Looked = time.Time{} }, "", "starting"},
		{"no connection, and what was known before it broke", func(s *State) {
			s.Connected = false
			s.Watch.Troubles = []broker.Trouble{{Stream: broker.StreamWork, Problem: broker.ProblemUnwritable}}
		}, "", "broker_unreachable"},
		{"stopping, and its connection closed", func(s *State) { s.Stopping, s.Connected = true, false }, "", "stopping"},
		{"stopping, which loops take no part in", func(s *State) { s.Stopping, s.Loops[0].Stuck = true, true }, "", "stopping"},
		{"the watch hangs", func(s *State) { s.Watch.Overdue = true }, "watch_stuck", "watch_stuck"},
		{"a loop hangs", func(s *State) { s.Loops[0].Stuck = true }, "loop_stuck", "loop_stuck"},
		{"two streams", func(s *State) {
			s.Watch.Troubles = []broker.Trouble{
				{Stream: broker.StreamWork, Problem: broker.ProblemMissing}, {Stream: broker.StreamDead, Problem: broker.ProblemSettings},
			}
		}, "", "stream_settings stream_missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := well()
			row.change(&s)
			if livez, readyz := codes(t, telling(s)); livez != row.livez || readyz != row.readyz {
				t.Errorf("livez %q, readyz %q; want %q and %q", livez, readyz, row.livez, row.readyz)
			}
		})
	}
}

// What a problem is called in the log is what it is called here, and each has words.
func TestReasons_HaveWordsForEveryProblem(t *testing.T) {
	consumers := []broker.Problem{
		broker.ProblemMissing, broker.ProblemNotOurs, broker.ProblemMisplaced, broker.ProblemAhead, broker.ProblemStalled,
		broker.ProblemPaused, broker.ProblemBlocked, broker.ProblemSettings, broker.ProblemUnreadable,
	}
	unknown := reasonOf(broker.Trouble{Problem: "new"}).Text
	for _, p := range consumers {
		if r := reasonOf(broker.Trouble{Consumer: "c", Problem: p}); r.Text == unknown || r.Code != "consumer_"+string(p) {
			t.Errorf("%+v", r)
		}
	}
	for _, p := range []broker.Problem{broker.ProblemMissing, broker.ProblemSettings, broker.ProblemUnreadable} {
		if r := reasonOf(broker.Trouble{Problem: p}); r.Text == unknown || r.Code != "stream_"+string(p) {
			t.Errorf("%+v", r)
		}
	}
	for _, c := range []broker.Cause{broker.CauseNoRoom, broker.CauseNoLeader, broker.CauseNoAnswer, broker.CauseRefused} {
		if r := reasonOf(broker.Trouble{Problem: broker.ProblemUnwritable, Cause: c}); r.Text == unknown || r.Cause != string(c) {
			t.Errorf("%+v", r)
		}
	}
}

// What a server said may hold anything.
func TestHandler_TellsNothingOfWhatAServerSaid(t *testing.T) {
	const said = "nats://user:s3cret@10.0.0.7:4222 payments.status.pending.acc.m-1.p-1 jane@example.com"
	s := well()
	for _, p := range []broker.Problem{broker.ProblemUnwritable, broker.ProblemSettings, broker.ProblemUnreadable, broker.ProblemBlocked, "new"} {
		s.Watch.Troubles = append(s.Watch.Troubles, broker.Trouble{Stream: broker.StreamStatus, Problem: p, Detail: said},
			broker.Trouble{Stream: broker.StreamStatus, Consumer: "dispatcher", Problem: p, Detail: said})
	}
	for _, path := range []string{"/livez", "/readyz"} {
		_, body := ask(t, telling(s), "GET", path)
		for _, word := range strings.Fields(said) {
			if strings.Contains(body, word) {
				t.Errorf("%s tells %q: %s", path, word, body)
			}
		}
		if strings.Contains(body, "s3cret") {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestHandler_AnswersGETAndHEADOfTwoPathsOnly(t *testing.T) {
	h := telling(well())
	for _, row := range []struct {
		method, path string
		want         int
	}{{"HEAD", "/livez", 200}, {"HEAD", "/readyz", 200}, {"POST", "/readyz", 405}, {"DELETE", "/livez", 405}, {"GET", "/", 404}, {"GET", "/readyz/x", 404}} {
		if status, _ := ask(t, h, row.method, row.path); status != row.want {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, status, row.want)
		}
	}
}
