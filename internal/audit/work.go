package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/invariant"
)

// poll is a payment's timer or due poll.
type poll struct {
	seq uint64
	// version is what it knows as the payment's last.
	version int
	// known: the payment has events.
	known bool
}

func (r *run) pollKey(account string, of name) uint64 {
	return maphash.Comparable(r.seed, broker.PaymentRef{Account: account, Merchant: of.merchant, Payment: of.payment})
}

// readWork reads all timers and due messages, one by one: a consumer would acknowledge
// them away. What is stored meanwhile is read too where it takes the place of what was
// there; what slips through is asked for again before it is called missing.
func (r *run) readWork(ctx context.Context) error {
	stream, err := r.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
	if err != nil {
		return fmt.Errorf("open %s: %w", broker.StreamWork, err)
	}
	orphans := map[string]int{}
	state := stream.CachedInfo().State
	for next := max(state.FirstSeq, 1); ; {
		msg, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", broker.StreamWork, err)
		}
		if msg.Sequence > state.LastSeq+uint64(state.Msgs) {
			break // what is ahead was armed meanwhile, over and over
		}
		if err := r.workMessage(ctx, msg, orphans); err != nil {
			return err
		}
		next = msg.Sequence + 1
		if read := r.report.Timers + r.report.Due; read%512 == 0 {
			r.tell(Progress{Doing: broker.StreamWork, Done: uint64(read), All: state.Msgs})
		}
	}
	r.search(true)
	for account, n := range orphans {
		r.add(Finding{
			Kind: KindConsumer, Stream: broker.StreamWork,
			Detail: fmt.Sprintf("%d due polls are of account %q, which is not configured: no consumer counts them", n, account),
			Do:     fmt.Sprintf("configure account %q again and restart the workers, or end its payments by hand", account),
		})
	}
	return nil
}

func (r *run) workMessage(ctx context.Context, msg *jetstream.RawStreamMsg, orphans map[string]int) error {
	timer := strings.HasPrefix(msg.Subject, "recon.timer.")
	if timer {
		r.report.Timers++
	} else {
		r.report.Due++
	}
	of, notPoll := broker.ParsePoll(msg.Subject)
	hook, notHook := broker.ParseWebhook(msg.Subject)
	if notPoll != nil && notHook != nil {
		return r.foreignWork(ctx, msg, "its subject is none of ours")
	}
	if timer {
		if err := r.timer(ctx, msg, of, hook); err != nil {
			return err
		}
	}
	body := invariant.Pending{Kind: invariant.KindPoll, Merchant: of.Merchant, Payment: of.Payment, Body: msg.Data}
	if notPoll != nil {
		body.Kind, body.Merchant, body.Payment = invariant.KindWebhook, hook.Merchant, hook.Payment
		r.webhooks[maphash.Comparable(r.seed, hook)] = struct{}{}
		if !timer {
			r.due[broker.WebhookDueFilter()]++
		}
	} else {
		var watch struct {
			Version int `json:"version"`
		}
		_ = json.Unmarshal(msg.Data, &watch) // what can't be read knows nothing
		r.polls[r.pollKey(of.Account, name{of.Merchant, of.Payment})] = poll{seq: msg.Sequence, version: watch.Version}
		if !timer {
			r.due[broker.PollDueFilter(of.Account)]++
		}
		if !timer && r.accounts[of.Account] == nil {
			orphans[of.Account]++
		}
	}
	r.unread.Pending = append(r.unread.Pending, body)
	r.search(false)
	return nil
}

// foreignWork reports a message of a strange form, if it is still there: what is due
// is taken by a worker, which makes a dead letter of it.
func (r *run) foreignWork(ctx context.Context, msg *jetstream.RawStreamMsg, problem string) error {
	if time.Since(msg.Time) < settled {
		stream, err := r.o.Broker.JetStream().Stream(ctx, broker.StreamWork)
		if err != nil {
			return fmt.Errorf("open %s: %w", broker.StreamWork, err)
		}
		if _, err = stream.GetMsg(ctx, msg.Sequence); errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	r.add(foreign(broker.StreamWork, msg.Sequence, problem))
	return nil
}

// foreign is a message that no worker wrote.
func foreign(stream string, seq uint64, problem string) Finding {
	return Finding{
		Kind: KindForeign, Stream: stream, Seq: seq, Detail: "no worker wrote it: " + problem,
		Do: fmt.Sprintf("find out who may publish there (least permissions are in configs/); look with: nats stream get %s %d; take it out with: nats stream rmm %s %d", stream, seq, stream, seq),
	}
}

// timer looks whether a timer is one, and whether it should have fired.
func (r *run) timer(ctx context.Context, msg *jetstream.RawStreamMsg, of broker.PaymentRef, hook broker.WebhookRef) error {
	at, notTimer := broker.ScheduledAt(msg.Header)
	due, notDue := broker.DueOf(msg.Subject)
	if errors.Join(notTimer, notDue) == nil && msg.Header.Get(headerTarget) == due && time.Since(at) < settled {
		return nil
	}
	return r.strangeTimer(ctx, msg, of, hook)
}

// headerTarget is where a timer fires to (nats-server 2.12).
const headerTarget = "Nats-Schedule-Target"

// strangeTimer looks again at a timer that is none, or that should have fired.
func (r *run) strangeTimer(ctx context.Context, msg *jetstream.RawStreamMsg, of broker.PaymentRef, hook broker.WebhookRef) error {
	t, err := r.o.Broker.NextTimer(ctx, msg.Sequence)
	switch {
	case errors.Is(err, broker.ErrNotFound), err == nil && t.Seq != msg.Sequence:
		return nil // it has fired just now
	case err != nil:
		return fmt.Errorf("read a timer: %w", err)
	case t.Fault != nil:
		return r.foreignWork(ctx, msg, t.Fault.Error())
	case time.Since(t.At) < settled:
		return nil
	}
	due, err := r.o.Broker.HasDue(ctx, t.Target)
	if err != nil {
		return fmt.Errorf("look whether an overdue timer has fired: %w", err)
	}
	if now, err := r.o.Broker.Timer(ctx, t.Subject); due || errors.Is(err, broker.ErrNotFound) || err == nil && now.Seq != t.Seq {
		return nil
	}
	r.add(Finding{
		Kind: KindTimerOverdue, Rule: 1, Stream: broker.StreamWork, Seq: msg.Sequence, account: of.Account, subject: t.Subject,
		Merchant: of.Merchant + hook.Merchant, Payment: of.Payment + hook.Payment, Endpoint: hook.Endpoint, Version: hook.Version,
		Detail: fmt.Sprintf("its timer should have fired %s ago and is silent: the broker refused the firing, as it does when its store is full", time.Since(t.At).Round(time.Second)),
		Do:     "make room in the broker's store, then: reconciler audit --repair; a running worker does the same every 5 minutes",
	})
	return nil
}

// readLetters finds the dead letters of created events: which message each is about.
func (r *run) readLetters(ctx context.Context) error {
	return r.each(ctx, scan{stream: broker.StreamDead, headers: true}, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		of, err := broker.ParseDeadSubject(m.Subject())
		if err != nil {
			return nil // a further piece of a letter
		}
		r.report.Letters++
		if of.Stage == invariant.StageIntake && of.Stream == broker.StreamPayments {
			r.letters[of.Seq] = meta.Sequence.Stream
		}
		return nil
	})
}

// owed finds since when the endpoints of the configuration are owed events: the first
// record of theirs tells that workers knew them.
func (r *run) owed(ctx context.Context) error {
	log, err := r.o.Broker.JetStream().Stream(ctx, broker.StreamWebhookLog)
	if err != nil {
		return fmt.Errorf("open %s: %w", broker.StreamWebhookLog, err)
	}
	for _, e := range r.o.Endpoints {
		if e.Since.IsZero() {
			filter := "webhooks.*." + broker.Token(e.Merchant) + "." + broker.Token(e.ID) + ".*.*"
			first, err := log.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(filter))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue // it may have been configured just now
			}
			if err != nil {
				return fmt.Errorf("read the first record of an endpoint: %w", err)
			}
			e.Since = first.Time
		}
		if shortened(r.marks.log) && e.Since.Before(r.marks.log.FirstTime) {
			e.Since = r.marks.log.FirstTime
		}
		r.endpoints[e.Merchant] = append(r.endpoints[e.Merchant], e)
	}
	return nil
}
