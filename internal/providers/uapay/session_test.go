package uapay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

const refusedBody = `{"status":0,"error":{"code":"SESSION_EXPIRED"}}`

func TestSession_IsFetchedOnceForManyPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{wrap: true, answer: always(finishedBody)}
		server.session = func(int) reply {
			time.Sleep(time.Second) // all 50 are waiting when it is answered
			return reply{Body: `{"status":1,"data":{"id":"shared"}}`}
		}
		pollMany(t, inMemory(t, server), 50)
		if server.created != 1 || len(server.sessions) != 50 {
			t.Errorf("%d sessions for %d questions", server.created, len(server.sessions))
		}
	})
}

func pollMany(t *testing.T, a *Adapter, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if got, err := a.Poll(t.Context(), byPayment()); err != nil || got.Status != payment.Succeeded {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	all.Wait()
}

func TestSession_IsRenewedOnceForAll_WhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Each new session ends the one before it, and the first one dies.
		var mu sync.Mutex
		alive := ""
		server := &fake{wrap: true}
		server.session = func(n int) reply {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			alive = []string{"first", "second", "third"}[n-1]
			return reply{Body: `{"status":1,"data":{"id":"` + alive + `"}}`}
		}
		server.answer = func(_, session string) reply {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			if session != alive {
				return reply{Body: refusedBody}
			}
			return reply{Body: finishedBody}
		}
		a := inMemory(t, server)
		pollMany(t, a, 1)
		mu.Lock()
		alive = "none"
		mu.Unlock()
		pollMany(t, a, 50)
		if server.created != 2 {
			t.Errorf("%d sessions were made, want 2", server.created)
		}
	})
}

func TestSession_IsKeptFor10Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{wrap: true, answer: always(finishedBody)}
		a := inMemory(t, server)
		pollMany(t, a, 1)
		time.Sleep(10*time.Minute - time.Nanosecond)
		if pollMany(t, a, 1); server.created != 1 {
			t.Errorf("a nanosecond before 10 minutes %d sessions were made", server.created)
		}
		time.Sleep(time.Nanosecond)
		if pollMany(t, a, 1); server.created != 2 {
			t.Errorf("at 10 minutes %d sessions were made", server.created)
		}
	})
}

func TestSession_RefusedTwice_IsMisconfigured(t *testing.T) {
	for _, status := range []int{200, 400, 401, 403} {
		server := &fake{wrap: true, answer: func(string, string) reply { return reply{Status: status, Body: refusedBody} }}
		_, err := overHTTP(t, server).Poll(t.Context(), byPayment())
		if !errors.Is(err, providers.Misconfigured) || server.created != 2 || len(server.sessions) != 2 {
			t.Errorf("HTTP %d: %v after %d sessions and %d questions", status, err, server.created, len(server.sessions))
		}
	}
}

func TestSession_ThatDiedOfOthersUse_IsNotMisconfigured(t *testing.T) {
	// Our question with the first session takes so long that another poll has
	// fetched the second one and used it up before we get to it.
	synctest.Test(t, func(t *testing.T) {
		server := &fake{wrap: true}
		asked := 0
		server.answer = func(_, session string) reply {
			if asked++; asked == 1 {
				time.Sleep(10 * time.Second)
			}
			if session == "session-3" {
				return reply{Body: finishedBody}
			}
			return reply{Body: refusedBody}
		}
		a := inMemory(t, server)
		var first sync.WaitGroup
		first.Go(func() {
			if got, err := a.Poll(t.Context(), byPayment()); err != nil || got.Status != payment.Succeeded {
				t.Errorf("got %+v, %v", got, err)
			}
		})
		time.Sleep(time.Second)
		if id, fresh, err := a.sessions.get(t.Context(), "session-1"); id != "session-2" || !fresh || err != nil {
			t.Errorf("got %s, %v", id, err)
		}
		first.Wait()
		if want := []string{"session-1", "session-2", "session-3"}; !slices.Equal(server.sessions, want) {
			t.Errorf("asked with %v, want %v", server.sessions, want)
		}
	})
}

func TestSession_OfTheReferenceIsTriedFirst(t *testing.T) {
	rows := []struct {
		name     string
		ownWorks bool
		sessions []string
		created  int
	}{
		{"and is enough", true, []string{ownSession}, 0},
		{"and the shared one after it is refused", false, []string{ownSession, "session-1"}, 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server := &fake{wrap: true, answer: func(_, session string) reply {
				if session == ownSession && !row.ownWorks {
					return reply{Body: refusedBody}
				}
				return reply{Body: finishedBody}
			}}
			q := byPayment()
			q.Reference["session_id"] = ownSession
			if _, err := overHTTP(t, server).Poll(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(server.sessions, row.sessions) || server.created != row.created {
				t.Errorf("asked with %v, made %d", server.sessions, server.created)
			}
		})
	}
}

func TestSession_AnswersAreReadInAllForms(t *testing.T) {
	token := jwt(`{"alg":"HS256","typ":"JWT"}`, `{"id":"made","iat":"1700000001"}`, testKey)
	rows := []struct {
		name, body       string
		signed, unsigned error
	}{
		{"in a token", `{"status":1,"data":{"token":"` + token + `"}}`, nil, nil},
		{"in data", `{"status":1,"data":{"id":"made"}}`, providers.SignatureInvalid, nil},
		{"at the top, status as text", `{"status":"1","id":"made"}`, providers.SignatureInvalid, nil},
		{"in a token of another key", `{"status":1,"data":{"token":"` + jwt(`{"alg":"HS256"}`, `{"id":"made"}`, "other") + `"}}`, providers.SignatureInvalid, providers.SignatureInvalid},
		{"no id", `{"status":1,"data":{"token":"` + jwt(`{"alg":"HS256"}`, `{}`, testKey) + `"}}`, providers.Unreadable, providers.Unreadable},
		{"empty id", `{"status":1,"data":{"token":"` + jwt(`{"alg":"HS256"}`, `{"id":""}`, testKey) + `"}}`, providers.Unreadable, providers.Unreadable},
		{"client not found", `{"error":{"code":"CLIENT_NOT_FOUND"}}`, providers.Misconfigured, providers.Misconfigured},
		{"client refused", `{"error":{"code":"FORMAT_ERROR","fields":{"params":{"clientId":"INVALID"}}}}`, providers.Misconfigured, providers.Misconfigured},
		{"clock refused", `{"error":{"code":"TIMELIMIT_ERROR"}}`, providers.Misconfigured, providers.Misconfigured},
		{"no more sessions", `{"error":{"code":"SESSION_LIMIT"}}`, providers.Misconfigured, providers.Misconfigured},
		{"any other code", `{"error":{"code":"MOON_PHASE"}}`, providers.UnknownStatus, providers.UnknownStatus},
	}
	for _, row := range rows {
		for form, want := range map[string]error{"signed": row.signed, "unsigned": row.unsigned} {
			t.Run(row.name+" "+form, func(t *testing.T) {
				server := &fake{session: func(int) reply { return reply{Body: row.body} }}
				a := overHTTP(t, server)
				a.reader.requireSigned = form == "signed"
				id, _, err := a.sessions.get(t.Context(), "")
				if want == nil && (err != nil || id != "made") || want != nil && !errors.Is(err, want) {
					t.Fatalf("got %q and %v, want %v", id, err, want)
				}
				if errors.Is(err, providers.NotFound) || errors.Is(err, errSessionRefused) {
					t.Errorf("%v would be taken for an answer about the payment", err)
				}
			})
		}
	}
}

func TestSession_AtAWrongAddress_NamesTheURL(t *testing.T) {
	server := &fake{wrap: true, session: func(int) reply { return reply{Status: 404, Body: "<html>"} }}
	_, err := overHTTP(t, server).Poll(t.Context(), byPayment())
	if !errors.Is(err, providers.Misconfigured) || !strings.Contains(err.Error(), "base_url") {
		t.Fatal(err)
	}
}

func TestSession_FetchThatFails_IsTriedAgainByTheNextPoll(t *testing.T) {
	server := &fake{wrap: true, answer: always(finishedBody), session: func(n int) reply {
		if n == 1 {
			return reply{Status: 503}
		}
		return reply{Body: `{"status":1,"data":{"id":"later"}}`}
	}}
	a := overHTTP(t, server)
	if _, err := a.Poll(t.Context(), byPayment()); !errors.Is(err, providers.Unavailable) {
		t.Fatal(err)
	}
	if _, err := a.Poll(t.Context(), byPayment()); err != nil {
		t.Fatal(err)
	}
}

func TestSession_FetchHasATimeLimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		s.fetch = func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", &providers.Error{Kind: providers.Unavailable, Cause: ctx.Err()}
		}
		began := time.Now()
		if _, _, err := s.get(t.Context(), ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
	})
}
