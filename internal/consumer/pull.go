package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pulling is one pull: at most one message for each permit.
type pulling[P permit] struct {
	consumer jetstream.Consumer
	permits  []P
	inHand   *sync.WaitGroup
}

// take pulls until each permit has its message, and starts a handler for each.
// It ends early, and gives the permits left over back, when nothing has come for
// long, or when pulling ends or the gate closes: whatever came after that would only
// be handed back, and come again to this very pull.
//
// It ends by draining: what the broker had sent by then is read to the last
// message and handed back. Without that it would be lost on the way and come
// only after the ack wait.
func (l *loop[P]) take(pull, work context.Context, p pulling[P]) error {
	defer func() {
		for _, permit := range p.permits {
			permit.Return()
		}
	}()
	messages, err := p.consumer.Messages(l.options(len(p.permits))...)
	if err != nil {
		return err
	}
	defer messages.Stop()
	open, end := whileOpen(pull, p.permits[0].Closed())
	defer end()
	defer context.AfterFunc(open, messages.Drain)()
	// A request that the broker has forgotten shows by missing heartbeats. Whatever
	// else makes a pull dumb ends with the pull: a new one costs next to nothing.
	dumb := time.AfterFunc(l.silence(), end)
	defer dumb.Stop()
	for {
		// Not under pull: the end of a drain must be waited for. Under work, since
		// a server that has gone never ends one.
		msg, err := messages.Next(jetstream.NextContext(work))
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed):
			return nil
		case err != nil:
			return err
		}
		dumb.Reset(l.silence())
		l.turning.turns()
		if open.Err() != nil || len(p.permits) == 0 {
			l.handBack(msg, 0)
			continue
		}
		permit := p.permits[len(p.permits)-1]
		p.permits = p.permits[:len(p.permits)-1]
		p.inHand.Add(1)
		go func() {
			defer p.inHand.Done()
			l.work(work, msg, permit)
		}()
	}
}

// The client library's bounds on how long a request stands and how often the
// broker must say that it still does.
const (
	shortestWait      = time.Second
	longestHeartbeat  = 30 * time.Second
	heartbeatsPerWait = 2
)

func (l *loop[P]) options(most int) []jetstream.PullMessagesOpt {
	wait := max(l.wait, shortestWait)
	return []jetstream.PullMessagesOpt{
		jetstream.PullMaxMessages(most), jetstream.StopAfter(most),
		jetstream.PullExpiry(wait), jetstream.PullHeartbeat(min(wait/heartbeatsPerWait, longestHeartbeat)),
	}
}

// longestSilence is how long a pull may bring nothing before it is made anew.
const longestSilence = time.Minute

func (l *loop[P]) silence() time.Duration { return max(longestSilence, 3*l.wait) }

// whileOpen gives a context that ends with ctx or when closed is closed. Call
// the function it returns when it is not needed any more.
func whileOpen(ctx context.Context, closed <-chan struct{}) (context.Context, context.CancelFunc) {
	open, end := context.WithCancel(ctx)
	if closed != nil {
		go func() {
			select {
			case <-closed:
				end()
			case <-open.Done():
			}
		}()
	}
	return open, end
}
