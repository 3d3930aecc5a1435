package ops

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync"
	"time"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
)

// typeTest is the type of a test event. No filter keeps it out: somebody asked for it.
const typeTest = "webhook.test"

// Trial is what came of a test event. All of it may be shown.
type Trial struct {
	EventID string         `json:"event_id"`
	Class   webhook.Class  `json:"class"`
	Reason  webhook.Reason `json:"reason,omitempty"`
	// Action is what would follow, were it an event.
	Action    notify.Action `json:"action"`
	OurFault  bool          `json:"our_fault,omitempty"`
	Status    int           `json:"http_status,omitempty"`
	Detail    string        `json:"detail,omitempty"`
	LatencyMS float64       `json:"latency_ms"`
	// RetryAfterS is what the receiver asked to wait, in seconds.
	RetryAfterS float64 `json:"retry_after_s,omitempty"`
	Remote      string  `json:"remote,omitempty"`
	Excerpt     string  `json:"excerpt,omitempty"`
	// Phases are the steps of the attempt that were done, in order.
	Phases []Phase `json:"phases,omitempty"`
}

// Phase is one step of an attempt.
type Phase struct {
	// Name is one of dns, connect, tls, request, answer.
	Name string  `json:"name"`
	MS   float64 `json:"ms"`
}

// testBody is the body of a test event: the shape of all events.
type testBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		MerchantID string `json:"merchant_id"`
		Endpoint   string `json:"endpoint"`
		Test       bool   `json:"test"`
	} `json:"data"`
}

// Test sends a signed test event from this machine, once, whether or not the
// endpoint is switched on. It changes nothing that is kept: a failure here counts
// nowhere.
func (e *Endpoints) Test(ctx context.Context, merchant, id string) (Trial, error) {
	of := name{merchant, id}
	target, err := e.target(ctx, of)
	if err != nil {
		return Trial{}, wrap("test the endpoint", err)
	}
	var raw [12]byte
	if _, err := io.ReadFull(e.o.Random, raw[:]); err != nil {
		return Trial{}, fmt.Errorf("test the endpoint: %w", err)
	}
	body := testBody{Type: typeTest, Timestamp: time.Now().UTC()}
	body.Data.MerchantID, body.Data.Endpoint, body.Data.Test = merchant, id, true
	encoded, err := json.Marshal(body)
	if err != nil {
		return Trial{}, fmt.Errorf("test the endpoint: %w", err)
	}
	watch := &stopwatch{}
	request := webhook.Request{
		URL: target.URL, AllowHTTP: target.AllowHTTP, ID: "evt_test_" + hex.EncodeToString(raw[:]), Body: encoded,
		Secrets: target.Secrets, Headers: target.Headers,
	}
	if request.Pool, err = e.o.Sender.Pool(target.PoolOptions()); err != nil {
		return Trial{}, fmt.Errorf("test the endpoint: %w", err)
	}
	defer request.Pool.Close()
	r := e.o.Sender.Send(httptrace.WithClientTrace(ctx, watch.trace()), request)
	return Trial{
		EventID: request.ID, Class: r.Class, Reason: r.Reason, Action: notify.Judge(r).Action, OurFault: r.OurFault, Status: r.Status,
		Detail: r.Detail, LatencyMS: milliseconds(r.Latency), RetryAfterS: r.RetryAfter.Seconds(), Remote: r.Remote, Excerpt: r.Excerpt,
		Phases: watch.phases(),
	}, nil
}

// target is the endpoint as a worker would use it.
func (e *Endpoints) target(ctx context.Context, of name) (notify.Endpoint, error) {
	if c, ok := e.configured(of); ok {
		return c, nil
	}
	record, err := e.record(ctx, of)
	if err != nil {
		return notify.Endpoint{}, err
	}
	return e.o.Store.Open(of.merchant, record, time.Now())
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// stopwatch takes the times of an attempt's steps. The transport reports from
// goroutines that may outlive the attempt.
type stopwatch struct {
	mu   sync.Mutex
	from map[string]time.Time
	done []Phase
}

func (w *stopwatch) begin(phase string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.from == nil {
		w.from = map[string]time.Time{}
	}
	w.from[phase] = time.Now()
}

func (w *stopwatch) end(phase string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	from, ok := w.from[phase]
	if !ok || err != nil {
		return
	}
	delete(w.from, phase)
	w.done = append(w.done, Phase{Name: phase, MS: milliseconds(time.Since(from))})
}

func (w *stopwatch) phases() []Phase {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Phase(nil), w.done...)
}

func (w *stopwatch) trace() *httptrace.ClientTrace {
	const dns, connect, handshake, request, answer = "dns", "connect", "tls", "request", "answer"
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { w.begin(dns) },
		DNSDone:           func(i httptrace.DNSDoneInfo) { w.end(dns, i.Err) },
		ConnectStart:      func(string, string) { w.begin(connect) },
		ConnectDone:       func(_, _ string, err error) { w.end(connect, err) },
		TLSHandshakeStart: func() { w.begin(handshake) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { w.end(handshake, err) },
		GotConn:           func(httptrace.GotConnInfo) { w.begin(request) },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			w.end(request, i.Err)
			w.begin(answer)
		},
		GotFirstResponseByte: func() { w.end(answer, nil) },
	}
}
