package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
)

// postponement is when a job is tried again at first that could not begin: its
// endpoint is busy, or the version before it is still on its way. It costs no
// attempt.
const postponement = time.Second

// rollout is how often a job waits for a worker that knows its endpoint: about 7
// minutes. A worker that was configured before the endpoint was added must not
// throw its webhooks away.
const rollout = 12

// deliverer posts webhooks, one job at a time and endpoint by endpoint
// protected: a dead endpoint holds as many places as its guard allows, no more.
type deliverer struct {
	broker    *broker.Broker
	endpoints Endpoints
	parties   *parties
	sender    *webhook.Sender
	schedule  retry.Schedule
	random    func() float64
	order     *order
	// waiting is how many jobs may wait here, and not in the broker, for a place at
	// one endpoint: as many as come by one pull, else a quick endpoint would stand
	// idle behind a burst of its own; not more, or slow ones would hold up the others.
	waiting int
	ackWait time.Duration
	log     zerolog.Logger
}

func (d *deliverer) handle(ctx context.Context, msg jetstream.Msg, s slot) error {
	defer s.Return()
	j, err := readJob(msg)
	var newer *payment.NewerSchemaError
	switch {
	case errors.As(err, &newer):
		return err
	case err != nil:
		return d.refuse(ctx, msg, err)
	}
	// A job comes again when its worker died or its event was dispatched twice.
	last, err := lastOf(ctx, d.broker, j)
	switch {
	case err != nil:
		return err
	case ends(last.Outcome):
		return acknowledge(msg)
	case last.Attempt > j.Attempts: // made, but perhaps its worker armed no timer
		j.Attempts = last.Attempt
		return d.postpone(ctx, msg, j, time.Until(last.NextAt))
	}
	endpoint, known := d.endpoints.Find(j.MerchantID, j.Endpoint)
	switch {
	case endpoint.Disabled, !known && j.Waits >= rollout:
		return d.skip(ctx, msg, j)
	case !known:
		return d.hold(ctx, msg, j, time.Time{})
	}
	blocked, until, err := d.order.blocked(ctx, j, endpoint)
	if err != nil {
		return err
	}
	if blocked {
		return d.hold(ctx, msg, j, until)
	}
	to, err := d.parties.of(endpoint)
	if err != nil {
		return err
	}
	permit := d.permit(ctx, to.guard)
	if permit == nil {
		return d.hold(ctx, msg, j, d.reopening(to.guard))
	}
	defer permit.Done(guard.Unused())
	return d.attempt(ctx, msg, attempt{job: j, endpoint: endpoint, to: to, permit: permit})
}

// attempt is a job whose turn has come.
type attempt struct {
	job      job
	endpoint notify.Endpoint
	to       *party
	permit   *guard.Permit
}

// permit gives the permission for an attempt at an endpoint, at once or after a
// moment; nil: not now.
func (d *deliverer) permit(ctx context.Context, g *guard.Guard) *guard.Permit {
	if permit, _ := g.Ask(); permit != nil {
		return permit
	}
	if is := g.Snapshot(); !is.ReopensAt.IsZero() || is.Waiting >= d.waiting {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, postponement)
	defer cancel()
	permit, err := g.Acquire(limited)
	if err != nil {
		return nil
	}
	return permit
}

// reopening is when the tap of an endpoint opens that takes nothing now, spread a
// little; zero where it is only busy.
func (d *deliverer) reopening(g *guard.Guard) time.Time {
	at := g.Snapshot().ReopensAt
	if at.IsZero() {
		return at
	}
	return time.Now().Add(retry.AttemptJitter().Apply(time.Until(at), d.random))
}

// attempt posts the webhook and carries out what follows.
func (d *deliverer) attempt(ctx context.Context, msg jetstream.Msg, a attempt) error {
	j, e := a.job, a.endpoint
	limited, cancel := a.permit.Context(ctx)
	defer cancel()
	if errors.Is(context.Cause(limited), guard.ErrClosed) {
		return d.hold(ctx, msg, j, d.reopening(a.to.guard)) // closed by another attempt since; none was made
	}
	body, err := e.Format.Render(j.Body)
	if err != nil {
		return fmt.Errorf("deliver a webhook of payment %q: %w", j.PaymentID, err)
	}
	began := time.Now()
	// Under ctx, because the sender has a time limit of its own: were the permit's
	// to end first, each hanging endpoint would look like an attempt that we broke
	// off, which counts nowhere.
	result := d.sender.Send(ctx, webhook.Request{
		URL: e.URL, AllowHTTP: e.AllowHTTP, ID: j.EventID, Body: body, Secrets: e.Secrets, Signer: e.Signer,
		Headers: e.Headers, Pool: a.to.pool, Trace: j.Trace, Replay: j.Replay != "",
	})
	if ctx.Err() != nil {
		return fmt.Errorf("deliver a webhook of payment %q: %w", j.PaymentID, ctx.Err())
	}
	verdict := notify.Judge(result)
	a.permit.Done(webhookResult(verdict))
	d.endpoints.Report(ctx, j.MerchantID, j.Endpoint, verdict.Action)
	if verdict.Action == notify.NotCharged {
		return d.hold(ctx, msg, j, time.Time{})
	}
	j.Attempts, j.Waits = j.Attempts+1, 0
	// Who was frozen in between must not overwrite what another worker, to whom
	// the job was given, has recorded since. A delivery is true in any case.
	if time.Since(began) >= d.ackWait && verdict.Action != notify.Delivered {
		last, err := lastOf(ctx, d.broker, j)
		if err != nil || last.Attempt >= j.Attempts {
			return orAcknowledge(msg, err)
		}
	}
	a.job = j
	return d.follow(ctx, msg, a, newAttemptRecord(j, began, result), verdict)
}

// follow carries out a verdict: record first, then the next timer or the dead
// letter, then the acknowledgement.
func (d *deliverer) follow(ctx context.Context, msg jetstream.Msg, a attempt, rec attemptRecord, v notify.Verdict) error {
	j := a.job
	switch v.Action {
	case notify.Delivered:
		rec.Outcome = outcomeDelivered
		return d.finish(ctx, msg, j, rec)
	case notify.Disable:
		return d.giveUp(ctx, msg, j, rec, reasonGone)
	}
	delay, ok := d.scheduleOf(a.endpoint).After(j.Attempts, v.NotBefore, d.random)
	if !ok {
		return d.giveUp(ctx, msg, j, rec, reasonExhausted)
	}
	rec.Outcome = outcomeFailed
	rec.NextAt = time.Now().Add(delay).UTC()
	if err := d.keep(ctx, j, rec); err != nil {
		return err
	}
	return d.postpone(ctx, msg, j, delay)
}

// scheduleOf is the delays before an endpoint's attempts.
func (d *deliverer) scheduleOf(e notify.Endpoint) retry.Schedule {
	if len(e.Schedule) > 0 {
		return retry.Schedule(e.Schedule)
	}
	return d.schedule
}

// webhookResult tells the endpoint's guard what an attempt means: any answer
// proves that the endpoint is there, but only 2xx that it works.
func webhookResult(v notify.Verdict) guard.Result {
	switch {
	case v.Action == notify.Delivered:
		return guard.Success()
	case v.Action == notify.NotCharged:
		return guard.Neutral()
	case v.NotBefore > 0:
		return guard.Throttled(v.NotBefore)
	}
	return guard.Failure()
}

// hold postpones a job that can't begin: until shortly after that instant, or
// where nobody knows one ever longer.
func (d *deliverer) hold(ctx context.Context, msg jetstream.Msg, j job, until time.Time) error {
	if wait := time.Until(until); wait > 0 {
		j.Waits = 0
		return d.postpone(ctx, msg, j, wait+postponement)
	}
	// Spread widely: jobs that queued up together would come together for ever,
	// one would begin, and the place lie empty until the next time.
	wait := retry.Jitter{Low: 0.5, High: 1.5}.Apply(j.patience(), d.random)
	j.Waits++
	return d.postpone(ctx, msg, j, wait)
}

// postpone arms the job's timer and ends this message.
func (d *deliverer) postpone(ctx context.Context, msg jetstream.Msg, j job, delay time.Duration) error {
	header, err := j.header()
	if err != nil {
		return err
	}
	err = d.broker.Arm(ctx, broker.Timer{
		Subject: j.timerSubject(), Target: j.dueSubject(),
		At: time.Now().Add(delay), Header: header, Body: j.Body,
	})
	if err != nil {
		return fmt.Errorf("arm the next attempt of a webhook of payment %q: %w", j.PaymentID, err)
	}
	return acknowledge(msg)
}

// finish records the end of a job.
func (d *deliverer) finish(ctx context.Context, msg jetstream.Msg, j job, rec attemptRecord) error {
	if err := d.keep(ctx, j, rec); err != nil {
		return err
	}
	return acknowledge(msg)
}

// giveUp makes a dead letter of the job before its end is recorded: the next
// version may only follow once this one is kept.
func (d *deliverer) giveUp(ctx context.Context, msg jetstream.Msg, j job, rec attemptRecord, reason string) error {
	r := refused{reason: reason, problem: fmt.Sprintf("endpoint %s, %d attempts, last: %s", j.Endpoint, j.Attempts, rec.Class)}
	if err := bury(ctx, d.broker, msg, stageWebhook, r.of(j.MerchantID, j.PaymentID)); err != nil {
		return err
	}
	rec.Outcome = outcomeExhausted
	return d.finish(ctx, msg, j, rec)
}

// skip records that an event was not sent because its endpoint is off.
func (d *deliverer) skip(ctx context.Context, msg jetstream.Msg, j job) error {
	rec := newAttemptRecord(j, time.Now(), webhook.Result{})
	rec.Outcome = outcomeSkipped
	return d.finish(ctx, msg, j, rec)
}

func (d *deliverer) refuse(ctx context.Context, msg jetstream.Msg, cause error) error {
	r := refused{reason: reasonForged, problem: cause.Error()}
	if err := bury(ctx, d.broker, msg, stageWebhook, r); err != nil {
		return err
	}
	d.log.Error().Str("event", "webhook.refused").Str("problem", r.problem).Bool("alarm", true).
		Msg("a webhook job that no worker wrote became a dead letter")
	return acknowledge(msg)
}

// keep writes the attempt to the webhook log and to the log, in one line.
func (d *deliverer) keep(ctx context.Context, j job, rec attemptRecord) error {
	if err := writeAttempt(ctx, d.broker, j, rec); err != nil {
		return err
	}
	line := d.log.Info()
	if rec.Outcome == outcomeExhausted {
		line = d.log.Error().Bool("alarm", true)
	}
	line = line.Str("event", "webhook.attempted").Str("merchant", j.MerchantID).Str("endpoint", j.Endpoint).
		Str("payment", j.PaymentID).Int("version", j.Version).Str("event_id", j.EventID).Int("attempt", rec.Attempt).
		Str("outcome", rec.Outcome).Int("http_status", rec.Status).Str("class", rec.Class).Int64("latency_ms", rec.LatencyMS)
	if rec.Replay != "" {
		line = line.Str("replay", rec.Replay)
	}
	if !rec.NextAt.IsZero() {
		line = line.Time("next_at", rec.NextAt)
	}
	line.Msg("webhook")
	return nil
}
