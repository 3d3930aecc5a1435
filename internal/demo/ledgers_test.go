package demo

import (
	"testing"

	"reconciler/internal/invariant"
	"reconciler/internal/sandbox"
)

// A late answer whose halves disagree is the provider's own: the worker counts it
// as answered, and so must the judge.
func TestAsks_AreFaultyOnlyWhereTheProviderDidNotSpeak(t *testing.T) {
	rows := []struct {
		name    string
		ask     sandbox.Ask
		faulty  bool
		outcome invariant.AskOutcome
	}{
		{"told", sandbox.Ask{Told: "charged", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"told, late", sandbox.Ask{Told: "charged", Fault: "slow", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"halves disagree", sandbox.Ask{HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"halves disagree, late", sandbox.Ask{Fault: "slow", HTTPStatus: 200}, false, invariant.AskSucceeded},
		{"throttled", sandbox.Ask{Fault: "throttle", HTTPStatus: 429}, true, invariant.AskSaysNothing},
		{"garbage", sandbox.Ask{Fault: "garbage", HTTPStatus: 200}, true, invariant.AskSaysNothing},
		{"down", sandbox.Ask{Fault: "outage_503", HTTPStatus: 503}, true, invariant.AskFailed},
		{"hung up", sandbox.Ask{Fault: "reset"}, true, invariant.AskFailed},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			look, err := lookOf(row.ask, planned{currency: "EUR"})
			if err != nil || look.Faulty != row.faulty {
				t.Errorf("faulty %t, want %t (%v)", look.Faulty, row.faulty, err)
			}
			if got := askOf(row.ask).Outcome; got != row.outcome {
				t.Errorf("outcome %d, want %d", got, row.outcome)
			}
		})
	}
}
