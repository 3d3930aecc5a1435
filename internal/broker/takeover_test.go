package broker_test

import (
	"context"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	simwire "reconciler/internal/simulation/wire"
)

// Each question takes two seconds to its server. What becomes of the payment meanwhile
// must be seen.
func TestPollTakenOver_SeesWhatHappensWhileItAsks(t *testing.T) {
	const way = 2 * time.Second
	of := broker.PaymentRef{Account: "a", Merchant: "m", Payment: "p"}
	due := broker.Due{Subject: broker.PollDue("a", "m", "p")}
	armed := func(in time.Duration) func(*takeover) {
		return func(o *takeover) { o.must(o.Arm(o.ctx, sweptTimer("p", in))) }
	}
	rows := map[string]struct {
		happens func(*takeover)
		over    bool
	}{
		"nothing":                                      {func(*takeover) {}, false},
		"a timer fires before it asks":                 {armed(way / 2), true},
		"a timer fires after its 1st question":         {armed(3 * way / 2), true},
		"a timer fires after its 2nd question":         {armed(5 * way / 2), true},
		"the message is acknowledged before":           {func(o *takeover) { o.remove(o.ours) }, true},
		"the message is acknowledged after question 1": {func(o *takeover) { time.AfterFunc(3*way/2, func() { o.remove(o.ours) }) }, true},
		"an older one is left over":                    {func(o *takeover) { o.ours = o.publish(due) }, false},
		"a newer one is in hand":                       {func(o *takeover) { o.publish(due) }, true},
		"a newer one, which is finished after question 1": {func(o *takeover) {
			newer := o.publish(due)
			time.AfterFunc(3*way/2, func() {
				o.must(o.Arm(o.ctx, sweptTimer("p", time.Hour)))
				o.remove(newer)
			})
		}, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				o := newTakeover(t, way)
				o.ours = o.publish(due)
				row.happens(o)
				if over, err := o.slow.PollTakenOver(o.ctx, of, o.ours); err != nil || over != row.over {
					t.Errorf("taken over: %t, want %t (%v)", over, row.over, err)
				}
			})
		})
	}
}

// takeover is two workers, of which one is far from the broker.
type takeover struct {
	*testing.T
	*broker.Broker
	ctx  context.Context
	slow *broker.Broker
	// ours is the sequence of the message that is asked about.
	ours uint64
}

func newTakeover(t *testing.T, way time.Duration) *takeover {
	t.Helper()
	e, beside := brokertest.StartServer(t)
	slow, link := linked(t, e)
	link.SetPolicy(func(f *simwire.Frame) simwire.Verdict {
		if f.Direction == simwire.Up && f.Reply() != "" {
			return simwire.Verdict{Fate: simwire.Fate{Delay: way}}
		}
		return simwire.Verdict{}
	})
	return &takeover{T: t, Broker: beside, ctx: brokertest.Context(t), slow: slow}
}

func (o *takeover) must(err error) {
	o.Helper()
	if err != nil {
		o.Error(err)
	}
}

// publish gives the sequence.
func (o *takeover) publish(due broker.Due) uint64 {
	o.Helper()
	o.must(o.PublishDue(o.ctx, due))
	is, err := o.Extent(o.ctx, broker.StreamWork)
	o.must(err)
	return is.Last
}

// remove is what an acknowledgement does.
func (o *takeover) remove(seq uint64) {
	o.Helper()
	stream, err := o.JetStream().Stream(o.ctx, broker.StreamWork)
	if err != nil {
		o.Error(err)
		return
	}
	o.must(stream.DeleteMsg(o.ctx, seq))
}
