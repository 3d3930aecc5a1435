package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/history/peers"
	"reconciler/internal/sandbox"
)

// planned is one payment of the demo.
type planned struct {
	peers.Payment
	// ends is when the last stage of its life begins.
	ends time.Time
}

// announce makes the payments exist at their providers and tells the worker,
// as a backend does. Some are told twice, as backends also do.
func (r *run) announce(ctx context.Context) error {
	random := rand.New(rand.NewPCG(r.Seed, 1))
	pause := r.Pace.Burst / time.Duration(max(r.Payments, 1))
	due := time.NewTimer(0)
	defer due.Stop()
	start := time.Now()
	for i := range r.Payments {
		if err := r.announceOne(ctx, random, i); err != nil {
			return err
		}
		if ahead := time.Until(start.Add(time.Duration(i+1) * pause)); ahead > 0 {
			due.Reset(ahead)
			select {
			case <-due.C:
			case <-ctx.Done():
				return fmt.Errorf("announce payments: %w", ctx.Err())
			}
		}
	}
	return r.insist(ctx)
}

// insist waits until the broker has taken every announcement, and tells it again
// what it did not: one that is lost would look like a fault of the worker.
func (r *run) insist(ctx context.Context) error {
	select {
	case <-r.js.PublishAsyncComplete():
	case <-ctx.Done():
		return fmt.Errorf("announce payments: %w", ctx.Err())
	}
	for _, told := range r.told {
		select {
		case <-told.Ok():
			continue
		case <-told.Err():
		}
		msg := nats.NewMsg(told.Msg().Subject)
		msg.Data = told.Msg().Data
		if _, err := r.js.PublishMsg(ctx, msg); err != nil {
			return fmt.Errorf("announce payments: %w", err)
		}
	}
	return nil
}

func (r *run) announceOne(ctx context.Context, random *rand.Rand, i int) error {
	providers := sandbox.Providers()
	provider := providers[i%len(providers)]
	currencies := sandbox.Currencies(provider)
	now := time.Now()
	wish := sandbox.CreateOptions{
		Provider: provider, Life: sandbox.PickLife(random, provider).Name,
		AmountMinor: 100 + random.Int64N(500_000), Currency: currencies[random.IntN(len(currencies))],
	}
	if random.IntN(2) == 0 || wish.Life == "expired" {
		wish.Expires = now.Add(4 * r.Pace.Step)
	}
	made, err := r.Sandbox.Create(wish)
	if err != nil {
		return fmt.Errorf("make payment %d at %s: %w", i, provider, err)
	}
	p := planned{Payment: peers.Payment{
		ID: made.ID, Provider: provider, Currency: made.Currency, Reference: made.Reference, Expires: made.Expires,
		Merchant: r.Hooks[random.IntN(len(r.Hooks))].Merchant,
	}}
	p.ends = r.truth(p).EndsAt
	r.plan = append(r.plan, p)
	r.board.announce(p)
	body, err := createdEvent(p, made)
	if err != nil {
		return err
	}
	times := 1
	if random.IntN(20) == 0 {
		times = 2
	}
	for range times {
		told, err := r.js.PublishAsync(broker.CreatedSubject(p.Merchant, p.ID), body)
		if err != nil {
			return fmt.Errorf("announce payment %s: %w", p.ID, err)
		}
		r.told = append(r.told, told)
	}
	return ctx.Err()
}

// truth is where a payment really stands now.
func (r *run) truth(p planned) sandbox.Truth { return peers.Truth(r.Sandbox, p.Payment) }

// createdEvent is what a backend publishes.
func createdEvent(p planned, made sandbox.Payment) ([]byte, error) {
	event := map[string]any{
		"id": "created-" + p.ID, "payment_id": p.ID, "merchant_id": p.Merchant, "provider": p.Provider,
		"reference": made.Reference, "amount": made.Amount, "currency": made.Currency,
		"created_at": made.Created.UTC().Format(time.RFC3339Nano),
		"metadata":   map[string]any{"life": made.Life},
	}
	if !made.Expires.IsZero() {
		event["expires_at"] = made.Expires.UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode the created event of %s: %w", p.ID, err)
	}
	return body, nil
}
