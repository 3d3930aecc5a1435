package consumer

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/payment"
)

// shop is a merchant's server in memory. It verifies each webhook with the
// public library.
type shop struct {
	coming chan net.Conn
	closed chan struct{}
	// unreachable, if set, is why no connection comes about.
	unreachable error

	mu     sync.Mutex
	answer func(w http.ResponseWriter, d delivery) int
	got    []delivery
}

// delivery is one attempt that reached the shop.
type delivery struct {
	endpoint string
	id       string
	data     payment.Data
	at       time.Time
	// nth counts the attempts with this id at this endpoint.
	nth int
	err error // of the signature or body
	// body is as it came, replay what the header said.
	body   []byte
	replay string
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{coming: make(chan net.Conn), closed: make(chan struct{}), answer: answers(http.StatusOK)}
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := s.receive(r, verifier)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		w.WriteHeader(answer(w, d))
	})}
	go func() { _ = server.Serve(s) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// respond sets what the shop answers from now on: the HTTP status. It may set
// headers and take its time.
func (s *shop) respond(answer func(w http.ResponseWriter, d delivery) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func answers(status int) func(http.ResponseWriter, delivery) int {
	return func(http.ResponseWriter, delivery) int { return status }
}

func (s *shop) receive(r *http.Request, verifier *standardwebhooks.Webhook) delivery {
	body, _ := io.ReadAll(r.Body)
	event, err := payment.ParseEvent(body)
	if err == nil {
		err = verifier.Verify(body, r.Header)
	}
	d := delivery{endpoint: r.URL.Path[1:], id: r.Header.Get("webhook-id"), data: event.Data, at: time.Now(), nth: 1, err: err,
		body: body, replay: r.Header.Get("webhook-replay")}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, before := range s.got {
		if before.endpoint == d.endpoint && before.id == d.id {
			d.nth++
		}
	}
	s.got = append(s.got, d)
	return d
}

// deliveries are the attempts at an endpoint so far.
func (s *shop) deliveries(endpoint string) []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []delivery
	for _, d := range s.got {
		if d.endpoint == endpoint {
			all = append(all, d)
		}
	}
	return all
}

// versions are the versions that reached an endpoint, in that order.
func (s *shop) versions(endpoint string) []int {
	var all []int
	for _, d := range s.deliveries(endpoint) {
		all = append(all, d.data.Version)
	}
	return all
}

func (s *shop) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if s.unreachable != nil {
		return nil, s.unreachable
	}
	here, there := net.Pipe()
	select {
	case s.coming <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Accept, Close and Addr make the shop its server's listener.
func (s *shop) Accept() (net.Conn, error) {
	select {
	case conn := <-s.coming:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *shop) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func (s *shop) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }
