package simulation

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
	"reconciler/internal/history/peers"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

// inputs is what the world's upstream, and others who may publish, put into the
// streams beside good events.
type inputs struct {
	// bodies are the created events as they were published, by payment.
	bodies map[string][]byte
	order  []string
	// forged are the subjects of ours onto which the broker itself was made to write.
	forged []string
	count  int
}

func newInputs() *inputs { return &inputs{bodies: map[string][]byte{}} }

// burstSize is how many payments come with a fault, so that it meets somebody.
const burstSize = 3

// burst announces some payments within the first minutes of a fault.
func (w *world) burst(f fault) { w.burstFor(f, whose{}) }

// whose says at which provider and of which merchant a payment is; empty: any.
type whose struct{ provider, merchant string }

// burstFor is burst with payments of somebody.
func (w *world) burstFor(f fault, of whose) {
	for i := range burstSize {
		w.after(time.Duration(i)*max(f.lasts/20, 3*time.Second), func() { w.announceAs(of, nil) })
	}
}

// announce makes a payment exist at its provider and tells of it.
func (w *world) announce() { w.announceAs(whose{}, nil) }

// announceAs announces a payment of somebody, with some fields of its event changed.
func (w *world) announceAs(of whose, change map[string]any) {
	at := w.accounts[w.random.IntN(len(w.accounts))]
	for _, a := range w.accounts {
		if a.Provider == of.provider {
			at = a
		}
	}
	currencies := sandbox.Currencies(at.Provider)
	wish := sandbox.CreateOptions{
		Provider: at.Provider, Life: sandbox.PickLife(w.random, at.Provider).Name, AmountMinor: 100 + w.random.Int64N(500_000),
		Currency: currencies[w.random.IntN(len(currencies))], Stretch: sandbox.Weeks(),
	}
	if w.random.IntN(3) == 0 || wish.Life == "expired" {
		wish.Expires = time.Now().Add(time.Duration(20+w.random.IntN(600)) * time.Minute)
	}
	merchant := w.hooks[w.random.IntN(len(w.hooks))].merchant
	if of.merchant != "" {
		merchant = of.merchant
	}
	w.announceWish(merchant, wish, change)
}

func (w *world) announceWish(merchant string, wish sandbox.CreateOptions, change map[string]any) {
	made, err := w.sandbox.Create(wish)
	w.must("make a payment", err)
	p := peers.Payment{
		ID: made.ID, Provider: made.Provider, Currency: made.Currency, Reference: made.Reference, Expires: made.Expires,
		Merchant: merchant,
	}
	w.announced = append(w.announced, p)
	body := edited(createdBody(p, made), change)
	w.inputs.bodies[p.ID] = body
	w.inputs.order = append(w.inputs.order, p.ID)
	w.tally.add("payments", 1)
	w.publish(broker.CreatedSubject(p.Merchant, p.ID), body)
}

func createdBody(p peers.Payment, made sandbox.Payment) []byte {
	event := map[string]any{
		"id": "created-" + p.ID, "payment_id": p.ID, "merchant_id": p.Merchant, "provider": p.Provider, "reference": made.Reference,
		"amount": made.Amount, "currency": made.Currency, "created_at": made.Created.UTC().Format(time.RFC3339Nano),
		"metadata": map[string]any{"life": made.Life},
	}
	if !made.Expires.IsZero() {
		event["expires_at"] = made.Expires.UTC().Format(time.RFC3339Nano)
	}
	body, _ := json.Marshal(event) // maps of strings always encode
	return body
}

// publish tells the broker, again and again until it has it.
func (w *world) publish(subject string, body []byte) {
	if w.server != nil {
		if _, err := w.broker.JetStream().Publish(w.soon(), subject, body); err == nil {
			return
		}
	}
	w.after(30*time.Second, func() { w.publish(subject, body) })
}

// known gives a created event that was published, by a fault's draw.
func (w *world) known(f fault) (id string, body []byte, ok bool) {
	if len(w.inputs.order) == 0 {
		return "", nil, false
	}
	id = w.inputs.order[f.which%len(w.inputs.order)]
	return id, w.inputs.bodies[id], true
}

// edited is a created event with some fields changed.
func edited(body []byte, change map[string]any) []byte {
	fields := map[string]any{}
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	for name, value := range change {
		fields[name] = value
	}
	changed, _ := json.Marshal(fields) // what was decoded always encodes
	return changed
}

// input makes a kind of an event that upstream publishes once too often or wrongly.
func input(name string, body func(w *world, f fault, known []byte) [][]byte) kind {
	return kind{name, 0, 0, func(w *world, f fault) func() {
		id, known, ok := w.known(f)
		if !ok {
			return nil
		}
		for _, b := range body(w, f, known) {
			w.inputs.count++
			w.tally.add("hit "+name, 1)
			w.publish(broker.CreatedSubject("shop-a", id), b)
		}
		return nil
	}}
}

func inputKinds() []kind {
	all := []kind{
		input("created twice", func(_ *world, _ fault, known []byte) [][]byte { return [][]byte{known, known} }),
		input("created in conflict", func(_ *world, _ fault, known []byte) [][]byte {
			return [][]byte{edited(known, map[string]any{"id": "another", "amount": "1.00"}), edited(known, map[string]any{"id": "third", "metadata": map[string]any{"x": 1}})}
		}),
		input("created malformed", func(w *world, f fault, known []byte) [][]byte {
			return [][]byte{
				nil, []byte("{"), []byte("null"), known[:len(known)/2], []byte(strings.Repeat("x", 300_000)),
				edited(known, map[string]any{"payment_id": fmt.Sprintf("bad-%d", w.inputs.count), "amount": "12.345.6"}),
				edited(known, map[string]any{"payment_id": "no-account", "provider": "nobody"}),
				edited(known, map[string]any{"payment_id": "bad-reference", "reference": map[string]any{"nothing": "here"}}),
				edited(known, map[string]any{"payment_id": "from-the-future", "created_at": time.Now().Add(90 * retry.Day).UTC().Format(time.RFC3339)}),
			}
		}),
		{"created late", 0, 0, func(w *world, f fault) func() {
			// Upstream was silent about it for days.
			w.tally.add("hit created late", 1)
			age := f.between(time.Hour, 80*time.Hour)
			w.announceAs(whose{}, map[string]any{"created_at": time.Now().Add(-age).UTC().Format(time.RFC3339)})
			return nil
		}},
	}
	return append(all, forgedKinds()...)
}

// forgedKinds let the broker itself put its acknowledgement on subjects of ours:
// whoever may publish anything may name any reply subject.
func forgedKinds() []kind {
	forged := func(name string, subject func(w *world, p peers.Payment) string) kind {
		return kind{name, 0, 0, func(w *world, f fault) func() {
			id, body, ok := w.known(f)
			if !ok || w.server == nil {
				return nil
			}
			for _, p := range w.announced {
				if p.ID != id {
					continue
				}
				m := nats.NewMsg(broker.CreatedSubject(p.Merchant, p.ID))
				m.Data, m.Reply = body, subject(w, p)
				if err := w.conn.PublishMsg(m); err != nil {
					return nil
				}
				w.inputs.forged = append(w.inputs.forged, m.Reply)
				w.tally.add("hit "+name, 1)
			}
			return nil
		}}
	}
	return []kind{
		forged("forged status", func(_ *world, p peers.Payment) string {
			return broker.StatusSubject(string(payment.Succeeded), p.Provider, p.Merchant, p.ID)
		}),
		forged("forged due poll", func(_ *world, p peers.Payment) string { return broker.PollDue(p.Provider, p.Merchant, p.ID) }),
		forged("forged webhook job", func(_ *world, p peers.Payment) string {
			return broker.WebhookDue(p.Merchant, "orders", p.ID, 1)
		}),
		{"hint storm", time.Minute, time.Hour, func(w *world, f fault) func() {
			w.burst(f)
			for i := range 30 {
				w.after(time.Duration(i)*f.lasts/30, func() { w.hint(f.which + i/3) })
			}
			return nil
		}},
	}
}

// hint tells a worker that something happened to a payment.
func (w *world) hint(which int) {
	if len(w.announced) == 0 {
		return
	}
	p := w.announced[(len(w.announced)-1-which%min(len(w.announced), 10)+len(w.announced))%len(w.announced)]
	w.hintOf(p, "hint storm")
}

// hintOf tells a worker that something happened to this payment, by a kind of fault.
func (w *world) hintOf(p peers.Payment, kind string) {
	for _, process := range w.living() {
		up := process.up()
		if up == nil {
			continue
		}
		reader, ok := process.providers[p.Provider].(providers.CallbackReader)
		if !ok {
			return
		}
		aliases := reader.Aliases(p.Reference)
		go func() {
			ctx := w.soon()
			if r, err := up.Hinter().Hint(ctx, p.Provider, aliases); err == nil {
				w.tally.add("hit "+kind, r.Hastened)
			}
		}()
		return
	}
}
