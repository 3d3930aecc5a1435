package uapay

import (
	"context"
	"errors"
	"sync"
	"time"

	"reconciler/internal/providers"
)

const (
	// sessionAge is when a session is renewed. UAPAY names no lifetime; its own
	// plugins make a new one for each object, so 10 minutes is careful.
	sessionAge = 10 * time.Minute
	// sessionLimit bounds the fetch of a session, which outlives the poll that began it.
	sessionLimit = 10 * time.Second
)

// errSessionRefused marks an answer that refuses the session it was asked with.
// It travels as the cause of a misconfigured error, which is what a refusal
// that stays means.
var errSessionRefused = errors.New("the session was refused")

// sessions shares one session among all polls of an account. The lock is never
// held while fetching: waiters wait on singleflight's channel.
type sessions struct {
	fetch  func(context.Context) (string, error)
	flight providers.Flight[fetched]

	mu sync.Mutex // protects what follows
	id string
	at time.Time
}

// fetched is what a flight brings.
type fetched struct {
	id    string
	fresh bool
}

// get gives a session other than the refused one (empty: none was refused),
// from memory or, then it is fresh, by one fetch for all who wait. Each refusal
// of a remembered session forgets it, so asking again comes to a fresh one
// soon. The error is a *providers.Error.
func (s *sessions) get(ctx context.Context, refused string) (id string, fresh bool, err error) {
	if id := s.remembered(refused); id != "" {
		return id, false, nil
	}
	got, err := s.flight.Do(ctx, providers.Fetch[fetched]{
		Doing: sessionsCreate.doing(), Limit: sessionLimit,
		Fetch: func(ctx context.Context) (fetched, error) { return s.renew(ctx, refused) },
	})
	return got.id, got.fresh, err
}

// renew fetches a session, unless another flight has landed since we looked:
// fetching again would end its session where UAPAY keeps only one per client.
func (s *sessions) renew(ctx context.Context, refused string) (fetched, error) {
	if id := s.remembered(refused); id != "" {
		return fetched{id: id}, nil
	}
	id, err := s.fetch(ctx)
	if err != nil {
		return fetched{}, err
	}
	s.remember(id)
	return fetched{id: id, fresh: true}, nil
}

// remembered gives the session in memory; "" if there is none, it is over age,
// or it is the refused one, which is forgotten. A newer session than the
// refused one stays: the poll that comes late must not throw it away.
func (s *sessions) remembered(refused string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" && (s.id == refused || time.Since(s.at) >= sessionAge) {
		s.id = ""
	}
	return s.id
}

func (s *sessions) remember(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.at = id, time.Now()
}

// asSessionError turns what went wrong while fetching a session into what it
// means for a poll: "not found" and the like are about the client here, and
// must never be read as "the payment is not known".
func asSessionError(err error) error {
	var e *providers.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case providers.NotFound, providers.InvalidReference:
		return &providers.Error{Kind: providers.Misconfigured, Doing: e.Doing, Detail: e.Detail, Raw: e.Raw, Setting: "client_id"}
	case providers.Misconfigured:
		// Without the cause: a refusal here is no reason to fetch once more.
		return &providers.Error{Kind: e.Kind, Doing: e.Doing, Detail: e.Detail, Raw: e.Raw, Setting: e.Setting}
	}
	return err
}
