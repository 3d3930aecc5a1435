package callback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/consumer"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mute is a provider that calls nobody.
type mute struct{}

func (mute) Profile() providers.Profile             { return providers.Profile{Name: "mute"} }
func (mute) CheckReference(payment.Reference) error { return nil }
func (mute) Poll(context.Context, providers.Query) (payment.Observation, error) {
	return payment.Observation{}, &providers.Error{Kind: providers.NotFound}
}

// signer is a provider whose callbacks are a kind and an order number, and a
// header that says who sent them: "key" signed it.
type signer struct{ mute }

func (signer) Aliases(ref payment.Reference) []string { return []string{"order:" + ref["order"]} }

func (signer) ReadCallback(c providers.Callback) (providers.Hint, error) {
	order, ok := strings.CutPrefix(string(c.Body), "order=")
	switch signed := c.Header.Get("X-Signature"); {
	case string(c.Body) == "panic":
		panic("over canary-body")
	case string(c.Body) == "nobody":
		return providers.Hint{Verified: true}, nil
	case signed == "wrong":
		return providers.Hint{}, &providers.Error{Kind: providers.SignatureInvalid, Doing: "read a callback"}
	case !ok:
		return providers.Hint{}, &providers.Error{Kind: providers.Unreadable, Doing: "read a callback"}
	default:
		return providers.Hint{Aliases: []string{"order:" + order}, Verified: signed == "key"}, nil
	}
}

// bench is a handler with what it caused.
type bench struct {
	*Handler
	mu    sync.Mutex
	hints []string // "account alias", in order
	log   bytes.Buffer
	// result and err are what hinting comes to.
	result consumer.HintResult
	err    error
	// during runs inside each hint.
	during func(context.Context)
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{during: func(context.Context) {}}
	o.Accounts = map[string]providers.Provider{"main": signer{}, "my shop/№1": signer{}, "mute": mute{}}
	o.Log = zerolog.New(zerolog.SyncWriter(&b.log))
	o.Hint = func(ctx context.Context, account string, aliases []string) (consumer.HintResult, error) {
		b.mu.Lock()
		b.hints = append(b.hints, account+" "+strings.Join(aliases, " "))
		b.mu.Unlock()
		b.during(ctx)
		return b.result, b.err
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Handler = h
	return b
}

// ask sends a request to the handler.
func (b *bench) ask(method, path, body, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Signature", signature)
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// lines are the log's lines.
func (b *bench) lines(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for decoder := json.NewDecoder(bytes.NewReader(b.log.Bytes())); ; {
		var line map[string]any
		if err := decoder.Decode(&line); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
}

func TestHandler_AnswersEachRequestByItsKind(t *testing.T) {
	const path, notOurs = "/callbacks/main", `{"error":"not a callback of this account's provider"}`
	for _, row := range []struct {
		name, method, path, body, signature string
		status                              int
		answer, outcome                     string
		hints                               []string
	}{
		{"signed", "POST", path, "order=1", "key", 200, `{"status":"accepted"}`, "accepted", []string{"main order:1"}},
		{"not signed", "POST", path, "order=1", "", 200, `{"status":"accepted"}`, "accepted", []string{"main order:1"}},
		{"an account with a name of its own", "POST", "/callbacks/my%20shop%2F%E2%84%961", "order=1", "key", 200, `{"status":"accepted"}`, "accepted", []string{"my shop/№1 order:1"}},
		{"with a query", "POST", path + "?order=2", "order=1", "key", 200, `{"status":"accepted"}`, "accepted", []string{"main order:1"}},
		{"signed by another key", "POST", path, "order=1", "wrong", 400, notOurs, "signature_invalid", nil},
		{"not readable", "POST", path, "hello", "key", 400, notOurs, "unreadable", nil},
		{"empty", "POST", path, "", "key", 400, notOurs, "unreadable", nil},
		{"about no payment", "POST", path, "nobody", "key", 400, notOurs, "unreadable", nil},
		{"one that the adapter panics over", "POST", path, "panic", "key", 400, notOurs, "unreadable", nil},
		{"an unknown account", "POST", "/callbacks/canary-path", "order=1", "key", 404, `{"error":"no such account"}`, "unknown_account", nil},
		{"a provider that calls nobody", "POST", "/callbacks/mute", "order=1", "key", 404, `{"error":"no such account"}`, "unknown_account", nil},
		{"no account", "POST", "/callbacks/", "order=1", "key", 404, `{"error":"no such account"}`, "unknown_account", nil},
		{"a path below", "POST", path + "/x", "order=1", "key", 404, `{"error":"no such account"}`, "unknown_account", nil},
		{"another path", "GET", "/", "", "", 404, `{"error":"no such account"}`, "unknown_account", nil},
		{"GET", "GET", path, "", "", 405, `{"error":"only POST"}`, "wrong_method", nil},
		{"HEAD", "HEAD", path, "", "", 405, `{"error":"only POST"}`, "wrong_method", nil},
		{"PUT to an unknown account", "PUT", "/callbacks/canary-path", "order=1", "", 405, `{"error":"only POST"}`, "wrong_method", nil},
		{"as large as may be", "POST", path, "order=" + strings.Repeat("1", providers.MaxCallback-6), "wrong", 400, notOurs, "signature_invalid", nil},
		{"too large", "POST", path, strings.Repeat("1", providers.MaxCallback+1), "key", 413, `{"error":"too large"}`, "too_large", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, Options{})
			w := b.ask(row.method, row.path, row.body, row.signature)
			if w.Code != row.status || strings.TrimSpace(w.Body.String()) != row.answer || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if !slices.Equal(b.hints, row.hints) {
				t.Errorf("hints %q, want %q", b.hints, row.hints)
			}
			if allow := w.Header().Get("Allow"); (row.status == 405) != (allow == "POST") {
				t.Errorf("Allow: %q", allow)
			}
			if last := b.lines(t); len(last) == 0 || last[len(last)-1]["outcome"] != row.outcome {
				t.Errorf("the log says %v, want outcome %s", last, row.outcome)
			}
			if strings.Contains(b.log.String(), "canary") {
				t.Errorf("the log repeats what a stranger wrote: %s", b.log.String())
			}
		})
	}
}

func TestHandler_CountsABodyOfUnknownLength(t *testing.T) {
	b := newBench(t, Options{})
	for size, want := range map[int]int{providers.MaxCallback: 400, providers.MaxCallback + 1: 413} {
		r := httptest.NewRequest("POST", "/callbacks/main", io.MultiReader(strings.NewReader(strings.Repeat("1", size))))
		w := httptest.NewRecorder()
		if b.ServeHTTP(w, r); r.ContentLength != -1 || w.Code != want {
			t.Errorf("%d bytes are answered %d, want %d", size, w.Code, want)
		}
	}
}

func TestHandler_RefusesABodyThatBreaksOff(t *testing.T) {
	b := newBench(t, Options{})
	broken := io.MultiReader(strings.NewReader("order=1"), iotestError{})
	w := httptest.NewRecorder()
	b.ServeHTTP(w, httptest.NewRequest("POST", "/callbacks/main", broken))
	if w.Code != 400 || len(b.hints) != 0 {
		t.Errorf("answered %d, hints %q", w.Code, b.hints)
	}
}

type iotestError struct{}

func (iotestError) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// Whoever sends a callback must not learn from the answer which payments exist.
func TestHandler_AnswersTheSame_WhetherOrNotAPaymentWasFound(t *testing.T) {
	answers := map[string]bool{}
	for _, result := range []consumer.HintResult{{}, {Hastened: 1}, {Coalesced: 3}, {Left: 1}, {Crowded: 1}} {
		b := newBench(t, Options{})
		b.result = result
		w := b.ask("POST", "/callbacks/main", "order=1", "")
		w.Header().Del("Date")
		var header bytes.Buffer
		if err := w.Header().Write(&header); err != nil {
			t.Fatal(err)
		}
		answers[header.String()+w.Body.String()] = true
	}
	if len(answers) != 1 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
}

func TestHandler_LogsOneLinePerCallback_AndNothingOfIt(t *testing.T) {
	b := newBench(t, Options{})
	b.result = consumer.HintResult{Hastened: 1, Coalesced: 2, Left: 3, Crowded: 4}
	b.ask("POST", "/callbacks/main?token=canary-query", "order=canary-body", "key")
	b.ask("POST", "/callbacks/main", "order=canary-body", "canary-signature")
	lines := b.lines(t)
	if len(lines) != 2 || strings.Contains(b.log.String(), "canary") {
		t.Fatalf("the log is %s", b.log.String())
	}
	want := map[string]any{
		"level": "info", "event": "callback.received", "provider": "main", "verified": true, "outcome": "accepted",
		"hastened": 1.0, "coalesced": 2.0, "left": 3.0, "crowded": 4.0, "message": "callback",
	}
	for name, value := range want {
		if lines[0][name] != value {
			t.Errorf("%s is %v, want %v", name, lines[0][name], value)
		}
	}
	if lines[1]["verified"] != false {
		t.Error("the second callback counts as verified")
	}
}

func TestHandler_AsksToComeAgain_WhenTheBrokerCanNotBeReached(t *testing.T) {
	b := newBench(t, Options{})
	b.err = errors.New("hint: look up a reference: nobody there")
	w := b.ask("POST", "/callbacks/main", "order=1", "key")
	if w.Code != 503 || w.Header().Get("Retry-After") != "10" || strings.Contains(w.Body.String(), "reference") {
		t.Errorf("answered %d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	if line := b.lines(t)[0]; line["outcome"] != "broker_unavailable" || line["alarm"] != true || line["error"] == nil {
		t.Errorf("the log says %v", line)
	}
}

func TestHandler_WaitsForTheBrokerOnlySoLong_AndNotForTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.err = errors.New("too late")
		b.during = func(ctx context.Context) { <-ctx.Done() }
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		began := time.Now()
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/callbacks/main", strings.NewReader("order=1")))
		if took := time.Since(began); w.Code != 503 || took != hintLimit {
			t.Errorf("answered %d after %v", w.Code, took)
		}
	})
}

func TestHandler_LimitsWhatNobodySigned_PerAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{UnverifiedRate: 5})
		send := func(n int, path, body, signature string) (taken int) {
			for range n {
				if w := b.ask("POST", path, body, signature); w.Code != 429 {
					taken++
				} else if w.Header().Get("Retry-After") != "1" {
					t.Error("no Retry-After")
				}
			}
			return taken
		}
		const other = "/callbacks/my%20shop%2F%E2%84%961"
		for _, row := range []struct {
			name, path, body, signature string
			pause                       time.Duration
			want                        int
		}{
			{"a burst of unsigned ones", "/callbacks/main", "order=1", "", 0, 10},
			{"wrong signatures share what is left", "/callbacks/main", "order=1", "wrong", 0, 0},
			{"signed ones have no limit", "/callbacks/main", "order=1", "key", 0, 1000},
			{"another account has its own", other, "order=1", "", 0, 10},
			{"a second later", "/callbacks/main", "hello", "", time.Second, 5},
		} {
			time.Sleep(row.pause)
			if got := send(1000, row.path, row.body, row.signature); got != row.want {
				t.Errorf("%s: %d of 1000 were taken, want %d", row.name, got, row.want)
			}
		}
		if n := len(b.hints); n != 10+1000+10 {
			t.Errorf("%d hints", n)
		}
	})
}

func TestHandler_WritesALineASecondOfWhatAnybodyCanCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		for range 100 {
			b.ask("POST", "/callbacks/other", "", "")
			b.ask("GET", "/callbacks/main", "", "")
			b.ask("GET", "/", "", "")
		}
		time.Sleep(time.Second)
		b.ask("PUT", "/callbacks/main", "", "")
		lines := b.lines(t)
		if len(lines) != 2 || lines[1]["not_logged"] != 299.0 {
			t.Errorf("%d lines, the last one %v", len(lines), lines[len(lines)-1])
		}
	})
}

func TestHandler_HasOnlySoManyInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		release := make(chan struct{})
		b.during = func(context.Context) { <-release }
		answers := make(chan int, mostAtOnce)
		for range mostAtOnce {
			go func() { answers <- b.ask("POST", "/callbacks/main", "order=1", "key").Code }()
		}
		synctest.Wait()
		if w := b.ask("POST", "/callbacks/main", "order=1", "key"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("one too many is answered %d", w.Code)
		}
		close(release)
		for range mostAtOnce {
			if code := <-answers; code != 200 {
				t.Errorf("one in hand is answered %d", code)
			}
		}
		if w := b.ask("POST", "/callbacks/main", "order=1", "key"); w.Code != 200 {
			t.Errorf("afterwards one is answered %d", w.Code)
		}
	})
}

func TestNew_WantsToKnowHowToHint(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New takes nothing")
	}
	b := newBench(t, Options{})
	if n := b.Accounts(); n != 2 {
		t.Errorf("%d accounts take callbacks, want those of providers that call", n)
	}
}
