package worker_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/sandboxtest"
)

// liars is a worker that asks providers of which some lie.
type liars struct {
	*testing.T
	world *sandbox.Sandbox
	b     *broker.Broker
	made  map[string]sandbox.Payment
}

// amongLiars runs a test in virtual time; every life is announced at the start.
// hasty makes the worker know a lasting doubt after a few seconds, and no breaker
// keep it from seeing three.
func amongLiars(t *testing.T, o sandbox.Options, hasty bool, test func(*liars)) {
	t.Helper()
	brokertest.Bubble(t, func(t *testing.T) {
		net := sandboxtest.NewNetwork()
		o.Listen, o.Seed = net.Listen, 7
		for i := range o.Troubles {
			o.Troubles[i].From, o.Troubles[i].Until = time.Now().Add(liesFrom), time.Now().Add(liesUntil)
		}
		l := &liars{T: t, world: startSandbox(t, o), b: brokertest.Start(t)}
		transport := &http.Transport{DialContext: net.Dial}
		t.Cleanup(transport.CloseIdleConnections)
		options := patient(t, l.b, l.world, transport)
		if hasty {
			options.DoubtSpan = 5 * time.Second
			for i := range options.Accounts {
				options.Accounts[i].Guard.Consecutive = 1 << 20
			}
		}
		startWorker(t, options)
		l.made = announceTo(t, l.b, l.world)
		test(l)
		for _, receipt := range l.world.Received() {
			if receipt.Hook == "redirected" {
				t.Errorf("a redirect was followed, at %v", receipt.At)
			}
		}
	})
}

// When the troubles of these tests begin and end, after the start.
const (
	liesFrom  = 3 * time.Second
	liesUntil = 43 * time.Second
)

// everywhere is the same trouble at all providers.
func everywhere(kind sandbox.TroubleKind) []sandbox.Trouble {
	var all []sandbox.Trouble
	for _, provider := range sandbox.Providers() {
		all = append(all, sandbox.Trouble{Provider: provider, Kind: kind})
	}
	return all
}

// TestWorker_TellsTheTruth_HoweverOftenItIsLiedTo: between lies of every kind
// the worker is told the truth, and tells nothing else.
func TestWorker_TellsTheTruth_HoweverOftenItIsLiedTo(t *testing.T) {
	amongLiars(t, sandbox.Options{Faults: sandbox.FaultsHostile, Step: 2 * time.Second}, false, func(l *liars) {
		time.Sleep(90 * time.Second)
		l.tellsOnlyWhatItWasTold()
		l.endsWell()
		l.wasLiedTo(sandbox.HostileKinds())
	})
}

// TestWorker_SaysNothing_WhileItIsOnlyLiedTo: for a time every provider
// answers every ask with a lie.
func TestWorker_SaysNothing_WhileItIsOnlyLiedTo(t *testing.T) {
	amongLiars(t, sandbox.Options{Troubles: everywhere(sandbox.HostileAny), Step: 2 * time.Second}, false, func(l *liars) {
		began := time.Now()
		time.Sleep(90 * time.Second)
		for _, e := range events(l.T, l.b) {
			if at := e.Data.ObservedAt.Sub(began); at > liesFrom && at < liesUntil {
				l.Errorf("%s became %s while its provider lied", e.Data.PaymentID, e.Data.Status)
			}
		}
		l.tellsOnlyWhatItWasTold()
		l.endsWell()
		l.wasLiedTo(sandbox.HostileKinds())
	})
}

// TestWorker_CallsAPerson_WhenALieLasts: what is wrong in the same way again and
// again becomes a review with the reason, and nothing else.
func TestWorker_CallsAPerson_WhenALieLasts(t *testing.T) {
	rows := []struct {
		kind sandbox.TroubleKind
		at   []string
		want payment.Reason
	}{
		{sandbox.HostileForged, []string{sandbox.Uapay, sandbox.Ecommpay}, payment.ReasonSignatureInvalid},
		{sandbox.HostileSwapped, sandbox.Providers(), payment.ReasonIdentityMismatch},
	}
	for _, row := range rows {
		t.Run(string(row.kind), func(t *testing.T) {
			o := sandbox.Options{Step: 2 * time.Second}
			for _, provider := range row.at {
				o.Troubles = append(o.Troubles, sandbox.Trouble{Provider: provider, Kind: row.kind})
			}
			amongLiars(t, o, true, func(l *liars) {
				began := time.Now()
				time.Sleep(90 * time.Second)
				reviews := map[string]int{}
				for _, e := range events(l.T, l.b) {
					at := e.Data.ObservedAt.Sub(began)
					switch {
					case !lied(row.at, e.Data.Account) || at <= liesFrom || at >= liesUntil:
					case e.Data.Status != payment.Review || e.Data.Reason != row.want:
						l.Errorf("%s at %s became %s (%s) while its provider lied", e.Data.PaymentID, e.Data.Account, e.Data.Status, e.Data.Reason)
					case at < liesFrom+5*time.Second:
						l.Errorf("%s became a review after %v of lies", e.Data.PaymentID, at-liesFrom)
					default:
						reviews[e.Data.Account]++
					}
				}
				for _, provider := range row.at {
					if reviews[provider] == 0 {
						l.Errorf("no payment of %s became a review", provider)
					}
				}
				l.Logf("reviews: %v", reviews)
			})
		})
	}
}

func lied(at []string, provider string) bool {
	for _, p := range at {
		if p == provider {
			return true
		}
	}
	return false
}

// tellsOnlyWhatItWasTold: every event rests on an answer that told just that,
// shortly before.
func (l *liars) tellsOnlyWhatItWasTold() {
	l.Helper()
	asks := map[string][]sandbox.Ask{}
	for _, ask := range l.world.Asked() {
		asks[ask.Payment] = append(asks[ask.Payment], ask)
	}
	for _, e := range events(l.T, l.b) {
		if e.Data.Version == 1 {
			continue
		}
		p := l.made[e.Data.PaymentID]
		told := false
		for _, ask := range asks[l.world.Truth(p.Provider, p.Reference).Payment] {
			apart := e.Data.ObservedAt.Sub(ask.Answered)
			told = told || meaning(p.Provider, ask.Told) == e.Data.Status && apart > -time.Second && apart < 5*time.Second
		}
		if !told {
			l.Errorf("%s at %s (%s) became %s (%s), which no answer told", p.ID, p.Provider, p.Life, e.Data.Status, e.Data.Reason)
		}
	}
}

// endsWell: every payment ends as its life does.
func (l *liars) endsWell() {
	l.Helper()
	last := map[string]payment.Data{}
	for _, e := range events(l.T, l.b) {
		last[e.Data.PaymentID] = e.Data
	}
	for id, p := range l.made {
		if want := endOf(p.Provider, p.Life); last[id].Status != want {
			l.Errorf("%s at %s (%s) ends as %s (%s), want %s", id, p.Provider, p.Life, last[id].Status, last[id].Reason, want)
		}
	}
}

// wasLiedTo: every kind of lie was told, else nothing is shown.
func (l *liars) wasLiedTo(kinds []sandbox.TroubleKind) {
	l.Helper()
	met := map[string]int{}
	for _, ask := range l.world.Asked() {
		met[ask.Fault]++
	}
	for _, kind := range kinds {
		if met[string(kind)] == 0 {
			l.Errorf("%s never came", kind)
		}
	}
	l.Logf("lies: %v", met)
}

// meaning is what a word of the truth means in our statuses, written from the
// words alone; empty where it says none.
func meaning(provider string, word sandbox.Word) payment.Status {
	if word == sandbox.HoldReleased && provider == sandbox.Uapay {
		return payment.Voided
	}
	return map[sandbox.Word]payment.Status{
		sandbox.Waiting: payment.Pending, sandbox.PayerAction: payment.RequiresAction, sandbox.InProgress: payment.Processing,
		sandbox.Held: payment.Authorized, sandbox.Charged: payment.Succeeded, sandbox.ChargedOtherAmount: payment.Review,
		sandbox.Declined: payment.Failed, sandbox.Canceled: payment.Canceled, sandbox.Expired: payment.Expired,
		sandbox.PartRefunded: payment.PartiallyRefunded, sandbox.Refunded: payment.Refunded, sandbox.HoldReleased: payment.Canceled,
		sandbox.Reversed: payment.Voided,
	}[word]
}
