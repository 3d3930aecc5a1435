package desk

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/sandboxtest"
)

// fake is a provider that knows one payment.
type fake struct {
	payment  *life.Payment
	refuses  bool
	busy     bool
	refusals int
}

func (f *fake) Answer(r Request) Answer {
	switch r.Path {
	case "/token":
		return Answer{Status: http.StatusOK, Body: []byte(`{"token":1}`), Endpoint: "token", Credential: true}
	case "/refused":
		return Answer{Status: http.StatusUnauthorized, Body: []byte(`{}`), Endpoint: "status", Refused: "wrong login"}
	}
	s := f.payment.At(r.At)
	return Answer{
		Status: http.StatusOK, Body: []byte(`{"status":"` + string(s.Word) + `"}`), Endpoint: "status", Payment: f.payment,
		Told: s.Word, Raw: "RAW", CapturedMinor: s.CapturedMinor, RefundedMinor: s.RefundedMinor,
	}
}

func (f *fake) Busy(Request) (Answer, bool) {
	return Answer{Status: http.StatusOK, Body: []byte(`{"busy":1}`)}, f.busy
}

func (f *fake) TooSoon(_ Request, left time.Duration) (Answer, bool) {
	f.refusals++
	wait := strconv.Itoa(int((left + time.Second - 1) / time.Second))
	return Answer{
		Status: http.StatusTooManyRequests, Body: []byte(`{}`), Refused: "below the floor",
		Header: map[string]string{"Retry-After": wait},
	}, f.refuses
}

// bundle is one desk on a network in memory.
type bundle struct {
	fake   *fake
	desk   *Desk
	client *http.Client
	url    string
}

// inBubble runs a test against a desk in virtual time.
func inBubble(t *testing.T, change func(*Options), test func(t *testing.T, b *bundle)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		its, _ := life.ByName("part_refunded")
		p, err := life.New(life.Script{
			Provider: life.Halyk, Life: its, Key: "halyk:1", AmountMinor: 1000, Created: time.Now(), Step: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		f := &fake{payment: p}
		o := Options{
			Provider: life.Halyk, Simulator: f, Ledger: &Ledger{}, Step: time.Second,
			Plan: fault.New(1, fault.None, time.Now(), time.Second),
		}
		if change != nil {
			change(&o)
		}
		network := sandboxtest.NewNetwork()
		l, err := network.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		b := &bundle{fake: f, desk: New(o), client: network.Client(), url: "http://" + l.Addr().String()}
		server := &http.Server{Handler: b.desk, ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan error, 1)
		go func() { served <- server.Serve(b.desk.Gate(l)) }()
		test(t, b)
		_ = server.Close()
		<-served
		// net/http lingers for half a second on a connection it cut off.
		time.Sleep(time.Second)
	})
}

func (b *bundle) get(t *testing.T, path string) (int, string, error) {
	t.Helper()
	res, err := b.client.Get(b.url + path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

func (b *bundle) last(t *testing.T) Ask {
	t.Helper()
	asks := b.desk.Ledger.Asks()
	if len(asks) == 0 {
		t.Fatal("the ledger is empty")
	}
	return asks[len(asks)-1]
}

func TestDesk_WritesDownWhatItTold(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bundle) {
		time.Sleep(time.Until(b.fake.payment.EndsAt()))
		status, body, err := b.get(t, "/status")
		if err != nil || status != http.StatusOK || body != `{"status":"part_refunded"}` {
			t.Fatalf("answered %d %q %v", status, body, err)
		}
		want := Ask{
			Arrived: time.Now(), Answered: time.Now(), Provider: life.Halyk, Endpoint: "status", Payment: "halyk:1",
			Truth: life.PartRefunded, Told: life.PartRefunded, Raw: "RAW", CapturedMinor: 1000,
			RefundedMinor: b.fake.payment.PartMinor(), HTTPStatus: http.StatusOK,
		}
		if got := b.last(t); got != want {
			t.Errorf("wrote down %+v\nwant %+v", got, want)
		}
	})
}

func TestDesk_RefusedAndCredentialAsksTellNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bundle) {
		if status, _, _ := b.get(t, "/refused"); status != http.StatusUnauthorized {
			t.Errorf("answered %d", status)
		}
		if got := b.last(t); got.Refused != "wrong login" || got.Told != "" || got.Payment != "" || got.HTTPStatus != 401 {
			t.Errorf("wrote down %+v", got)
		}
		if status, _, _ := b.get(t, "/token"); status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
		if got := b.last(t); !got.Credential || got.Endpoint != "token" || got.Told != "" {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestDesk_TooLargeABodyIsRefused(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, b *bundle) {
		res, err := b.client.Post(b.url+"/status", "application/json", bytes.NewReader(make([]byte, maxBody+1)))
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("answered %d", res.StatusCode)
			}
		}
		if got := b.last(t); got.Refused == "" || got.Told != "" {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestDesk_Floor_MarksAndLetsThrough(t *testing.T) {
	inBubble(t, func(o *Options) { o.Floor = 10 * time.Second }, func(t *testing.T, b *bundle) {
		rows := []struct {
			after time.Duration
			soon  bool
		}{{0, false}, {10*time.Second - 1, true}, {10 * time.Second, false}, {time.Second, true}, {9 * time.Second, true}}
		for i, row := range rows {
			time.Sleep(row.after)
			if status, _, err := b.get(t, "/status"); status != http.StatusOK || err != nil {
				t.Fatalf("ask %d: %d %v", i, status, err)
			}
			if got := b.last(t); got.TooSoon != row.soon || got.Refused != "" {
				t.Errorf("ask %d after %v: %+v", i, row.after, got)
			}
		}
	})
}

func TestDesk_Floor_ARefusedAskDoesNotMakeItRunAnew(t *testing.T) {
	inBubble(t, func(o *Options) { o.Floor = 10 * time.Second }, func(t *testing.T, b *bundle) {
		b.fake.refuses = true
		statuses := []int{}
		for _, after := range []time.Duration{0, 4 * time.Second, 4 * time.Second, 2 * time.Second} {
			time.Sleep(after)
			status, _, err := b.get(t, "/status")
			if err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, status)
		}
		if want := []int{200, 429, 429, 200}; !slices.Equal(statuses, want) {
			t.Errorf("answered %v, want %v", statuses, want)
		}
	})
}

func TestDesk_RetryAfter_MarksWhoDoesNotWait(t *testing.T) {
	inBubble(t, func(o *Options) { o.Floor = 3 * time.Second }, func(t *testing.T, b *bundle) {
		b.fake.refuses = true
		_, _, _ = b.get(t, "/status")
		time.Sleep(time.Second)
		// Refused with two seconds to wait.
		_, _, _ = b.get(t, "/status")
		rows := []struct {
			after time.Duration
			early bool
		}{{grace, false}, {1, true}, {2*time.Second - grace - 2, true}, {1, false}}
		for i, row := range rows {
			time.Sleep(row.after)
			_, _, _ = b.get(t, "/token")
			if got := b.last(t); got.BeforeRetryAfter != row.early {
				t.Errorf("ask %d, %v later: marked %v", i, row.after, got.BeforeRetryAfter)
			}
		}
	})
}

func TestDesk_Unheard_TakesBackWhatIsToldAtThatMomentOnly(t *testing.T) {
	inBubble(t, func(o *Options) { o.Floor = 20 * time.Second }, func(t *testing.T, b *bundle) {
		b.fake.refuses = true
		_, _, _ = b.get(t, "/status")
		early := func(after time.Duration) bool {
			time.Sleep(after)
			_, _, _ = b.get(t, "/token")
			return b.last(t).BeforeRetryAfter
		}
		time.Sleep(5 * time.Second)
		_, _, _ = b.get(t, "/status") // 15 seconds
		b.desk.Unheard()
		if early(time.Second) {
			t.Error("who was told nothing is marked")
		}
		_, _, _ = b.get(t, "/status") // 14 seconds
		if !early(time.Second) {
			t.Error("who did not wait is not marked")
		}
		b.desk.Unheard()
		if !early(0) {
			t.Error("an answer that was heard before is taken back")
		}
	})
}

// seedWith finds a seed whose first ask for the payment meets the fault.
func seedWith(t *testing.T, key string, kind fault.Kind) uint64 {
	t.Helper()
	for seed := range uint64(5000) {
		if fault.New(seed, fault.Many, time.Time{}, 0).Ask(life.Halyk, key) == kind {
			return seed
		}
	}
	t.Fatalf("no seed makes the first ask meet %s", kind)
	return 0
}

func TestDesk_PlaysEveryFault(t *testing.T) {
	rows := []struct {
		kind   fault.Kind
		status int
		body   string
		broken bool
		after  time.Duration
		told   life.Word
		ledger int
	}{
		{kind: fault.Error500, status: 500, body: "internal error\n", ledger: 500},
		{kind: fault.Error503, status: 503, body: gatewayPage, ledger: 503},
		{kind: fault.Hang, broken: true, after: 2 * time.Second},
		{kind: fault.Slow, status: 200, body: `{"status":"in_progress"}`, after: time.Second / 2, told: life.InProgress, ledger: 200},
		{kind: fault.Throttle, status: 429, body: "too many requests\n", ledger: 429},
		{kind: fault.Busy, status: 200, body: `{"busy":1}`, ledger: 200},
		{kind: fault.Garbage, status: 200, body: string(garbage[0].Body), ledger: 200},
		{kind: fault.Reset, broken: true},
		{kind: fault.Cut, status: 200, broken: true, ledger: 200},
	}
	for _, row := range rows {
		t.Run(string(row.kind), func(t *testing.T) {
			// The fault plan's outages come later than the first ask.
			change := func(o *Options) {
				o.Plan = fault.New(seedWith(t, "halyk:1", row.kind), fault.Many, time.Now(), time.Second)
			}
			inBubble(t, change, func(t *testing.T, b *bundle) {
				b.fake.busy = true
				began := time.Now()
				status, body, err := b.get(t, "/status")
				if (err != nil) != row.broken || status != row.status || !row.broken && body != row.body {
					t.Errorf("answered %d %q %v", status, body, err)
				}
				synctest.Wait()
				if got := time.Since(began); got != row.after {
					t.Errorf("took %v, want %v", got, row.after)
				}
				got := b.last(t)
				if got.Fault != string(row.kind) || got.Told != row.told || got.HTTPStatus != row.ledger || got.Answered.IsZero() {
					t.Errorf("wrote down %+v", got)
				}
				if got.Payment != "halyk:1" || got.Truth != life.InProgress {
					t.Errorf("the ledger lost the payment: %+v", got)
				}
			})
		})
	}
}

func TestDesk_Busy_IsA429WhereTheProviderHasNoWordsForIt(t *testing.T) {
	change := func(o *Options) {
		o.Plan = fault.New(seedWith(t, "halyk:1", fault.Busy), fault.Many, time.Now(), time.Second)
	}
	inBubble(t, change, func(t *testing.T, b *bundle) {
		if status, _, _ := b.get(t, "/status"); status != http.StatusTooManyRequests {
			t.Errorf("answered %d", status)
		}
		if got := b.last(t); got.Fault != string(fault.Throttle) {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestDesk_AHangEndsWhenTheClientGoes(t *testing.T) {
	change := func(o *Options) {
		o.Plan = fault.New(seedWith(t, "halyk:1", fault.Hang), fault.Many, time.Now(), time.Second)
	}
	inBubble(t, change, func(t *testing.T, b *bundle) {
		b.client.Timeout = 300 * time.Millisecond
		began := time.Now()
		if _, _, err := b.get(t, "/status"); err == nil {
			t.Fatal("a hang was answered")
		}
		synctest.Wait()
		if got := b.last(t); got.Answered.Sub(began) != 300*time.Millisecond || got.Told != "" {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestDesk_ASlowAnswerToNobodyTellsNothing(t *testing.T) {
	change := func(o *Options) {
		o.Plan = fault.New(seedWith(t, "halyk:1", fault.Slow), fault.Many, time.Now(), time.Second)
	}
	inBubble(t, change, func(t *testing.T, b *bundle) {
		b.client.Timeout = 300 * time.Millisecond
		if _, _, err := b.get(t, "/status"); err == nil {
			t.Fatal("the client did not give up")
		}
		synctest.Wait()
		if got := b.last(t); got.Told != "" || got.HTTPStatus != 0 || got.Answered.IsZero() {
			t.Errorf("wrote down %+v", got)
		}
	})
}

func TestDesk_InAnOutageNobodyIsAnswered(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(6) {
		change := func(o *Options) { o.Plan = fault.New(seed, fault.Some, time.Now(), time.Second) }
		inBubble(t, change, func(t *testing.T, b *bundle) {
			window := b.desk.Plan.Outages(life.Halyk)[0]
			time.Sleep(time.Until(window.From))
			for time.Now().Before(window.Until) {
				status, _, err := b.get(t, "/status")
				got := b.last(t)
				switch fault.Kind(got.Fault) {
				case fault.Outage503:
					if status != http.StatusServiceUnavailable {
						t.Errorf("answered %d", status)
					}
				case fault.OutageReset:
					if err == nil || errors.Is(err, http.ErrHandlerTimeout) {
						t.Errorf("answered %d, %v", status, err)
					}
				default:
					t.Fatalf("wrote down %+v", got)
				}
				if got.Told != "" || got.Payment != "" {
					t.Errorf("an outage told something: %+v", got)
				}
				seen[got.Fault] = true
				time.Sleep(500 * time.Millisecond)
			}
		})
	}
	if len(seen) != 2 {
		t.Errorf("six seeds showed only %v", seen)
	}
}

func TestDesk_APaymentCanAlwaysBeAskedToItsEnd(t *testing.T) {
	for seed := range uint64(10) {
		change := func(o *Options) { o.Plan = fault.New(seed, fault.Many, time.Now(), time.Second) }
		inBubble(t, change, func(t *testing.T, b *bundle) {
			time.Sleep(time.Until(b.fake.payment.EndsAt()))
			told := 0
			for range 60 {
				_, _, _ = b.get(t, "/status")
				if b.last(t).Told == life.PartRefunded {
					told++
				}
				time.Sleep(time.Second)
			}
			if told < 30 {
				t.Errorf("seed %d: the end was told %d times in 60 asks", seed, told)
			}
		})
	}
}
