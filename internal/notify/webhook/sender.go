package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Sender makes attempts. It is safe for concurrent use; one for all endpoints
// is right. Requests with a Pool of their own share no connection with others.
type Sender struct {
	options Options // with their defaults, to make pools by
	pool    *Pool   // of requests without one
	open    atomic.Int64

	maxAnswer int64
	maxOpen   int64
	userAgent string
}

// New makes a Sender. It connects to nothing. The error names every fault of
// the options.
func New(o Options) (*Sender, error) {
	whole := o.withDefaults()
	if err := whole.check(); err != nil {
		return nil, fmt.Errorf("make the webhook sender: %w", err)
	}
	s := &Sender{options: whole, maxAnswer: whole.MaxAnswer, maxOpen: int64(whole.MaxConnections), userAgent: whole.UserAgent}
	s.pool = s.newPool(whole, nil)
	return s, nil
}

// Close closes the idle connections of requests without a pool; a Pool is
// closed by who made it. Attempts in flight are not touched; end them by their
// context and close after them.
func (s *Sender) Close() { s.pool.Close() }

// Connections is how many connections are open now, idle ones and all pools included.
func (s *Sender) Connections() int { return int(s.open.Load()) }

// Result is what came of an attempt. All of it may be stored and shown.
type Result struct {
	// Class is always set.
	Class Class
	// Reason is the cause within the Class. Empty where an answer came whole, or
	// we ended the attempt behind its status.
	Reason Reason
	// OurFault says that the attempt failed on our side of the network, or that
	// we ended it: nothing about it counts for or against the receiver.
	OurFault bool
	// Status is the HTTP status; 0: no answer.
	Status int
	// RetryAfter is how long the receiver asked to wait, with any status; 0: it
	// did not. At most 30 days.
	RetryAfter time.Duration
	// Latency is the time to the answer's header, or to the end of the attempt
	// where none came.
	Latency time.Duration
	// Detail says why no answer came, in fixed words of ours; empty with an answer.
	Detail string
	// Excerpt is the beginning of the answer's body: see Excerpt.
	Excerpt string
	// Remote is the receiver's address and port; empty where nothing was
	// connected, or by a proxy, which does not tell.
	Remote string
	// Reused says that a kept connection was used.
	Reused bool
}

// Send makes one attempt and returns within the time limit. When ctx ends
// before an answer's header came, the Class is ClassCanceled; whether the
// receiver got the webhook is not known then.
//
// The answer's status alone decides: with it in hand, a body that breaks off,
// never ends or comes too late changes nothing.
func (s *Sender) Send(ctx context.Context, r Request) Result {
	pool := r.Pool
	if pool == nil {
		pool = s.pool
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, pool.timeLimit)
	defer cancel()
	p := &progress{proxied: pool.proxied}
	req, err := r.build(p.follow(limited), start, s.userAgent)
	if err != nil {
		return Result{Class: ClassInvalidRequest, Reason: ReasonInvalidRequest, Detail: err.Error(), Latency: time.Since(start)}
	}
	defer s.spare(r.Pool)
	// The transport itself and no http.Client: it follows no redirect by nature,
	// and it gives a 3xx with a broken Location as the answer that it is.
	res, err := pool.transport.RoundTrip(req)
	result := Result{Latency: time.Since(start), Remote: p.remoteText(), Reused: p.reused.Load()}
	if err != nil {
		end := classify(attempt{err: err, caller: ctx, limited: limited, progress: p})
		result.Class, result.Reason, result.Detail = end.class, end.reason, end.detail
		result.OurFault = end.class == ClassCanceled || end.class == ClassOwnFault
		return result
	}
	result.Status, result.Class = res.StatusCode, ClassOf(res.StatusCode)
	result.RetryAfter = retryAfter(res.Header, time.Now())
	if res.StatusCode == http.StatusSwitchingProtocols {
		_ = res.Body.Close() // the body is the connection itself, without an end
		return result
	}
	excerpt, err := readAnswer(res, s.maxAnswer)
	result.Excerpt = excerpt
	if err != nil && ctx.Err() == nil {
		result.Reason = bodyReason(err, limited)
	}
	return result
}

// spare gives up the idle connections of an endpoint's pool while too many are open.
func (s *Sender) spare(pool *Pool) {
	if pool != nil && s.open.Load() > s.maxOpen {
		pool.Close()
	}
}

// bodyReason says why an answer's body was not read to its end.
func bodyReason(err error, limited context.Context) Reason {
	switch {
	case errors.Is(err, errTooLarge):
		return ReasonTooLarge
	case limited.Err() != nil:
		return ReasonBodyTimeout
	}
	return ReasonBodyReset
}
