package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/history"
	"reconciler/internal/history/peers"
	"reconciler/internal/invariant"
	"reconciler/internal/notify"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

// verdict is what is wrong with a world: lines that begin "violation of rule R:",
// and others for what no rule of the judge is about.
type verdict []string

func (v *verdict) add(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// sealed is what may occur in no stream and no log.
func (w *world) sealed() []string {
	all := sandbox.PersonalMarkers()
	for _, a := range w.sandbox.Accounts() {
		for _, name := range []string{"password", "client_secret", "secret"} {
			if value := a.Settings[name]; value != "" {
				all = append(all, value)
			}
		}
	}
	for _, h := range w.hooks {
		all = append(all, strings.TrimPrefix(h.secret(), "whsec_"))
	}
	return all
}

// judge reads the streams and the ledgers of a world that has come to rest.
func (w *world) judge() verdict {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	h, err := history.Read(ctx, w.broker)
	w.must("read the history", err)
	var v verdict
	log := storedLog(h.Events)
	h.Events = w.withoutForged(&v, h)
	w.fill(&h)
	violations := invariant.Check(h)
	for _, violation := range violations {
		v.add("%s", violationLine(violation))
	}
	for _, fault := range w.ops.check(log) {
		v.add("violation of rule 2: no legal order: %s", fault)
	}
	for _, fault := range w.ops.misspelt() {
		v.add("violation of rule 2: %s", fault)
	}
	events := map[uint64]payment.Event{}
	for _, e := range h.Events {
		if event, err := payment.ParseEvent(e.Body); err == nil {
			events[e.Seq] = event
		}
	}
	for _, fault := range w.view.compare(events) {
		v.add("violation of rule 2: a concurrent view: %s", fault)
	}
	for _, j := range w.journals {
		for _, leak := range j.leaks {
			v.add("violation of rule 9: %s", leak)
		}
	}
	w.judgeRest(&v, h)
	w.count(h)
	if len(v) > 0 {
		w.report(v, h, violations)
	}
	return v
}

func violationLine(v invariant.Violation) string {
	return fmt.Sprintf("violation of rule %d: %s", v.Rule, v.String())
}

// fill puts in what the streams do not tell.
func (w *world) fill(h *invariant.History) {
	byName := map[string]peers.Hook{}
	for _, k := range w.hooks {
		byName[k.name] = peers.Hook{Merchant: k.merchant, Endpoint: k.id}
		events := k.events
		h.Endpoints = append(h.Endpoints, invariant.Endpoint{
			ID: k.id, Merchant: k.merchant, Disabled: k.id == "fragile",
			Interested: func(eventType string) bool {
				return notify.Interested(notify.Endpoint{Events: events}, eventType)
			},
		})
	}
	h.Receipts = peers.Receipts(w.sandbox, byName)
	var err error
	h.Looks, h.Asks, err = peers.Looks(w.sandbox, w.announced)
	w.must("read the ledgers", err)
	h.Sealed, h.Quiet = w.sealed(), true
	h.WatchedUntil = watchedUntil
	h.Refuses = w.refuses
	h.Webhooks = invariant.WebhookLimits{Attempts: len(retry.Webhooks()), RetryAfter: 6 * time.Hour, InFlight: time.Minute}
	for _, a := range w.accounts {
		h.Limits = append(h.Limits, invariant.Limits{
			Account: a.Provider, Rate: accountRate, Burst: accountBurst, Concurrency: accountPlaces, Failures: accountFailures,
			Reopen: reopen(), Workers: w.most,
		})
		cadence, absence := retry.Default(), w.processes[0].providers[a.Provider].Profile().Absence
		h.GiveUps = append(h.GiveUps, invariant.GiveUp{
			Account: a.Provider, After: cadence.Watch(retry.Open) * 8 / 10, Longest: 2 * time.Hour * 115 / 100,
			AbsenceFinal: absence != providers.AbsenceUnsettled, AfterExpiry: absence == providers.AbsenceAfterExpiry, Grace: time.Hour,
		})
	}
}

// watchedUntil is until when a payment must at least be polled: three of its
// longest looks before the end of its watch.
func watchedUntil(last payment.Data, since time.Time) time.Time {
	phase, longest := retry.Settled, 24*time.Hour
	switch {
	case last.Status.Parked():
		phase, longest = retry.Parked, 12*time.Hour
	case last.Status.Closed():
		phase, longest = retry.Closed, 6*time.Hour
	}
	cadence := retry.Default()
	return since.Add(cadence.Watch(phase) - 3*longest)
}

// refuses is what the accounts have to refuse of what this world's upstream does.
func (w *world) refuses(c payment.Created) string {
	p := w.processes[0].providers[c.Account]
	if p == nil {
		return invariant.ReasonUnknownProvider
	}
	if p.CheckReference(c.Reference) != nil {
		return invariant.ReasonInvalidReference
	}
	return ""
}

// withoutForged takes out the messages that the broker was made to put into the
// log, each of which must be a dead letter.
func (w *world) withoutForged(v *verdict, h invariant.History) []invariant.Event {
	var events []invariant.Event
	for _, e := range h.Events {
		if e.ID != "" || !slices.ContainsFunc(w.inputs.forged, func(subject string) bool { return strings.HasPrefix(subject, "payments.status.") }) {
			events = append(events, e)
			continue
		}
		if !slices.ContainsFunc(h.Dead, func(d invariant.Dead) bool { return d.SourceStream == broker.StreamStatus && d.SourceSeq == e.Seq }) {
			v.add("violation of rule 6: the forged message %d of %s is no dead letter", e.Seq, broker.StreamStatus)
		}
	}
	return events
}

func storedLog(events []invariant.Event) []stored {
	var log []stored
	for _, e := range events {
		log = append(log, stored{seq: e.Seq, at: e.Time, id: e.ID, subject: broker.StatusSubject(string(e.Status), e.Account, e.Merchant, e.Payment)})
	}
	return log
}

// judgeRest judges that the world has come to rest: nothing is due, every timer
// lies ahead, no breaker is open, and what the providers last told is published.
func (w *world) judgeRest(v *verdict, h invariant.History) {
	for _, p := range h.Pending {
		switch {
		case p.Queue == invariant.QueueDue:
			v.add("violation of rule 1: payment %s: a due %s has waited to the end", p.Payment, p.Kind)
		case p.DueAt.Before(h.Now.Add(-time.Minute)):
			v.add("violation of rule 1: payment %s: a %s timer is overdue since %s", p.Payment, p.Kind, w.at(p.DueAt))
		case p.Kind == invariant.KindWebhook:
			v.add("violation of rule 5: payment %s: version %d still waits for endpoint %s, until %s", p.Payment, p.Version, p.Endpoint, w.at(p.DueAt))
		}
	}
	w.judgeEnds(v, h)
}

// judgeTaps judges, while the workers still work, that no breaker is open.
func (w *world) judgeTaps() verdict {
	var v verdict
	for _, p := range w.living() {
		up := p.up()
		if up == nil {
			v.add("violation of rule 1: process %d never came up", p.n)
			continue
		}
		for _, a := range up.Snapshot().Accounts {
			if a.State == guard.StateOpen {
				v.add("violation of rule 8: process %d: the tap of %s is %s after a day of peace", p.n, a.Name, a.State)
			}
		}
	}
	return v
}

// judgeEnds compares what each payment's provider told last with what was
// published last. A person's queue and an honest give-up are ends of their own.
func (w *world) judgeEnds(v *verdict, h invariant.History) {
	type key struct{ merchant, payment string }
	last := map[key]payment.Status{}
	for _, e := range h.Events {
		last[key{e.Merchant, e.Payment}] = e.Status
	}
	told := map[key]invariant.Look{}
	for _, l := range h.Looks {
		if l.Answered {
			told[key{l.Merchant, l.Payment}] = l
		}
	}
	for k, l := range told {
		is := last[k]
		switch {
		case l.AskedAt.Before(w.end), !l.Known, is == payment.Review, is == payment.Unknown, is == payment.Expired, l.Status == payment.Review:
		case is != l.Status && !(l.Status.Open() && is.Open()):
			v.add("violation of rule 3: payment %s: its provider told %s last, on %s, and %s was published last", k.payment, l.Status, w.at(l.AskedAt), is)
		}
	}
}

// count adds what happened to the tally.
func (w *world) count(h invariant.History) {
	w.hits()
	w.tally.add("polls", len(h.Looks))
	w.tally.add("webhook deliveries", len(h.Receipts))
	w.tally.add("events", len(h.Events))
	w.tally.add("dead letters", len(h.Dead))
	for _, e := range h.Events {
		w.tally.add("status "+string(e.Status), 1)
	}
	for _, a := range h.Attempts {
		w.tally.add("webhook "+a.Outcome, 1)
	}
	for _, ask := range w.sandbox.Asked() {
		if ask.Fault != "" {
			w.tally.add("ask met "+ask.Fault, 1)
		}
	}
	for _, r := range w.sandbox.Received() {
		if r.Fault != "" {
			w.tally.add("webhook met "+r.Fault, 1)
		}
	}
}
