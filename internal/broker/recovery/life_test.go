package recovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
)

// life is what leads to a store as it is after weeks: long timers lie thinly among
// the deleted records of polls that were armed, became due and were acknowledged.
type life struct {
	client
	body          []byte
	timers, polls int
	// idle are the payments with short intervals that have no timer.
	idle chan int
}

// callers arm at once.
const callers = 256

// shortest is one in how many timers is under 15 minutes.
const shortest = 10

// account and payment give the names of a payment's timer; real ids are as long.
func account(i int) string { return fmt.Sprintf("provider-%02d", i%20) }
func payment(i int) string { return fmt.Sprintf("01JCXQ8M3T7V0000%010d", i) }

func live(ctx context.Context, e *broker.Embedded) error {
	l, err := newLife(ctx, e)
	if err != nil {
		return err
	}
	defer l.close()
	messages, err := l.due(ctx)
	if err != nil {
		return err
	}
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fired := make(chan error, 1)
	go func() {
		err := l.take(messages)
		cancel(err)
		fired <- err
	}()
	err = l.armAll(working)
	if err == nil {
		err = l.settle(working)
	}
	messages.Stop()
	if err = errors.Join(err, <-fired); err != nil {
		return err
	}
	if err := l.conn.FlushWithContext(ctx); err != nil {
		return err
	}
	state, err := l.state(ctx)
	if err != nil {
		return err
	}
	return tell(report{Stage: stageLived, Messages: state.Msgs, Last: state.LastSeq})
}

func newLife(ctx context.Context, e *broker.Embedded) (*life, error) {
	var l life
	var err error
	if l.timers, err = setting[int]("timers"); err != nil {
		return nil, err
	}
	if l.polls, err = setting[int]("polls"); err != nil {
		return nil, err
	}
	if l.body, err = os.ReadFile("../../consumer/testdata/schema/v1/poll.json"); err != nil {
		return nil, err
	}
	l.idle = make(chan int, l.short())
	for i := range l.short() {
		l.idle <- i
	}
	l.client, err = open(ctx, e)
	return &l, err
}

func (l *life) short() int { return max(1, l.timers/shortest) }

// take acknowledges what is due, as a poll does that found no change.
func (l *life) take(messages jetstream.MessagesContext) error {
	for {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		var i int
		id := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
		if _, err := fmt.Sscanf(id[len(id)-10:], "%d", &i); err != nil {
			return fmt.Errorf("a due message of another: %w", err)
		}
		if err := m.Ack(); err != nil {
			return err
		}
		if i < l.short() { // a short one; long ones of this life are not due yet
			l.idle <- i
		}
	}
}

// arm arms the timer of payment i.
func (l *life) arm(ctx context.Context, i int, at time.Time) error {
	header := nats.Header{}
	header.Set("traceparent", fmt.Sprintf("00-%032x-%016x-01", i+1, i+1))
	body := bytes.Replace(l.body, []byte(`"p.1"`), []byte(`"`+payment(i)+`"`), 1)
	merchant := fmt.Sprintf("merchant-%03d", i%200)
	return l.Arm(ctx, broker.Timer{
		Subject: broker.PollTimer(account(i), merchant, payment(i)),
		Target:  broker.PollDue(account(i), merchant, payment(i)),
		At:      at, Header: header, Body: body,
	})
}

// armAll arms each long timer once, with polls between them, and in the end each
// short one.
func (l *life) armAll(ctx context.Context) error {
	long := l.timers - l.short()
	steps := make(chan int)
	go func() {
		defer close(steps)
		for i := range long {
			steps <- i
		}
	}()
	err := together(func(random *rand.Rand) error {
		var failed error
		for i := range steps {
			if failed == nil {
				failed = l.step(ctx, l.short()+i, random)
			}
		}
		return failed
	})
	if err != nil {
		return err
	}
	for range l.short() { // until none is due any more
		if _, err := l.next(ctx); err != nil {
			return err
		}
	}
	for i := range l.short() {
		if err := l.arm(ctx, i, time.Now().Add(time.Duration(i)*15*time.Minute/time.Duration(l.short()))); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a short one without a timer.
func (l *life) next(ctx context.Context) (int, error) {
	select {
	case i := <-l.idle:
		return i, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// step arms a long timer, due in an hour to 30 days, and lets some polls happen.
func (l *life) step(ctx context.Context, i int, random *rand.Rand) error {
	if err := l.arm(ctx, i, time.Now().Add(time.Hour+time.Duration(random.Int64N(int64(30*24*time.Hour))))); err != nil {
		return err
	}
	for range l.polls {
		short, err := l.next(ctx)
		if err != nil {
			return err
		}
		if err := l.arm(ctx, short, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// settle lets the broker run on, with the polls that become due.
func (l *life) settle(ctx context.Context) error {
	over, err := setting[time.Duration]("settle")
	if err != nil || over == 0 {
		return err
	}
	end := time.After(over)
	for {
		select {
		case i := <-l.idle:
			if err := l.arm(ctx, i, time.Now().Add(15*time.Minute)); err != nil {
				return err
			}
		case <-end:
			return nil
		}
	}
}

// together does the same in all callers and gives the first failure.
func together(do func(*rand.Rand) error) error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { errs[i] = do(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
