package worker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/worker"
)

// slow is a provider that answers when it is told to, or when it is given up.
type slow struct {
	*script
	asked chan struct{}
	now   chan struct{}
}

func (p *slow) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	select {
	case p.asked <- struct{}{}:
	default:
	}
	select {
	case <-p.now:
		return p.script.Poll(ctx, q)
	case <-ctx.Done():
		return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask"}
	}
}

func newSlow() *slow {
	p := &slow{script: newScript(), asked: make(chan struct{}, 1), now: make(chan struct{})}
	p.plan("a", says(payment.Succeeded))
	return p
}

func TestWorker_Stop_FinishesWhatIsInHand(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newSlow(), newShop(t)
		w := startWorker(t, options(b.Conn(), p, s))
		announce(t, b, created("a"))
		<-p.asked
		go func() {
			time.Sleep(time.Second)
			close(p.now)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if err := w.Stop(ctx); err != nil || time.Since(began) != time.Second {
			t.Errorf("stop: %v after %v, want nil when the poll was answered", err, time.Since(began))
		}
		if n := versions(t, events(t, b)); n["p-a"] != 2 {
			t.Errorf("%d versions, want the poll's change published", n["p-a"])
		}
	})
}

func TestWorker_Stop_CutsShortAndHandsBack_AtItsLimit(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, p, s := brokertest.Start(t), newSlow(), newShop(t)
		o := options(b.Conn(), p, s)
		o.AckWait = 10 * time.Hour // only what is handed back comes again
		o.Accounts[0].Guard.TimeLimit = time.Hour
		w := startWorker(t, o)
		announce(t, b, created("a"))
		<-p.asked
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := w.Stop(ctx); !errors.Is(err, worker.ErrCutShort) || time.Since(began) != 5*time.Second {
			t.Errorf("stop: %v after %v", err, time.Since(began))
		}
		close(p.now)
		startWorker(t, o)
		s.await(t, "another worker finishes it", func(got []delivery) bool {
			return len(got) > 0 && got[len(got)-1].data.Status == payment.Succeeded
		})
		if waited := time.Since(began); waited > 15*time.Second {
			t.Errorf("it came again after %v", waited)
		}
	})
}

func TestWorker_Stop_MayComeTwice_AndBeforeStart(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, s := brokertest.Start(t), newShop(t)
		w, err := worker.New(t.Context(), options(b.Conn(), newScript(), s))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Stop(t.Context()); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		w.Start() // too late: nothing begins
		announce(t, b, created("a"))
		time.Sleep(time.Minute)
		if n := len(events(t, b)); n != 0 {
			t.Errorf("%d events from a worker that was stopped", n)
		}
	})
}

func TestNew_NamesEveryOptionThatCantWork(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b, s := brokertest.Start(t), newShop(t)
		_, err := worker.New(t.Context(), worker.Options{})
		wantFaults(t, err, "conn is missing", "random is missing", "accounts are missing")

		o := options(b.Conn(), newScript(), s)
		o.Accounts = append(o.Accounts, o.Accounts[0], worker.Account{})
		o.Accounts[0].Guard.TimeLimit = 6 * time.Second
		o.Webhook.TimeLimit = 7 * time.Second
		o.StatusRetention = time.Hour
		o.Schedule = retry.Schedule{0, -time.Second}
		_, err = worker.New(t.Context(), o)
		wantFaults(t, err, `account name "acme-main" is empty or used twice`, `account name "" is empty`, `account "" has no provider`,
			`time limit of account "acme-main"`, "time limit of webhooks", "status_retention", "webhook schedule: attempts[1]")
	})
}

func wantFaults(t *testing.T, err error, wanted ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the options were taken")
	}
	for _, fault := range wanted {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is not named in: %v", fault, err)
		}
	}
}
