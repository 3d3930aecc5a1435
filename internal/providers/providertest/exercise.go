package providertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
)

// Subject is an adapter to be tested.
type Subject struct {
	// Provider is the adapter's name, which is its simulator's too.
	Provider string
	// New makes the adapter of an account with these settings over a transport;
	// the names are those of sandbox.Account.
	New func(settings map[string]string, transport http.RoundTripper) (providers.Provider, error)
	// Wrong are settings that are each in good form and not the account's. Each
	// alone must be told as misconfigured.
	Wrong map[string]string
	// Means are the words of the truth that this provider tells otherwise than
	// most; see meanings.
	Means map[sandbox.Word]payment.Status
}

// Exercise checks that an adapter keeps the contract of providers.Provider
// against its simulator.
func Exercise(t *testing.T, s Subject) {
	t.Run("profile", s.showsItsTable)
	t.Run("credentials are not printed", s.printsNoCredential)
	t.Run("no transport", s.wantsATransport)
	t.Run("references", s.takesReferences)
	t.Run("lives, calm", func(t *testing.T) { s.livesInVirtualTime(t, sandbox.Options{Seed: 1}) })
	t.Run("lives, some faults", func(t *testing.T) { s.livesInVirtualTime(t, sandbox.Options{Seed: 2, Faults: sandbox.FaultsSome}) })
	t.Run("lives, many faults", func(t *testing.T) { s.livesInVirtualTime(t, sandbox.Options{Seed: 3, Faults: sandbox.FaultsMany}) })
	t.Run("lives over sockets, calm", func(t *testing.T) { s.livesOverSockets(t, sandbox.Options{Seed: 4}) })
	t.Run("lives over sockets, some faults", func(t *testing.T) { s.livesOverSockets(t, sandbox.Options{Seed: 5, Faults: sandbox.FaultsSome}) })
	t.Run("wrong credentials", s.namesWrongCredentials)
	t.Run("unknown payments", s.doesNotFindStrangers)
	t.Run("fifty at once", s.asksFiftyAtOnce)
	t.Run("ended context", s.returnsWhenTheContextHasEnded)
	t.Run("closed gate", s.holdsBackWhenTheGateIsClosed)
	t.Run("context that ends", s.returnsWhenTheContextEnds)
	t.Run("faults of the wire", s.tellsFaultsOfTheWire)
	t.Run("every HTTP status", s.makesNoStatusOfAnHTTPStatus)
	t.Run("hostile answers", s.survivesHostileAnswers)
	t.Run("answers about others", s.believesNoAnswerAboutAnother)
	t.Run("packed bomb", s.unpacksNoBomb)
}

func (s Subject) showsItsTable(t *testing.T) {
	CheckProfile(t, s.onSockets(t, sandbox.Options{}).adapter, s.Provider)
}

func (s Subject) printsNoCredential(t *testing.T) {
	w := s.onSockets(t, sandbox.Options{})
	for setting, value := range w.settings {
		if !strings.HasSuffix(setting, "_url") {
			CheckHidden(t, hide(value), w.adapter)
		}
	}
}

func (s Subject) wantsATransport(t *testing.T) {
	w := s.onSockets(t, sandbox.Options{})
	if _, err := s.New(w.settings, nil); err == nil {
		t.Error("no error; net/http would fall back to the default transport, which everybody shares")
	}
}

// takesReferences: every reference that a merchant is given is taken, and none
// that was spoiled.
func (s Subject) takesReferences(t *testing.T) {
	w := s.onSockets(t, sandbox.Options{Seed: 6})
	for _, made := range w.create(t, 1) {
		ref := payment.Reference(made.Reference)
		if err := w.adapter.CheckReference(ref); err != nil {
			t.Errorf("reference %v is refused: %v", ref, err)
		}
		for name, spoiled := range spoil(ref) {
			err := w.adapter.CheckReference(spoiled)
			if err == nil {
				t.Errorf("reference %v, %s, is taken", spoiled, name)
				continue
			}
			if fault := fieldError(t, err); !strings.HasPrefix(fault.Field, "reference") || fault.Problem == "" {
				t.Errorf("reference %v, %s: fault %+v", spoiled, name, fault)
			}
		}
	}
}

// spoil makes references of a good one that can't be asked with.
func spoil(good payment.Reference) map[string]payment.Reference {
	with := func(key, value string) payment.Reference {
		spoiled := payment.Reference{key: value}
		for k, v := range good {
			if k != key {
				spoiled[k] = v
			}
		}
		return spoiled
	}
	all := map[string]payment.Reference{"nothing": nil, "empty": {}, "with another key": with("colour", "red")}
	for key, value := range good {
		all["with an empty "+key] = with(key, "")
		all["with a line break in "+key] = with(key, value+"\n")
		all["with Cyrillic in "+key] = with(key, value+"Ж")
		all["with an endless "+key] = with(key, strings.Repeat(value, 100))
	}
	return all
}

func fieldError(t testing.TB, err error) payment.FieldError {
	t.Helper()
	var fault *payment.FieldError
	if !errors.As(err, &fault) {
		t.Fatalf("error %v is no *payment.FieldError", err)
	}
	return *fault
}
