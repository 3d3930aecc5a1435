package ops

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

// past is a history of events and webhooks, written by hand, on a real broker.
type past struct {
	*testing.T
	b        *broker.Broker
	store    *endpoint.Store
	replays  *Replays
	versions map[string]uint64
	records  int
	// dispatched is what the dispatcher is said to have done.
	dispatched uint64
}

// inPast runs f in virtual time. Shop a has the endpoints all and paid, shop b
// has all.
func inPast(t *testing.T, f func(*past)) {
	brokertest.Bubble(t, func(t *testing.T) {
		b := brokertest.Start(t)
		key := endpoint.Key{ID: "k1", Value: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))}
		store, err := endpoint.OpenStore(t.Context(), endpoint.StoreOptions{Broker: b, Keys: []endpoint.Key{key}})
		if err != nil {
			t.Fatal(err)
		}
		p := &past{T: t, b: b, store: store, versions: map[string]uint64{}, dispatched: 1 << 40}
		p.configure(
			notify.Endpoint{ID: "all", Merchant: "a"},
			notify.Endpoint{ID: "paid", Merchant: "a", Events: []string{"payment.succeeded"}},
			notify.Endpoint{ID: "all", Merchant: "b"},
		)
		f(p)
	})
}

func (p *past) configure(endpoints ...notify.Endpoint) {
	p.replays = NewReplays(ReplayOptions{
		Broker: p.b, Endpoints: NewEndpoints(Options{Store: p.store, Configured: endpoints}),
		Job: func(e broker.Stored, id, mark string) (broker.Due, error) {
			_, of, err := broker.ParseStatusSubject(e.Subject)
			version, _ := strconv.Atoi(e.Header.Get("ce-version"))
			return broker.Due{
				Subject: broker.WebhookDue(of.Merchant, id, of.Payment, version), Header: nats.Header{"Mark": {mark}}, Body: e.Body,
			}, err
		},
		Dispatched: func(context.Context, *broker.Broker) (uint64, error) { return p.dispatched, nil },
	})
}

// happens publishes an event, a minute after the one before.
func (p *past) happens(merchant, id, status string) {
	p.Helper()
	time.Sleep(time.Minute)
	key := broker.PaymentKey(merchant, id)
	before, err := p.b.LastStatus(p.Context(), key)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		p.Fatal(err)
	}
	p.versions[merchant+id]++
	version := fmt.Sprint(p.versions[merchant+id])
	_, err = p.b.AppendStatus(p.Context(), broker.Append{
		Subject: broker.StatusSubject(status, "acme", merchant, id), Key: key, Expected: before.Seq, ID: merchant + id + version,
		Header: nats.Header{"ce-version": {version}}, Body: []byte(`{"body":"of ` + id + version + `"}`),
	})
	if err != nil {
		p.Fatal(err)
	}
}

// ended writes the last record of a webhook, with a replay's mark or without.
func (p *past) ended(outcome string, of broker.WebhookRef, mark string) {
	p.Helper()
	p.records++
	body, _ := json.Marshal(map[string]string{"replay": mark})
	record := broker.LogRecord{Subject: broker.WebhookLogSubject(outcome, of), ID: fmt.Sprint(p.records), Body: body}
	if mark != "" {
		record.Header = nats.Header{headerReplay: {mark}}
	}
	if err := p.b.AppendLog(p.Context(), record); err != nil {
		p.Fatal(err)
	}
}

func (p *past) buried(reason string, of broker.WebhookRef) {
	p.Helper()
	p.records++
	err := p.b.DeadLetter(p.Context(), broker.Dead{
		Stage: "webhook", Reason: reason, Merchant: of.Merchant, Payment: of.Payment,
		Source: broker.Source{Stream: broker.StreamWork, Seq: uint64(p.records), Body: []byte("{}"),
			Subject: broker.WebhookDue(of.Merchant, of.Endpoint, of.Payment, of.Version)},
	})
	if err != nil {
		p.Fatal(err)
	}
}

// hook names a webhook of merchant a.
func hook(endpoint, id string, version int) broker.WebhookRef {
	return broker.WebhookRef{Merchant: "a", Endpoint: endpoint, Payment: id, Version: version}
}

// story is what most tests replay: 1 to 4 are of payment p, 5 and 6 of q, both of
// merchant a; 7 is of payment p of merchant b.
func (p *past) story() {
	for _, status := range []string{"pending", "processing", "succeeded", "refunded"} {
		p.happens("a", "p", status)
	}
	p.happens("a", "q", "pending")
	p.happens("a", "q", "succeeded")
	p.happens("b", "p", "pending")
	p.ended("delivered", hook("all", "p", 1), "")
	p.ended("exhausted", hook("all", "p", 2), "")
	p.buried("gone", hook("all", "p", 2))
	p.ended("skipped", hook("all", "p", 3), "")
	p.ended("skipped", hook("all", "p", 4), "")
	p.ended("exhausted", hook("all", "q", 1), "")
	p.buried("exhausted", hook("all", "q", 1))
	p.ended("skipped", hook("all", "q", 2), "")
	p.ended("delivered", hook("all", "q", 2), "")
	p.ended("skipped", hook("paid", "p", 3), "")
	p.ended("skipped", broker.WebhookRef{Merchant: "b", Endpoint: "all", Payment: "p", Version: 1}, "")
}

// queued are the jobs, in order, as "merchant/endpoint payment version", and takes
// them away as a worker would.
func (p *past) queued() []string {
	p.Helper()
	all := []string{}
	stream, err := p.b.JetStream().Stream(p.Context(), broker.StreamWork)
	if err != nil {
		p.Fatal(err)
	}
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
		m, err := stream.GetMsg(p.Context(), seq)
		if err != nil {
			p.Fatal(err)
		}
		of, err := broker.ParseWebhook(m.Subject)
		if err != nil {
			p.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s/%s %s%d", of.Merchant, of.Endpoint, of.Payment, of.Version))
	}
	if err := stream.Purge(p.Context()); err != nil {
		p.Fatal(err)
	}
	return all
}

func (p *past) run(w ReplayWish) ReplayResult {
	p.Helper()
	is, err := p.replays.Run(p.Context(), w)
	if err != nil {
		p.Fatal(err)
	}
	return is
}

func TestReplay_SendsWhatIsSelected_InTheOrderOfTheStream(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		begin := time.Now()
		p.story()
		at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
		rows := []struct {
			name string
			sel  Selection
			want string
		}{
			{"all", Selection{All: true}, "a/all p1, a/all p2, a/all p3, a/paid p3, a/all p4, a/all q1, a/all q2, a/paid q2, b/all p1"},
			{"since", Selection{Since: at(6)}, "a/all q2, a/paid q2, b/all p1"},
			{"until", Selection{Until: at(2)}, "a/all p1"},
			{"since and until", Selection{Since: at(2), Until: at(3)}, "a/all p2"},
			{"from sequence", Selection{FromSeq: 7}, "b/all p1"},
			{"to sequence", Selection{ToSeq: 2}, "a/all p1, a/all p2"},
			{"sequences", Selection{FromSeq: 3, ToSeq: 3}, "a/all p3, a/paid p3"},
			{"beyond the end", Selection{FromSeq: 100}, ""},
			{"merchant", Selection{Merchant: "b"}, "b/all p1"},
			{"unknown merchant", Selection{Merchant: "c"}, ""},
			{"endpoint", Selection{Endpoint: "paid"}, "a/paid p3, a/paid q2"},
			{"endpoint of a merchant", Selection{Merchant: "a", Endpoint: "all", Payment: "q"}, "a/all q1, a/all q2"},
			{"payment", Selection{Payment: "p", Merchant: "a"}, "a/all p1, a/all p2, a/all p3, a/paid p3, a/all p4"},
			{"type", Selection{Types: []string{"payment.pending", "payment.refunded"}}, "a/all p1, a/all p4, a/all q1, b/all p1"},
			{"types of a family", Selection{Types: []string{"payment.*"}, Merchant: "b"}, "b/all p1"},
			{"skipped", Selection{Skipped: true}, "a/all p2, a/all p3, a/paid p3, a/all p4, b/all p1"},
			{"skipped of an endpoint", Selection{Skipped: true, Endpoint: "paid"}, "a/paid p3"},
			{"skipped of a time", Selection{Skipped: true, Since: at(4)}, "a/all p4, b/all p1"},
			{"exhausted", Selection{Exhausted: true}, "a/all p2, a/all q1"},
			{"skipped or exhausted", Selection{Skipped: true, Exhausted: true, Payment: "q"}, "a/all q1"},
			{"dead", Selection{Dead: "any"}, "a/all p2, a/all q1"},
			{"dead by reason", Selection{Dead: "exhausted"}, "a/all q1"},
			{"dead of an endpoint", Selection{Dead: "gone", Endpoint: "paid"}, ""},
		}
		for _, row := range rows {
			is := p.run(ReplayWish{Selection: row.sel, Rate: 1e6})
			got := p.queued()
			if strings.Join(got, ", ") != row.want || is.Counts.Sent != len(got) || !is.Finished || is.Name != row.sel.Name() {
				t.Errorf("%s: queued %q, want %q; %+v", row.name, strings.Join(got, ", "), row.want, is.Counts)
			}
		}
	})
}

func TestReplay_CountsWithoutWriting_InADryRun(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		if _, _, err := p.store.Do(t.Context(), "a", "paid", endpoint.Disable); err != nil {
			t.Fatal(err)
		}
		state := func() string {
			var all []string
			list := p.b.JetStream().ListStreams(t.Context())
			for info := range list.Info() {
				all = append(all, fmt.Sprint(info.Config.Name, " ", info.State.LastSeq, " ", info.State.Msgs))
			}
			slices.Sort(all)
			return strings.Join(all, ", ")
		}
		before := state()
		wish := ReplayWish{Selection: Selection{Merchant: "a", Types: []string{"payment.succeeded"}}, DryRun: true}
		began := time.Now()
		is := p.run(wish)
		if after := state(); after != before {
			t.Errorf("before: %s\nafter:  %s", before, after)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, as if it were sent", took)
		}
		want := []ReplayRow{
			{"a", "all", "payment.succeeded", ReplayCounts{Sent: 2}},
			{"a", "paid", "payment.succeeded", ReplayCounts{Off: 2}},
		}
		if !slices.Equal(is.Rows, want) || is.Finished || !is.DryRun {
			t.Errorf("it told %+v", is)
		}
		wish.DryRun = false
		if real := p.run(wish); !slices.Equal(real.Rows, want) {
			t.Errorf("then it did %+v", real.Rows)
		}
	})
}

func TestReplay_GoesOnBehindTheLastEvent_WhenItWasInterrupted(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		wish := ReplayWish{Selection: Selection{All: true}}
		var all []string
		for n := 1; ; n++ {
			ctx, interrupt := context.WithCancel(t.Context())
			start := true
			wish.Progress = func(ReplayResult) {
				if !start {
					interrupt()
				}
				start = false
			}
			is, err := p.replays.Run(ctx, wish)
			interrupt()
			// Delivered at once, so that only the position keeps it from going out twice.
			jobs := p.queued()
			all = append(all, jobs...)
			if err == nil {
				if n < 3 || is.Counts.Sent != 9 || !is.Resumed {
					t.Errorf("it was finished in the %d. part: %+v", n, is)
				}
				break
			}
			if !errors.Is(err, context.Canceled) || is.Finished || n > 9 {
				t.Fatalf("part %d ended with %v: %+v", n, err, is)
			}
			wish.Selection, wish.Name = Selection{}, is.Name // the name is enough
		}
		want := "a/all p1, a/all p2, a/all p3, a/paid p3, a/all p4, a/all q1, a/all q2, a/paid q2, b/all p1"
		if got := strings.Join(all, ", "); got != want {
			t.Errorf("queued %s", got)
		}

		wish.Progress = nil
		_, err := p.replays.Run(t.Context(), wish)
		var finished *ReplayFinishedError
		if !errors.As(err, &finished) || finished.Sent != 9 || len(p.queued()) != 0 {
			t.Errorf("once more: %v", err)
		}
		wish.Again = true
		if is := p.run(wish); is.Run != 2 || is.Resumed || len(p.queued()) != 9 {
			t.Errorf("again: %+v", is)
		}
	})
}

func TestReplay_GoesOnBetweenTwoEndpoints_WhenItWasInterruptedThere(t *testing.T) {
	inPast(t, func(p *past) {
		p.story()
		wish := ReplayWish{Selection: Selection{Payment: "p", Merchant: "a"}, Rate: 1}
		ctx, cancel := context.WithTimeout(p.Context(), 2500*time.Millisecond)
		defer cancel()
		_, err := p.replays.Run(ctx, wish)
		if got := strings.Join(p.queued(), ", "); got != "a/all p1, a/all p2, a/all p3" || !errors.Is(err, context.DeadlineExceeded) {
			p.Fatalf("queued %s, %v", got, err)
		}
		is := p.run(wish)
		if got := strings.Join(p.queued(), ", "); got != "a/paid p3, a/all p4" || is.Counts != (ReplayCounts{Sent: 5}) {
			p.Errorf("then %s: %+v", got, is.Counts)
		}
	})
}

// Killed between queueing and writing that down, it meets what it queued: still
// there, or with the record of its end.
func TestReplay_MeetsWhatItQueued_AfterAKill(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		wish := ReplayWish{Selection: Selection{Payment: "p", Merchant: "a"}, Name: "night"}
		ctx, kill := context.WithCancel(t.Context())
		wish.Progress = func(is ReplayResult) {
			if is.Counts.Sent == 2 {
				kill()
			}
		}
		if _, err := p.replays.Run(ctx, wish); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		record, err := p.replays.load(t.Context(), "night")
		if err != nil || record.Position != 2 {
			t.Fatalf("%+v, %v", record, err)
		}
		record.Position, record.Counts = 0, ReplayCounts{}
		if err := p.replays.save(t.Context(), &record); err != nil {
			t.Fatal(err)
		}
		stream, err := p.b.JetStream().Stream(t.Context(), broker.StreamWork)
		if err != nil {
			t.Fatal(err)
		}
		p.ended("delivered", hook("all", "p", 1), "night")
		if err := stream.DeleteMsg(t.Context(), 1); err != nil { // the first is delivered
			t.Fatal(err)
		}
		wish.Progress = nil
		is := p.run(wish)
		if want := (ReplayCounts{Sent: 3, Pending: 1, Repeated: 1}); is.Counts != want {
			t.Errorf("it did %+v", is.Counts)
		}
	})
}

func TestReplay_LeavesOutWhatMustNotBeSent(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		missed := ReplayWish{Selection: Selection{Skipped: true, Merchant: "a"}, Rate: 1e6}
		step := func(what string, w ReplayWish, want ReplayCounts) {
			t.Helper()
			w.Name = strings.ReplaceAll(what, " ", "-")
			if is := p.run(w); is.Counts != want || len(p.queued()) != want.Sent {
				t.Errorf("%s: %+v, want %+v", what, is.Counts, want)
			}
		}
		due := broker.Due{Subject: broker.WebhookDue("a", "all", "p", 3)}
		if err := p.b.PublishDue(t.Context(), due); err != nil {
			t.Fatal(err)
		}
		is := p.run(ReplayWish{Selection: Selection{Payment: "p", Merchant: "a"}, Name: "pending"})
		if want := (ReplayCounts{Sent: 4, Pending: 1}); is.Counts != want || len(p.queued()) != 5 {
			t.Errorf("with one on its way: %+v", is.Counts)
		}

		p.dispatched = 5 // q2 is at 6: its first job is still to come, but for all it has ended
		step("not dispatched", ReplayWish{Selection: Selection{Payment: "q"}}, ReplayCounts{Sent: 2, Pending: 1})
		p.dispatched = 1 << 40

		p.configure(notify.Endpoint{ID: "all", Merchant: "a", Events: []string{"payment.refunded"}})
		step("filtered and removed", missed, ReplayCounts{Sent: 1, Removed: 1, Unwanted: 2})
		p.configure(notify.Endpoint{ID: "all", Merchant: "a"}, notify.Endpoint{ID: "paid", Merchant: "a", Disabled: true})
		step("disabled in the file", missed, ReplayCounts{Sent: 3, Off: 1})

		ctx, interrupt := context.WithCancel(t.Context())
		slow := missed
		slow.Name, slow.Progress = "settled", func(ReplayResult) { interrupt() }
		if _, err := p.replays.Run(ctx, slow); err == nil {
			t.Fatal("it was not interrupted")
		}
		p.ended("delivered", hook("all", "p", 4), "another")
		slow.Progress = nil
		is = p.run(slow)
		if is.Counts.Settled != 1 || is.Counts.Sent != 2 {
			t.Errorf("with one that another replay delivered: %+v", is.Counts)
		}
		p.queued()

		status, err := p.b.JetStream().Stream(t.Context(), broker.StreamStatus)
		if err != nil {
			t.Fatal(err)
		}
		if err := status.DeleteMsg(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		step("expired", ReplayWish{Selection: Selection{Dead: "gone"}}, ReplayCounts{Expired: 1})
	})
}

func TestReplay_LosesNothingBetweenTwoPages(t *testing.T) {
	for _, n := range []int{page - 1, page, page + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inPast(t, func(p *past) {
				for range n {
					p.happens("b", "p", "pending")
				}
				if is := p.run(ReplayWish{Selection: Selection{All: true}, Rate: 1e6}); is.Counts.Sent != n || len(slices.Compact(p.queued())) != n {
					p.Errorf("%d events, it did %+v", n, is.Counts)
				}
			})
		})
	}
}

func TestReplay_KeepsItsRate(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		p.run(ReplayWish{Selection: Selection{All: true}, Rate: 4})
		stream, err := p.b.JetStream().Stream(t.Context(), broker.StreamWork)
		if err != nil {
			t.Fatal(err)
		}
		var last time.Time
		for seq := uint64(1); seq <= 9; seq++ {
			m, err := stream.GetMsg(t.Context(), seq)
			if err != nil {
				t.Fatal(err)
			}
			if gap := m.Time.Sub(last); seq > 1 && gap != 250*time.Millisecond {
				t.Errorf("webhook %d came %v after the one before", seq, gap)
			}
			last = m.Time
		}
	})
}

func TestReplay_EndsOneOfTwoAtOnce(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		wish := ReplayWish{Selection: Selection{All: true}, Rate: 1}
		nested := wish
		wish.Progress = func(is ReplayResult) {
			if is.Counts.Sent != 1 {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			if _, err := p.replays.Run(ctx, nested); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the second ended with %v", err)
			}
		}
		if _, err := p.replays.Run(t.Context(), wish); !errors.Is(err, ErrReplayBusy) {
			t.Errorf("the first ended with %v", err)
		}
	})
}

func TestReplay_WaitsForEveryEnd(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		is := p.run(ReplayWish{Selection: Selection{Payment: "p", Merchant: "a"}, Name: "night"})
		if is.Counts.Sent != 5 {
			t.Fatalf("%+v", is.Counts)
		}
		go func() {
			time.Sleep(time.Minute)
			p.ended("failed", hook("all", "p", 1), "night")
			p.ended("delivered", hook("all", "p", 2), "")
			p.ended("delivered", hook("all", "p", 2), "night")
			p.ended("delivered", hook("all", "p", 2), "night")
			p.ended("exhausted", hook("all", "p", 3), "night")
			p.ended("skipped", hook("paid", "p", 3), "night")
			p.ended("delivered", hook("all", "p", 4), "night#2")
			time.Sleep(time.Hour)
			p.ended("delivered", hook("all", "p", 4), "night")
			p.ended("delivered", hook("all", "p", 1), "night")
		}()
		began := time.Now()
		ends, err := p.replays.Wait(t.Context(), "night", nil)
		want := ReplayEnds{Name: "night", Run: 1, Sent: 5, Delivered: 3, Failed: 1, Skipped: 1}
		if took := time.Since(began).Round(time.Minute); err != nil || ends != want || took != 61*time.Minute {
			t.Errorf("after %v: %+v, %v", took, ends, err)
		}
	})
}

func TestReplay_RefusesWhatCantBeMeant(t *testing.T) {
	inPast(t, func(p *past) {
		t := p.T
		p.story()
		p.run(ReplayWish{Selection: Selection{Merchant: "b"}, Name: "taken"})
		rows := []struct {
			name, field string
			wish        ReplayWish
		}{
			{"nothing selected", "selection", ReplayWish{}},
			{"a name of nothing", "selection", ReplayWish{Name: "unheard-of"}},
			{"all and something", "all", ReplayWish{Selection: Selection{All: true, Payment: "p"}}},
			{"sequences the wrong way", "to_seq", ReplayWish{Selection: Selection{FromSeq: 2, ToSeq: 1}}},
			{"times the wrong way", "until", ReplayWish{Selection: Selection{Since: time.Unix(2, 0), Until: time.Unix(2, 0)}}},
			{"an unknown type", "type", ReplayWish{Selection: Selection{Types: []string{"payment.*", "payment.payed"}}}},
			{"an unknown reason", "dead", ReplayWish{Selection: Selection{Dead: "forged"}}},
			{"a name that is no key", "name", ReplayWish{Name: "a.b", Selection: Selection{All: true}}},
			{"a name of something else", "name", ReplayWish{Name: "taken", Selection: Selection{All: true}}},
			{"a rate", "rate", ReplayWish{Selection: Selection{All: true}, Rate: -1}},
			{"an endpoint of several merchants", "merchant", ReplayWish{Selection: Selection{Endpoint: "all"}}},
		}
		for _, row := range rows {
			_, err := p.replays.Run(t.Context(), row.wish)
			var faults *FaultsError
			if !errors.As(err, &faults) || !slices.ContainsFunc(faults.Faults, func(f payment.FieldError) bool { return f.Field == row.field }) {
				t.Errorf("%s: %v, want a fault of %s", row.name, err, row.field)
			}
		}
		if _, err := p.replays.Run(t.Context(), ReplayWish{Selection: Selection{Endpoint: "none"}}); !errors.Is(err, ErrNoEndpoint) {
			t.Errorf("an endpoint that does not exist: %v", err)
		}
	})
}

func TestParseReplay_LeavesANewerSchemaAlone(t *testing.T) {
	for value, want := range map[string]error{
		`{"schema":2,"name":"x","run":"new"}`: errReplayNewer,
		`{"schema":1,"name":"y","run":1}`:     errReplayValue,
		`{"schema":1,"name":"x","run":0}`:     errReplayValue,
		`nonsense`:                            errReplayValue,
		`{"schema":1,"name":"x","run":1}`:     nil,
	} {
		if _, err := parseReplay("x", []byte(value)); !errors.Is(err, want) {
			t.Errorf("%s: %v", value, err)
		}
	}
}
