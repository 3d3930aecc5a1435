package halyk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

func TestPoll_FetchesOneToken_ForFiftyAtOnce(t *testing.T) {
	p := &provider{answer: reply{Body: transaction(t, nil)}, hold: make(chan struct{}), fetched: make(chan struct{}, 50)}
	adapter := setup(t, p, nil)
	errs := make(chan error, 50)
	for range cap(errs) {
		go func() {
			_, err := adapter.Poll(context.Background(), query(t))
			errs <- err
		}()
	}
	<-p.fetched
	close(p.hold)
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("Poll: %v", err)
		}
	}
	if n, tokens := len(p.requests()), len(p.tokenForms()); n != 50 || tokens != 1 {
		t.Errorf("%d status and %d token requests, want 50 and 1", n, tokens)
	}
}

func TestPoll_LeavesTheFetchToTheOthers_WhenItsContextEnds(t *testing.T) {
	p := &provider{answer: reply{Body: transaction(t, nil)}, hold: make(chan struct{}), fetched: make(chan struct{}, 2)}
	adapter := setup(t, p, nil)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		_, err := adapter.Poll(ctx, query(t))
		left <- err
	}()
	<-p.fetched // the fetch is on its way, begun by the one that leaves
	cancel()
	if err := <-left; !errors.Is(err, providers.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want kind unavailable with the cause canceled", err)
	}
	stayed := make(chan error)
	go func() {
		_, err := adapter.Poll(context.Background(), query(t))
		stayed <- err
	}()
	close(p.hold)
	if err := <-stayed; err != nil {
		t.Errorf("Poll: %v", err)
	}
	if tokens := len(p.tokenForms()); tokens != 1 {
		t.Errorf("%d token requests, want 1", tokens)
	}
}

// In virtual time a lock that is held while the network is waited for would stop
// the clock for good, and polls that wait for each other would take longer.
func TestPoll_HoldsNobodyUp_WhileATokenIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens atomic.Int64
		answer := transaction(t, nil)
		adapter, err := New(goodConfig(), providertest.RoundTrip(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(time.Second):
			}
			body := answer
			if r.Method == http.MethodPost {
				tokens.Add(1)
				body = `{"access_token":"t-1","expires_in":7200}`
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var all sync.WaitGroup
		for n := range 30 {
			all.Go(func() {
				patience, ends := 3*time.Second, 2*time.Second // a second for the token, one for the answer
				if n%3 == 0 {                                  // the first of all among them
					patience, ends = 500*time.Millisecond, 500*time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := adapter.Poll(ctx, query(t))
				if left := errors.Is(err, context.DeadlineExceeded); left != (n%3 == 0) || !left && err != nil || time.Since(began) != ends {
					t.Errorf("poll %d: %v after %s, want the end after %s", n, err, time.Since(began), ends)
				}
			})
		}
		all.Wait()
		if n := tokens.Load(); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
	})
}

// Polls whose token was refused at the same time need one new one between them.
func TestPoll_FetchesOneNewToken_WhenTheOldIsRefusedToMany(t *testing.T) {
	p := &provider{answer: reply{Body: transaction(t, nil)}}
	adapter := setup(t, p, nil)
	if _, err := adapter.Poll(t.Context(), query(t)); err != nil {
		t.Fatal(err)
	}
	p.refused = []string{"token-1"}
	errs := make(chan error, 20)
	for range cap(errs) {
		go func() {
			_, err := adapter.Poll(t.Context(), query(t))
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("Poll: %v", err)
		}
	}
	if tokens := len(p.tokenForms()); tokens != 2 {
		t.Errorf("%d token requests, want 2", tokens)
	}
}

// A token is refused once per poll: the next poll tries the newest one first.
func TestPoll_AsksForNoTokenInVain_AfterASecondRefusal(t *testing.T) {
	p := &provider{answer: reply{Body: transaction(t, nil)}, refused: []string{"token-1", "token-2"}}
	adapter := setup(t, p, nil)
	for range 2 {
		if _, err := adapter.Poll(t.Context(), query(t)); err == nil {
			continue
		} else if !errors.Is(err, providers.Misconfigured) {
			t.Fatal(err)
		}
	}
	if n, tokens := len(p.requests()), len(p.tokenForms()); n != 4 || tokens != 3 {
		t.Errorf("%d status and %d token requests, want 4 and 3", n, tokens)
	}
}

// A token belongs to the client and its terminal.
func TestPoll_SharesNoTokenBetweenTerminals(t *testing.T) {
	const other = "99999999-2222-4333-8444-555555555555"
	p := &provider{answer: reply{Body: transaction(t, members{"terminalID": nil})}}
	base, transport := providertest.Serve(t, p)
	cfg := Config{APIURL: base + "/api", TokenURL: base + "/oauth2/token", ClientID: testClient, ClientSecret: secret.New(testSecret)}
	for i, terminal := range []string{testTerminal, other} {
		cfg.Terminal = terminal
		adapter, err := New(cfg, transport)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := adapter.Poll(t.Context(), query(t)); err != nil {
				t.Fatal(err)
			}
		}
		forms, asked := p.tokenForms(), p.requests()
		if len(forms) != i+1 || forms[i].Get("terminal") != terminal {
			t.Errorf("tokens asked with %v", forms)
		}
		if got, want := asked[len(asked)-1].authorization, fmt.Sprintf("Bearer token-%d", i+1); got != want {
			t.Errorf("asked with %q, want %q", got, want)
		}
	}
}

// counter is a token source that gives token-1, token-2 and so on.
type counter struct {
	mu   sync.Mutex
	n    int
	life time.Duration
	err  error
}

func (c *counter) fetch(context.Context) (grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.err != nil {
		return grant{}, c.err
	}
	return grant{Token: secret.New(fmt.Sprintf("token-%d", c.n)), Until: time.Now().Add(c.life)}, nil
}

func mustGet(t *testing.T, tokens *tokens, want string) {
	t.Helper()
	token, err := tokens.get(context.Background())
	if err != nil || token.Reveal() != want {
		t.Errorf("token %q, error %v; want %q", token.Reveal(), err, want)
	}
}

func TestTokens_AreUsedToTheirEndAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{life: time.Hour}
		tokens := &tokens{fetch: c.fetch}
		mustGet(t, tokens, "token-1")
		time.Sleep(time.Hour - time.Nanosecond)
		mustGet(t, tokens, "token-1")
		time.Sleep(time.Nanosecond)
		mustGet(t, tokens, "token-2")
	})
}

func TestTokens_KeepTheNewOne_WhenAnOldOneIsRefusedLate(t *testing.T) {
	c := &counter{life: time.Hour}
	tokens := &tokens{fetch: c.fetch}
	mustGet(t, tokens, "token-1")
	tokens.drop(secret.New("token-1"))
	mustGet(t, tokens, "token-2")
	tokens.drop(secret.New("token-1"))
	mustGet(t, tokens, "token-2")
}

func TestTokens_AskAgain_AfterAFailedFetch(t *testing.T) {
	c := &counter{life: time.Hour, err: &providers.Error{Kind: providers.Unavailable, Doing: doingToken}}
	tokens := &tokens{fetch: c.fetch}
	if _, err := tokens.get(context.Background()); !errors.Is(err, providers.Unavailable) {
		t.Errorf("error %v, want kind unavailable", err)
	}
	c.err = nil
	mustGet(t, tokens, "token-2")
}

func TestTokens_EndAFetchThatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		tokens := &tokens{fetch: func(ctx context.Context) (grant, error) {
			<-ctx.Done()
			return grant{}, providers.Interrupted(doingToken, ctx.Err())
		}}
		_, err := tokens.get(context.Background())
		if !errors.Is(err, providers.Unavailable) || time.Since(began) != fetchLimit {
			t.Errorf("error %v after %s, want kind unavailable after %s", err, time.Since(began), fetchLimit)
		}
	})
}

func TestDecodeToken_ReadsTheLifeInEveryForm(t *testing.T) {
	rows := []struct {
		expires string
		want    time.Duration
	}{
		{`7200`, 2 * time.Hour}, {`"1200"`, 20 * time.Minute}, {`" 1200 "`, 20 * time.Minute}, {`0`, defaultLife}, {`"0"`, defaultLife},
		{`null`, defaultLife}, {`""`, defaultLife}, {`99999999999`, longestLife}, {`"99999999999"`, longestLife},
	}
	for _, row := range rows {
		_, life, err := decodeToken([]byte(`{"access_token":"t","expires_in":` + row.expires + `}`))
		if err != nil || life != row.want {
			t.Errorf("expires_in %s: %s, error %v; want %s", row.expires, life, err, row.want)
		}
	}
	if _, life, err := decodeToken([]byte(`{"access_token":"t"}`)); err != nil || life != defaultLife {
		t.Errorf("no expires_in: %s, error %v; want %s", life, err, defaultLife)
	}
}

func TestDecodeToken_ReadsTheDocumentedAnswers(t *testing.T) {
	for file, want := range map[string]struct {
		token string
		life  time.Duration
	}{
		"documented_token.json": {"DCEB8O_ZM5U7SO_T_U5EJQ", 2 * time.Hour},
		"qr-token.json":         {"t-1", 20 * time.Minute},
	} {
		token, life, err := decodeToken(testdata(t, "golden", file))
		if err != nil || token.Reveal() != want.token || life != want.life {
			t.Errorf("%s: token %q for %s, error %v", file, token.Reveal(), life, err)
		}
	}
}

func TestFetchToken_StopsUsingATokenBeforeItsEnd(t *testing.T) {
	for expires, margin := range map[string]time.Duration{"7200": time.Minute, "1200": time.Minute, "30": 3 * time.Second} {
		p := &provider{token: &reply{Body: `{"access_token":"t","expires_in":` + expires + `}`}}
		before := time.Now()
		g, err := setup(t, p, nil).fetchToken(context.Background())
		after := time.Now()
		if err != nil {
			t.Fatal(err)
		}
		life, _ := time.ParseDuration(expires + "s")
		if g.Until.Before(before.Add(life-margin)) || g.Until.After(after.Add(life-margin)) {
			t.Errorf("expires_in %s: used for %s, want %s less", expires, g.Until.Sub(before), margin)
		}
	}
}

func TestGrant_DoesNotPrintItsToken(t *testing.T) {
	if text := fmt.Sprintf("%+v %#v", grant{Token: secret.New("hunter2")}, grant{Token: secret.New("hunter2")}); strings.Contains(text, "hunter2") {
		t.Errorf("the token shows in %s", text)
	}
}
