package providertest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
)

// namesWrongCredentials: each wrong credential is told as misconfigured, with
// the name of a setting that the account has.
func (s Subject) namesWrongCredentials(t *testing.T) {
	if len(s.Wrong) == 0 {
		t.Fatal("no wrong credentials were given")
	}
	w := s.onSockets(t, sandbox.Options{Seed: 7})
	for setting, value := range s.Wrong {
		t.Run(setting, func(t *testing.T) {
			settings := maps.Clone(w.settings)
			if settings[setting] == "" || settings[setting] == value {
				t.Fatalf("%s is no setting that could be wrong", setting)
			}
			settings[setting] = value
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			adapter := s.adapter(t, settings, transport)
			for _, made := range w.charged(t, 12) {
				q := question(t, made)
				obs, err := adapter.Poll(t.Context(), q)
				w.checkPoll(t, q, obs, err)
				CheckHidden(t, hide(value), err)
				var e *providers.Error
				if !errors.As(err, &e) || e.Kind != providers.Misconfigured || settings[e.Setting] == "" {
					t.Errorf("error %v, want misconfigured with the name of a setting", err)
				}
			}
		})
	}
}

// doesNotFindStrangers: payments of another sandbox, in all their shapes.
func (s Subject) doesNotFindStrangers(t *testing.T) {
	w, elsewhere := s.onSockets(t, sandbox.Options{Seed: 8}), s.onSockets(t, sandbox.Options{Seed: 9})
	for _, made := range elsewhere.create(t, 3) {
		q := question(t, made)
		obs, err := Poll(t, w.adapter, q)
		w.checkPoll(t, q, obs, err)
		if !errors.Is(err, providers.NotFound) {
			t.Errorf("reference %v: %+v, %v; want not_found", made.Reference, obs, err)
		}
	}
}

// asksFiftyAtOnce is for the race detector. What each poll gives is what it
// gives alone, and credentials are fetched once for all.
func (s Subject) asksFiftyAtOnce(t *testing.T) {
	w := s.onSockets(t, sandbox.Options{Seed: 10})
	made := w.charged(t, 50)
	got := make([]payment.Observation, len(made))
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			q := question(t, made[i])
			var err error
			if got[i], err = w.adapter.Poll(t.Context(), q); err != nil {
				t.Errorf("poll %d: %v", i, err)
			}
		})
	}
	all.Wait()
	credentials := 0
	for _, ask := range w.sandbox.Asked() {
		if ask.Credential {
			credentials++
		}
	}
	if asks := len(w.sandbox.Asked()); asks != len(made)+credentials || credentials > 1 {
		t.Errorf("%d requests, %d of them for credentials", asks, credentials)
	}
	for i, obs := range got {
		q := question(t, made[i])
		alone, err := w.adapter.Poll(t.Context(), q)
		w.checkPoll(t, q, obs, err)
		if obs != alone || obs.Status != payment.Succeeded {
			t.Errorf("poll %d gave %+v, and alone %+v", i, obs, alone)
		}
	}
}

// returnsWhenTheContextHasEnded: nobody is asked about a payment any more.
func (s Subject) returnsWhenTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.asksNobody(ctx, t, context.Canceled)
}

// holdsBackWhenTheGateIsClosed: the account's limits have closed meanwhile.
func (s Subject) holdsBackWhenTheGateIsClosed(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	s.asksNobody(providers.WithGate(t.Context(), closed), t, providers.ErrHeld)
}

// asksNobody polls in a context that lets no request out, first of all and
// after a good poll. A fetch of credentials may be under way for others.
func (s Subject) asksNobody(ctx context.Context, t *testing.T, cause error) {
	t.Helper()
	w := s.onSockets(t, sandbox.Options{Seed: 11})
	warm := w.charged(t, 1)[0]
	for _, state := range []string{"before the first poll", "later"} {
		before := len(w.sandbox.Asked())
		for _, made := range w.charged(t, 12) {
			q := question(t, made)
			obs, err := w.adapter.Poll(ctx, q)
			w.checkPoll(t, q, obs, err)
			if !errors.Is(err, providers.Unavailable) || !errors.Is(err, cause) {
				t.Errorf("%s: error %v, want unavailable with the cause %v", state, err, cause)
			}
		}
		asked := slices.DeleteFunc(w.sandbox.Asked()[before:], func(a sandbox.Ask) bool { return a.Credential })
		if len(asked) > 0 {
			t.Errorf("%s: asked all the same: %+v", state, asked)
		}
		if _, err := w.adapter.Poll(t.Context(), question(t, warm)); err != nil {
			t.Fatal(err)
		}
	}
}

// hangs never answers.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// drips answers a byte a second, without an end.
func drips(r *http.Request) (*http.Response, error) {
	res := Reply{}.response(r)
	res.ContentLength, res.Body = -1, io.NopCloser(dripping{r.Context()})
	return res, nil
}

// dripping is the body of an answer that comes a byte a second.
type dripping struct{ ctx context.Context }

func (d dripping) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

// returnsWhenTheContextEnds: a provider that never answers, or never ends its
// answer, holds a poll to the end of its context and not a nanosecond longer.
func (s Subject) returnsWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := s.inMemory(t, sandbox.Options{Seed: 12})
		for i, made := range w.charged(t, 12) {
			// A new adapter each time, or the second poll would wait for the rest
			// of the first one's credentials.
			adapter := s.adapter(t, w.settings, []RoundTrip{hangs, drips}[i%2])
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			began, q := time.Now(), question(t, made)
			obs, err := adapter.Poll(ctx, q)
			cancel()
			w.checkPoll(t, q, obs, err)
			if !errors.Is(err, providers.Unavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
				t.Errorf("error %v after %s, want unavailable after 3s with the cause time limit", err, time.Since(began))
			}
		}
		// A fetch that goes on for others must end by itself; the bubble finds one
		// that does not.
		time.Sleep(time.Minute)
	})
}
