package demo

import (
	"testing"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

func TestPaceFor_GoesSlowerWithMoreThanTheMachineFollows(t *testing.T) {
	few, many := PaceFor(200), PaceFor(5000)
	if few != PaceFor(2000) {
		t.Errorf("200 payments go by %+v, 2000 by %+v, want the same", few, PaceFor(2000))
	}
	if many.Step != 5*few.Step/2 || many.Look != 5*few.Look/2 || many.Burst != 5*few.Burst/2 || many.Floor != few.Floor {
		t.Errorf("5000 payments go by %+v, 200 by %+v, want two and a half times as slow", many, few)
	}
	if few.Interval() <= few.Floor {
		t.Errorf("the worker keeps %s between two looks, the simulators %s", few.Interval(), few.Floor)
	}
}

// A life whose end comes after its watch could never be told.
func TestPace_WatchesOutliveEveryLife(t *testing.T) {
	pace := PaceFor(200)
	for _, l := range sandbox.Lives() {
		for _, provider := range sandbox.Providers() {
			open := time.Duration(0)
			for _, stage := range l.Stages(provider) {
				long := time.Duration(1.25 * stage.Steps * float64(pace.Step)) // lengths vary by a quarter
				status := peers.Meaning(provider, stage.Word)
				limit := pace.Watch(retry.Settled) - 3*pace.Look
				switch {
				case status == "" || status.Open():
					open += long
					long, limit = open, pace.Watch(retry.Open)-pace.Look
				case status.Closed():
					limit = pace.Watch(retry.Closed) - 3*pace.Look
				case status.Parked(), status.ClosedForGood():
					limit = 0
				}
				if long > limit && long > 0 {
					t.Errorf("%s at %s: %s lasts %s, its watch %s", l.Name, provider, stage.Word, long, limit)
				}
			}
		}
	}
	if expiry := 5 * pace.Step; pace.Watch(retry.Open) <= expiry {
		t.Errorf("an open watch of %s ends before an expiry and its grace at %s", pace.Watch(retry.Open), expiry)
	}
}

func TestPace_PatienceIsForDecidedPayments(t *testing.T) {
	pace := PaceFor(200)
	patient := pace
	patient.Patience = time.Minute
	for _, phase := range retry.Phases() {
		want := pace.Watch(phase)
		if phase == retry.Settled || phase == retry.Closed {
			want += time.Minute
		}
		if got := patient.Watch(phase); got != want {
			t.Errorf("%s is watched for %s, want %s", phase, got, want)
		}
	}
}
