package simulation

import (
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/simulation/wire"
)

// moneyKinds are about money and meaning: what providers tell wrongly, what of a
// payment's money moves in parts, and what keeps a change or its webhooks from
// where they belong.
func moneyKinds() []kind {
	return []kind{
		withPayments(provider("provider tells another amount", time.Hour, retry.Day, plain(sandbox.TellsOtherAmount)), "charged_at_once"),
		withPayments(provider("provider tells another currency", time.Hour, retry.Day, plain(sandbox.TellsOtherCurrency)), "charged_at_once"),
		withPayments(provider("provider refunds more than it took", time.Hour, retry.Day, plain(sandbox.TellsOverRefund)), "charged_at_once"),
		withPayments(provider("provider takes a refund back", 12*time.Hour, 2*retry.Day, plain(sandbox.TellsRefundShrinks)), "part_refunded"),
		provider("provider uses a strange word", 20*time.Minute, 6*time.Hour, plain(sandbox.TellsStrangeWord)),
		withPayments(kind{"captured in part", time.Hour, time.Hour, nil}, "captured_in_part"),
		{"dispatcher stuck at an event", 10 * time.Minute, 15 * time.Minute, stickDispatcher},
		{"worker stopped while webhooks are refused", 2 * time.Minute, time.Hour, stopInRefusal},
		{"append overtaken", 6 * time.Minute, 6 * time.Minute, overtakeAppend},
	}
}

// quick is the Stretch of payments that have to come somewhere within hours.
func quick() sandbox.Stretch {
	one := func(from, to time.Duration) sandbox.Spread { return sandbox.Spread{{Share: 1, From: from, To: to}} }
	return sandbox.Stretch{
		Open: one(time.Minute, 10*time.Minute), Held: one(10*time.Minute, time.Hour),
		Settled: one(10*time.Minute, 40*time.Minute), Closed: one(10*time.Minute, time.Hour),
	}
}

// withPayments adds payments of one life to a kind, at the provider that is in
// trouble or, without one, at any that has words for it.
func withPayments(k kind, life string) kind {
	begin := k.begin
	k.begin = func(w *world, f fault) func() {
		windows := len(w.windows)
		var end func()
		if begin != nil {
			end = begin(w, f)
		}
		can := w.tellers(life)
		switch {
		case begin != nil && len(w.windows) == windows:
			return end // it befell nobody
		case begin != nil:
			can = []string{w.windows[windows].Provider}
		case len(can) == 0:
			w.tally.add("fault "+k.name, -1) // not at these providers
			return end
		default:
			w.tally.add("hit "+k.name, 1)
		}
		for i := range burstSize {
			w.after(time.Duration(i)*time.Minute, func() { w.announceLife(can[f.which%len(can)], life) })
		}
		return end
	}
	return k
}

// tellers are this world's providers that have words for a life.
func (w *world) tellers(life string) []string {
	var can []string
	for _, l := range sandbox.Lives() {
		for _, a := range w.accounts {
			if l.Name == life && l.For(a.Provider) {
				can = append(can, a.Provider)
			}
		}
	}
	return can
}

// announceLife announces a payment of one life that does not take long, and gives
// its number.
func (w *world) announceLife(provider, life string) string {
	wish := sandbox.CreateOptions{
		Provider: provider, Life: life, AmountMinor: 2_000 + w.random.Int64N(500_000), Currency: sandbox.Currencies(provider)[0], Stretch: quick(),
	}
	w.announceWish(w.hooks[w.random.IntN(len(w.hooks))].merchant, wish, nil)
	return w.announced[len(w.announced)-1].ID
}

// overlay asks about a process's frames to the broker that nothing else befalls.
// What it gives ends that.
func (p *process) overlay(policy func(*wire.Frame) wire.Verdict) (end func()) {
	p.nats.SetPolicy(func(f *wire.Frame) wire.Verdict {
		if v := p.disturb.frame(f); f.Direction == wire.Down || v != (wire.Verdict{}) {
			return v
		}
		return policy(f)
	})
	return func() { p.nats.SetPolicy(p.disturb.frame) }
}

// overlayAll is overlay for all processes that live now.
func (w *world) overlayAll(policy func(*wire.Frame) wire.Verdict) (end func()) {
	var ends []func()
	for _, p := range w.living() {
		ends = append(ends, p.overlay(policy))
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// someOf remembers the first few payments that it is asked about.
type someOf struct {
	mu   sync.Mutex
	most int
	all  []string
}

// takes reports whether a payment is one of them.
func (s *someOf) takes(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.all, id) {
		return true
	}
	if len(s.all) == s.most {
		return false
	}
	s.all = append(s.all, id)
	return true
}

// webhookOf is the payment and version of a webhook that is being queued.
func webhookOf(f *wire.Frame) (payment, version string, ok bool) {
	tokens := strings.Split(f.Subject(), ".")
	if f.Class != wire.DuePublish || !strings.HasPrefix(f.Subject(), "recon.due.webhook.") || len(tokens) != 7 {
		return "", "", false
	}
	return tokens[5], tokens[6], true
}

// stickDispatcher keeps the first events of a few payments from being dispatched,
// while those that follow are.
func stickDispatcher(w *world, f fault) func() {
	stuck := &someOf{most: 2}
	end := w.overlayAll(func(f *wire.Frame) wire.Verdict {
		id, version, ok := webhookOf(f)
		if !ok || version != "1" || !stuck.takes(id) {
			return wire.Verdict{}
		}
		w.tally.add("hit dispatcher stuck at an event", 1)
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	})
	for i := range burstSize {
		w.after(time.Duration(i)*time.Second, func() { w.announceLife(w.accounts[f.which%len(w.accounts)].Provider, "charged") })
	}
	return end
}

// stopInRefusal stops a process in order while the broker takes no webhook from it.
func stopInRefusal(w *world, f fault) func() {
	living := w.living()
	if len(living) == 0 {
		return nil
	}
	p := living[f.which%len(living)]
	p.overlay(func(f *wire.Frame) wire.Verdict {
		if _, _, ok := webhookOf(f); !ok {
			return wire.Verdict{}
		}
		w.tally.add("hit worker stopped while webhooks are refused", 1)
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	})
	for i := range burstSize {
		w.after(time.Duration(i)*10*time.Second, func() { w.announceLife(w.accounts[f.which%len(w.accounts)].Provider, "charged_at_once") })
	}
	w.after(30*time.Second, func() { p.stop(stopLimit) })
	return func() { w.startProcess() }
}

// overtakeAppend lets what a look saw be written again and again in vain, until the
// message was given to another, who was told something else and wrote it in its place.
func overtakeAppend(w *world, f fault) func() {
	at := w.accounts[f.which%len(w.accounts)].Provider
	var own []string
	for range burstSize {
		own = append(own, broker.Token(w.announceLife(at, "charged_at_once")))
	}
	var once sync.Once
	return w.overlayAll(func(f *wire.Frame) wire.Verdict {
		tokens := strings.Split(f.Subject(), ".")
		if f.Class != wire.StatusAppend || !slices.Contains(own, tokens[len(tokens)-1]) || tokens[2] != string(payment.Succeeded) {
			return wire.Verdict{}
		}
		once.Do(func() {
			w.tally.add("hit append overtaken", 1)
			t := sandbox.Trouble{Provider: at, Kind: sandbox.TellsRegression, From: time.Now(), Until: time.Now().Add(3 * time.Minute)}
			go func() {
				if err := w.sandbox.Trouble(t); err != nil {
					w.Errorf("regress: %v", err)
				}
			}()
		})
		return wire.Verdict{Fate: wire.Fate{Lose: true}}
	})
}
