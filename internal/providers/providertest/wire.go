package providertest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
)

// line leads to the simulator until a fault is put on it.
type line struct {
	transport http.RoundTripper

	mu    sync.Mutex // protects what follows
	fault RoundTrip
	// met is how many requests met the fault.
	met int
	// last is the last answer of the simulator.
	last Reply
}

// RoundTrip passes the request on, or lets the fault happen.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	fault := l.fault
	if fault != nil {
		l.met++
	}
	l.mu.Unlock()
	if fault == nil {
		return l.pass(r)
	}
	if r.Body != nil {
		// A RoundTripper has to close the body; reading it is what a provider does.
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return fault(r)
}

// pass has the simulator answer, and keeps the answer.
func (l *line) pass(r *http.Request) (*http.Response, error) {
	res, err := l.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	answer := Reply{Status: res.StatusCode, Header: res.Header, Body: string(body)}
	l.mu.Lock()
	l.last = answer
	l.mu.Unlock()
	return answer.response(r), nil
}

// put puts a fault on the line (nil: takes it off) and gives how many requests
// met the one before.
func (l *line) put(fault RoundTrip) (met int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	met, l.fault, l.met = l.met, fault, 0
	return met
}

// wireRow is what may come over the wire instead of an answer, where all
// providers agree about it.
type wireRow struct {
	name  string
	fault RoundTrip
	kind  providers.Kind
	after time.Duration
}

func replies(r Reply) RoundTrip {
	return func(req *http.Request) (*http.Response, error) { return r.response(req), nil }
}

func fails(err error) RoundTrip {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// breaksOff begins an answer.
func breaksOff(err error) RoundTrip {
	return func(req *http.Request) (*http.Response, error) {
		res := Reply{}.response(req)
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"status":`), failing{err}))
		return res, nil
	}
}

// failing is a body that breaks.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// wireRows are every fault of transport, and every answer that no provider of
// ours gives in another meaning.
func wireRows() []wireRow {
	wait := func(value string) http.Header { return http.Header{"Retry-After": {value}} }
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443}, Err: err}
	}
	return []wireRow{
		{"refused", fails(dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), providers.Unavailable, 0},
		{"reset", fails(os.NewSyscallError("read", syscall.ECONNRESET)), providers.Unavailable, 0},
		{"no such host", fails(dial(&net.DNSError{Err: "no such host", Name: "secret.example", IsNotFound: true})), providers.Unavailable, 0},
		{"slow name server", fails(dial(&net.DNSError{Err: "timeout", Name: "secret.example", IsTimeout: true})), providers.Unavailable, 0},
		{"time-out of the transport", fails(os.ErrDeadlineExceeded), providers.Unavailable, 0},
		{"unknown certificate authority", fails(x509.UnknownAuthorityError{}), providers.Unavailable, 0},
		{"certificate of another host", fails(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "secret.example"}), providers.Unavailable, 0},
		{"closed before the answer", fails(io.EOF), providers.Unavailable, 0},
		{"an error with an address", fails(errors.New("https://secret.example/?key=hunter2 exploded")), providers.Unavailable, 0},
		{"broken off", breaksOff(io.ErrUnexpectedEOF), providers.Unavailable, 0},
		{"reset in the answer", breaksOff(os.NewSyscallError("read", syscall.ECONNRESET)), providers.Unavailable, 0},

		{"429", replies(Reply{Status: 429, Header: wait("17")}), providers.Throttled, 17 * time.Second},
		{"429 without a time", replies(Reply{Status: 429, Body: "slow down"}), providers.Throttled, 0},
		{"408", replies(Reply{Status: 408}), providers.Throttled, 0},
		{"425", replies(Reply{Status: 425}), providers.Throttled, 0},
		{"500", replies(Reply{Status: 500}), providers.Unavailable, 0},
		{"502 with a page", replies(Reply{Status: 502, Body: "<html>bad gateway</html>"}), providers.Unavailable, 0},
		{"503", replies(Reply{Status: 503, Header: wait("60")}), providers.Unavailable, time.Minute},
		{"504", replies(Reply{Status: 504}), providers.Unavailable, 0},

		{"nothing", replies(Reply{}), providers.Unreadable, 0},
		{"no content", replies(Reply{Status: 204}), providers.Unreadable, 0},
		{"text", replies(Reply{Body: "OK"}), providers.Unreadable, 0},
		{"cut off JSON", replies(Reply{Body: `{"status":1,"data":{"stat`}), providers.Unreadable, 0},
		{"a list", replies(Reply{Body: `[{"status":1}]`}), providers.Unreadable, 0},
		{"null", replies(Reply{Body: `null`}), providers.Unreadable, 0},
		{"two objects", replies(Reply{Body: `{}{}`}), providers.Unreadable, 0},
		{"over the size limit", replies(Reply{Body: `{"status":"` + strings.Repeat("0", 1<<20) + `"}`}), providers.TooLarge, 0},
	}
}

// onLine starts a world whose adapter asks over a line.
func (s Subject) onLine(t *testing.T, o sandbox.Options) (*world, *line) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	l := &line{transport: transport}
	w := s.onSockets(t, o)
	w.hidden = append(w.hidden, "secret.example", "hunter2", "10.1.2.3", "elsewhere.example")
	w.adapter = s.adapter(t, w.settings, l)
	return w, l
}

// tellsFaultsOfTheWire tries each on the first request of an account, which may
// be the one for credentials, and on a later one.
func (s Subject) tellsFaultsOfTheWire(t *testing.T) {
	for _, row := range wireRows() {
		t.Run(row.name, func(t *testing.T) {
			w, l := s.onLine(t, sandbox.Options{Seed: 13})
			q := question(t, w.charged(t, 1)[0])
			for _, state := range []string{"first", "later"} {
				l.put(row.fault)
				obs, err := w.adapter.Poll(t.Context(), q)
				w.checkPoll(t, q, obs, err)
				var e *providers.Error
				if !errors.As(err, &e) || e.Kind != row.kind || e.RetryAfter != row.after || e.Setting != "" {
					t.Errorf("%s: error %v, want %s after %s", state, err, row.kind, row.after)
				}
				if met := l.put(nil); met != 1 {
					t.Errorf("%s: %d requests, want 1", state, met)
				}
				// It passes, and leaves nothing behind.
				if _, err := w.adapter.Poll(t.Context(), q); err != nil {
					t.Errorf("%s: then %v", state, err)
				}
			}
		})
	}
}

// makesNoStatusOfAnHTTPStatus: whatever status somebody answers with who is not
// the provider, it says nothing about the payment.
func (s Subject) makesNoStatusOfAnHTTPStatus(t *testing.T) {
	w, l := s.onLine(t, sandbox.Options{Seed: 14})
	q := question(t, w.charged(t, 1)[0])
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for status := 200; status < 600; status++ {
		l.put(nil)
		if _, err := w.adapter.Poll(ctx, q); err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"", "{}", "<html><a href='https://elsewhere.example/'>here</a></html>"} {
			l.put(replies(Reply{Status: status, Body: body, Header: http.Header{"Location": {"https://elsewhere.example/login"}}}))
			obs, err := w.adapter.Poll(ctx, q)
			w.checkPoll(t, q, obs, err)
			if met := l.put(nil); status >= 300 && status < 400 && met != 1 {
				t.Errorf("HTTP %d was followed by %d more requests", status, met-1)
			}
			if problem := judgeStatus(status, err); problem != "" {
				t.Errorf("HTTP %d with the body %q: %v; %s", status, body, err, problem)
			}
		}
	}
}

// judgeStatus says what is wrong with the error that an HTTP status became.
func judgeStatus(status int, err error) string {
	kinds := []providers.Kind{providers.Unreadable, providers.Misconfigured, providers.Unavailable, providers.UnknownStatus, providers.SignatureInvalid}
	switch {
	case slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, status):
		kinds = []providers.Kind{providers.Throttled}
	case status >= 500:
		kinds = []providers.Kind{providers.Unavailable}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		kinds = []providers.Kind{providers.Misconfigured}
	case status >= 300 && status < 400:
		kinds = []providers.Kind{providers.Misconfigured, providers.Unavailable}
	}
	var e *providers.Error
	if !errors.As(err, &e) || !slices.Contains(kinds, e.Kind) {
		return fmt.Sprintf("want one of %v", kinds)
	}
	if e.Kind == providers.Misconfigured && e.Setting == "" {
		return "want the name of a setting"
	}
	return ""
}
