package demo

import (
	"context"
	"strings"
	"time"

	"reconciler/internal/history"
	"reconciler/internal/history/peers"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

// key names a payment.
type key struct{ merchant, payment string }

// collect reads the streams and the ledgers into a history. The worker is stopped.
func (r *run) collect(ctx context.Context) (invariant.History, error) {
	h, err := history.Read(ctx, r.broker)
	if err != nil {
		return invariant.History{}, err
	}
	h.Receipts = peers.Receipts(r.Sandbox, r.byName())
	if h.Looks, h.Asks, err = peers.Looks(r.Sandbox, r.announced()); err != nil {
		return invariant.History{}, err
	}
	h.Sealed, h.WatchedUntil, h.Refuses, h.Limits = r.sealed(), r.watchedUntil(), r.refuses(), r.Limits
	for _, hook := range r.Hooks {
		h.Endpoints = append(h.Endpoints, invariant.Endpoint{ID: hook.ID, Merchant: hook.Merchant, Interested: hook.wants})
	}
	return h, nil
}

// byName are the hooks by the sandbox's names.
func (r *run) byName() map[string]peers.Hook {
	hooks := map[string]peers.Hook{}
	for _, h := range r.Hooks {
		hooks[h.Name] = peers.Hook{Merchant: h.Merchant, Endpoint: h.ID}
	}
	return hooks
}

func (r *run) announced() []peers.Payment {
	all := make([]peers.Payment, len(r.plan))
	for i, p := range r.plan {
		all[i] = p.Payment
	}
	return all
}

// sealed is what may occur in no stream: secrets and personal data.
func (r *run) sealed() []string {
	all := sandbox.PersonalMarkers()
	for _, a := range r.Sandbox.Accounts() {
		for _, name := range []string{"password", "client_secret", "secret"} {
			if value := a.Settings[name]; value != "" {
				all = append(all, value)
			}
		}
	}
	for _, hook := range r.Sandbox.Hooks() {
		all = append(all, strings.TrimPrefix(hook.Secret, "whsec_"))
	}
	return all
}

// watchedUntil is until when a payment must at least be polled: three looks
// before its watch ends, because the last ones may fall on either side.
func (r *run) watchedUntil() func(payment.Data, time.Time) time.Time {
	return func(last payment.Data, since time.Time) time.Time {
		phase := retry.Settled
		switch {
		case last.Status.Parked():
			phase = retry.Parked
		case last.Status.Closed():
			phase = retry.Closed
		}
		return since.Add(r.Pace.Watch(phase) - 3*r.Pace.Look)
	}
}

// refuses tells what the accounts have to refuse: nothing that a demo
// announces, because every reference comes from its provider.
func (r *run) refuses() func(payment.Created) string {
	accounts := map[string]bool{}
	for _, a := range r.Sandbox.Accounts() {
		accounts[a.Provider] = true
	}
	return func(c payment.Created) string {
		if !accounts[c.Account] {
			return invariant.ReasonUnknownProvider
		}
		return ""
	}
}
