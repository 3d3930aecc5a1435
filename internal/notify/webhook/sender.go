package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"
)

// Sender makes attempts. It is safe for concurrent use; one for all endpoints
// is right, since connections are kept per host and none waits for another's.
type Sender struct {
	transport *http.Transport
	timeLimit time.Duration
	maxAnswer int64
	userAgent string
}

// New makes a Sender. It connects to nothing. The error names every fault of
// the options.
func New(o Options) (*Sender, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("make the webhook sender: %w", err)
	}
	return &Sender{transport: o.transport(), timeLimit: o.TimeLimit, maxAnswer: o.MaxAnswer, userAgent: o.UserAgent}, nil
}

// Close closes idle connections. Attempts in flight are not touched; end them
// by their context and close after them.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Result is what came of an attempt. All of it may be stored and shown.
type Result struct {
	// Class is always set.
	Class Class
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
	// Remote is the receiver's address and port; empty where nothing was connected.
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
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.timeLimit)
	defer cancel()
	p := &progress{}
	req, err := r.build(httptrace.WithClientTrace(limited, p.trace()), start, s.userAgent)
	if err != nil {
		return Result{Class: ClassInvalidRequest, Detail: err.Error(), Latency: time.Since(start)}
	}
	// The transport itself and no http.Client: it follows no redirect by nature,
	// and it gives a 3xx with a broken Location as the answer that it is.
	res, err := s.transport.RoundTrip(req)
	result := Result{Latency: time.Since(start), Remote: p.remoteText(), Reused: p.reused.Load()}
	if err != nil {
		end := classify(attempt{err: err, caller: ctx, limited: limited, progress: p})
		result.Class, result.Detail = end.class, end.detail
		return result
	}
	result.Status, result.Class = res.StatusCode, ClassOf(res.StatusCode)
	result.RetryAfter = RetryAfter(res.Header.Get("Retry-After"), time.Now())
	if res.StatusCode == http.StatusSwitchingProtocols {
		_ = res.Body.Close() // the body is the connection itself, without an end
		return result
	}
	result.Excerpt = readAnswer(res.Body, s.maxAnswer)
	return result
}
