package simulation

import (
	"fmt"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/history/peers"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

// outcomeKinds are aimed at the moments in which timers, created events and
// acknowledgements can come apart: each lets something else happen just there.
func outcomeKinds() []kind {
	minutes := 10 * time.Minute
	return []kind{
		{letterUnknown, time.Hour, retry.Day, func(w *world, f fault) func() {
			for i := range 6 {
				w.after(time.Duration(i)*f.lasts/8, func() { w.announceBroken() })
			}
			return w.aimed(letterUnknown, 0.5)
		}},
		{"created again after a look", 3 * minutes, 6 * minutes, func(w *world, f fault) func() {
			w.announceCalling(f)
			w.aim(f, func(p peers.Payment, at time.Time) {
				w.steps.add(at.Add(time.Second), func() {
					w.tally.add("hit created again after a look", 1)
					w.publish(broker.CreatedSubject(p.Merchant, p.ID), w.inputs.bodies[p.ID])
				})
				w.steps.add(at.Add(2*time.Second), func() { w.hintOf(p, "created again after a look") })
			})
			return nil
		}},
		{hintLate, 3 * minutes, 6 * minutes, func(w *world, f fault) func() {
			w.announceCalling(f)
			w.aim(f, func(p peers.Payment, at time.Time) {
				w.steps.add(at.Add(-lateHint/2), func() { w.hintOf(p, hintLate) })
			})
			return w.aimed(hintLate, 1)
		}},
		{sweepLate, minutes, minutes, sweepLater},
		{killedAtChange, 3 * minutes, 12 * time.Hour, killAtChanges},
		{noRoom, 2 * time.Minute, minutes, stopWithoutRoom},
		{lookStands, 20 * time.Minute, 20 * time.Minute, standInLooks},
		{slowQuestions, time.Hour, 12 * time.Hour, func(w *world, f fault) func() {
			// Young payments are looked at so often that timers fire while a worker asks.
			for i := range 8 {
				w.after(time.Duration(i)*f.lasts/8, func() { w.burst(f) })
			}
			return w.aimed(slowQuestions, 0.5)
		}},
	}
}

// announceCalling announces, over the first half of a fault, payments whose providers
// call back.
func (w *world) announceCalling(f fault) {
	const payments = 2 * burstSize
	for i := range payments {
		w.after(time.Duration(i)*f.lasts/(2*payments), func() {
			for _, a := range w.accounts {
				if _, calls := w.processes[0].providers[a.Provider].(providers.CallbackReader); calls {
					w.announceAs(whose{provider: a.Provider}, nil)
					return
				}
			}
		})
	}
}

// aimed begins a disturbance of all processes, those to come included, and gives its end.
func (w *world) aimed(kind string, chance float64) func() {
	set := func(chance float64) {
		w.disturbing[kind] = chance
		for _, p := range w.living() {
			p.disturb.set(kind, chance)
		}
	}
	set(chance)
	return func() { set(0) }
}

// aim tells, once a minute while a fault lasts, of every poll's timer that will fire
// within the next one.
func (w *world) aim(f fault, at func(peers.Payment, time.Time)) {
	for after := time.Minute; after < f.lasts; after += time.Minute {
		w.after(after, func() {
			for _, t := range w.timers() {
				of, err := broker.ParsePoll(t.Subject)
				p, known := w.byID(of.Payment)
				if ahead := time.Until(t.At); err == nil && known && ahead > 3*time.Second && ahead <= time.Minute {
					at(p, t.At)
				}
			}
		})
	}
}

// announceBroken publishes a created event that has to be a dead letter.
func (w *world) announceBroken() {
	w.inputs.count++
	w.publish(broker.CreatedSubject("shop-a", fmt.Sprintf("broken-%d", w.inputs.count)), fmt.Appendf(nil, `{"payment_id":"broken-%d"}`, w.inputs.count))
}

// sweepLater makes timers that will not fire by themselves, and holds back what the
// next sweep does about them, which may be hours later.
func sweepLater(w *world, f fault) func() {
	w.burst(f)
	var room func()
	w.after(2*time.Minute, func() { room = w.fillStore() })
	w.after(7*time.Minute, func() { room() })
	end := w.aimed(sweepLate, 1)
	w.after(5*time.Hour, end)
	return nil
}

// killAtChanges kills each worker that is about to publish a change, and starts
// another.
func killAtChanges(w *world, f fault) func() {
	for i := range 2 * burstSize {
		w.after(time.Duration(i)*f.lasts/12, w.announceQuick)
	}
	again := func() {
		if len(w.living()) == 0 {
			w.startProcess()
		}
	}
	for after := 2 * time.Minute; after < f.lasts; after += 2 * time.Minute {
		w.after(after, again)
	}
	end := w.aimed(killedAtChange, 0.5)
	return func() {
		end()
		again()
	}
}

// announceQuick announces a payment whose status changes within minutes.
func (w *world) announceQuick() {
	at := w.accounts[w.random.IntN(len(w.accounts))].Provider
	soon := sandbox.Spread{{Share: 1, From: 2 * time.Minute, To: 5 * time.Minute}}
	w.announceWish(w.busy()[0].merchant, sandbox.CreateOptions{
		Provider: at, Life: sandbox.PickLife(w.random, at).Name, AmountMinor: 100 + w.random.Int64N(500_000),
		Currency: sandbox.Currencies(at)[0], Stretch: sandbox.Stretch{Open: soon, Held: soon, Settled: soon, Closed: soon},
	}, nil)
}

// stopWithoutRoom stops the workers while the broker takes nothing of what they have
// in hand.
func stopWithoutRoom(w *world, f fault) func() {
	w.burst(f)
	var end func()
	w.after(f.lasts/2, func() {
		end = w.aimed(noRoom, 1)
		w.announceAs(whose{}, nil)
	})
	stopped := 0
	w.after(f.lasts/2+50*time.Second, func() {
		for _, p := range w.living() {
			p.stop(time.Duration(f.which%2) * stopLimit)
			stopped++
		}
	})
	return func() {
		end()
		for range stopped {
			w.startProcess()
		}
	}
}

// standInLooks lets looks stand still until long after others were made in their
// place, whose successors by then wait for a tap that has closed.
func standInLooks(w *world, f fault) func() {
	at := w.accounts[f.which%len(w.accounts)].Provider
	for i := range 2 * burstSize {
		w.after(time.Duration(i)*10*time.Second, func() { w.announceAs(whose{provider: at}, nil) })
	}
	down := time.Now().Add(standsFor)
	w.must(lookStands, w.sandbox.Trouble(sandbox.Trouble{Provider: at, Kind: sandbox.Down503, From: down, Until: down.Add(8 * time.Minute)}))
	// Early enough for the others to come after the ack wait and before the outage.
	w.after(standsFor-2*time.Minute, func() {
		end := w.aimed(lookStands, 0.6)
		w.after(55*time.Second, end)
	})
	return nil
}
