package main

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
)

// decided counts the payments that are decided or given up, as the stream's leader
// has them: who follows the stream is blind for half a minute when the server dies
// that it follows it from.
func (x *clusterTrial) decided(ctx context.Context) int {
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := x.js.Stream(limited, broker.StreamStatus)
	if err != nil {
		return x.most
	}
	info, err := stream.Info(limited, jetstream.WithSubjectFilter(broker.FilterStatus))
	if err != nil {
		return x.most
	}
	payments := map[string]bool{}
	for subject := range info.State.Subjects {
		status, of, _ := strings.Cut(strings.TrimPrefix(subject, strings.TrimSuffix(broker.FilterStatus, ">")), ".")
		if !payment.Status(status).Open() {
			payments[of] = true
		}
	}
	x.most = max(x.most, len(payments))
	return x.most
}

// inHand counts the messages that are delivered and not acknowledged. A cluster that
// has just lost a server may leave the question without an answer for ever.
func (x *clusterTrial) inHand(ctx context.Context) (messages int) {
	until(ctx, func() bool {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		messages = (&decided{js: x.js}).inHand(limited)
		return messages > 0
	})
	return messages
}

// announced reports whether all payments are, so that no fault befalls the announcer.
func (x *clusterTrial) announced(ctx context.Context) bool {
	info := streamInfo(ctx, x.js, broker.StreamPayments)
	return info != nil && info.State.NumSubjects == clusterPayments
}

// befall waits until so many payments in a hundred are decided, lets happen what
// has to happen, and says what it befell.
func (x *clusterTrial) befall(ctx context.Context, percent int, what func(ctx context.Context, then int) string) {
	low := clusterPayments * percent / 100
	if !until(ctx, func() bool { return x.decided(ctx) >= low && x.announced(ctx) }) {
		x.t.Errorf("%d payments decided, want %d before something happens", x.most, low)
		return
	}
	then, inHand := x.most, x.inHand(ctx)
	began := time.Now()
	happened := what(ctx, then)
	x.t.Logf("%d payments decided, %d messages in hand: %s; %s", then, inHand, happened, time.Since(began).Round(100*time.Millisecond))
	if then > mostMiddle || inHand == 0 {
		x.t.Errorf("that was not in the middle: want %d to %d payments, and messages in hand", low, mostMiddle)
	}
}

// goesOn waits until more payments are decided than there were.
func (x *clusterTrial) goesOn(ctx context.Context, then int) {
	if !until(ctx, func() bool { return x.decided(ctx) >= min(then+clusterPayments/50, mostMiddle) }) {
		x.t.Errorf("nothing went on after %d payments were decided", then)
	}
}

// hear waits until what the workers tell each other over has a leader again.
func (x *clusterTrial) hear(ctx context.Context, since time.Time) {
	x.leads(ctx, x.js, "KV_"+broker.BucketBreakers)
	away := span{since, time.Now().Add(hearing)}
	x.apart, x.elected = append(x.apart, away), append(x.elected, away)
}

// quiet waits until no provider's Retry-After (the simulated ones say one second)
// is under way: a worker knows it only while it can hear the other.
func (x *clusterTrial) quiet(ctx context.Context) {
	until(ctx, func() bool { return time.Since(lastThrottle(x.world)) > time.Second })
}

func (x *clusterTrial) killWorker(ctx context.Context, _ int) string {
	began := time.Now()
	x.workers[0].running().kill()
	x.apart = append(x.apart, span{began, began.Add(1500 * time.Millisecond)}) // what only the dead one was told
	x.quiet(ctx)
	x.workers[0].Start()
	return "a worker was killed and started again"
}

// killLeader kills the server that leads a stream and starts it again when the
// other two have gone on.
func (x *clusterTrial) killLeader(stream string) func(context.Context, int) string {
	return func(ctx context.Context, then int) string {
		leader := x.leads(ctx, x.js, stream)
		if leader == nil {
			return "nobody led " + stream
		}
		began := time.Now()
		x.kill(leader)
		x.goesOn(ctx, then)
		next := x.leads(ctx, x.js, stream)
		x.hear(ctx, began)
		x.start(leader)
		if next == nil || next == leader {
			x.t.Errorf("%s still led %s when it was dead", leader.name, stream)
			return ""
		}
		return leader.name + ", which led " + stream + ", was killed, " + next.name + " led it then; it was started again"
	}
}

// killTwo kills two servers at once and starts them again when nobody leads.
func (x *clusterTrial) killTwo(ctx context.Context, then int) string {
	leader := x.leads(ctx, x.js, broker.StreamStatus)
	if leader == nil {
		return "nobody led " + broker.StreamStatus
	}
	two := []*clusterNode{leader, x.others(leader)[0]}
	began := time.Now()
	x.kill(two...)
	until(ctx, func() bool {
		info := streamInfo(ctx, x.js, broker.StreamStatus)
		return info == nil || info.Cluster.Leader == ""
	})
	for _, n := range two {
		x.start(n)
	}
	x.goesOn(ctx, then)
	x.hear(ctx, began)
	return two[0].name + " and " + two[1].name + " were killed at once, nobody led any more; they were started again"
}

// freeze stops a worker until others have its messages, and lets it go on.
func (x *clusterTrial) freeze(ctx context.Context, then int) string {
	frozen := x.workers[1].running()
	frozen.signal(syscall.SIGSTOP)
	began := time.Now()
	until(ctx, func() bool { return time.Since(began) > clusterAckWait+time.Second })
	x.goesOn(ctx, then)
	x.quiet(ctx)
	frozen.signal(syscall.SIGCONT)
	woken := time.Now()
	x.apart = append(x.apart, span{began, began.Add(1500 * time.Millisecond)}) // what only the frozen one was told
	x.woken = append(x.woken, span{woken, woken.Add(3 * time.Second)})         // what it was told lies in its sockets
	return "a worker was stopped for longer than the ack wait and let go on"
}
