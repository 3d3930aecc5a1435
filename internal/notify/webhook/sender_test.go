package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reconciler/internal/secret"
)

func TestSend_MakesARequestThatAForeignVerifierAccepts(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *http.Request, 1)
	verified := make(chan error, 1)
	srv := serve(t, (*httptest.Server).Start, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		verified <- err
		seen <- r
		w.WriteHeader(http.StatusNoContent)
	})

	before := time.Now().Unix()
	r := request(srv.URL)
	r.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	result := send(t, newSender(t, Options{Policy: loopback}), r)

	if result.Class != ClassDelivered || result.Status != 204 || result.Remote != srv.Listener.Addr().String() {
		t.Errorf("result %+v, want delivered, 204, from %s", result, srv.Listener.Addr())
	}
	if err := <-verified; err != nil {
		t.Errorf("the verifier refuses the webhook: %v", err)
	}
	got := <-seen
	if at, err := strconv.ParseInt(got.Header.Get(HeaderTimestamp), 10, 64); err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("webhook-timestamp %q is not the time of the attempt", got.Header.Get(HeaderTimestamp))
	}
	want := map[string]string{
		HeaderID: testEventID, "Content-Type": "application/json", "User-Agent": DefaultUserAgent, "Traceparent": r.Trace,
		"Accept-Encoding": "", "Idempotency-Key": "", "Content-Length": strconv.Itoa(len(testBody)), "Cookie": "",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), value)
		}
	}
	if got.Method != http.MethodPost || got.URL.Path != testPath {
		t.Errorf("%s %s, want POST %s", got.Method, got.URL.Path, testPath)
	}
}

// The public library knows no v1a, so the second scheme has a check of its own.
func TestAwkward_BothSchemes_VerifyEndToEnd(t *testing.T) {
	private, public := newPair(t)
	shared := newSecret(t)
	signer, err := NewSigner([]secret.Text{private, shared})
	if err != nil {
		t.Fatal(err)
	}
	verified := make(chan [2]error, 1)
	srv := serve(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		verified <- [2]error{verifyV1a(public, r.Header, body), verifier(t, shared).Verify(body, r.Header)}
	})
	s := newSender(t, Options{Policy: loopback})
	both := request(srv.URL)
	both.Signer, both.Secrets = signer, nil
	listed := request(srv.URL)
	listed.Secrets = []secret.Text{private, shared}
	keyOnly := request(srv.URL)
	keyOnly.Secrets = []secret.Text{private}
	for name, r := range map[string]Request{"signer": both, "secrets": listed, "v1a alone": keyOnly} {
		if result := send(t, s, r); result.Class != ClassDelivered {
			t.Errorf("%s: %+v", name, result)
		}
		got := <-verified
		if got[0] != nil || (got[1] == nil) == (name == "v1a alone") {
			t.Errorf("%s: v1a %v, v1 %v", name, got[0], got[1])
		}
	}
}

func TestSend_ClassifiesEveryAnswer(t *testing.T) {
	inTwoHours := time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)
	tests := []struct {
		name    string
		status  int
		header  http.Header
		body    string
		class   Class
		atLeast time.Duration
		atMost  time.Duration
		excerpt string
	}{
		{name: "200", status: 200, body: "ok\n", class: ClassDelivered, excerpt: `ok\n`},
		{name: "202 without body", status: 202, class: ClassDelivered},
		{name: "302 to another place", status: 302, header: http.Header{"Location": {"/elsewhere"}}, class: ClassRedirect},
		{name: "301 with an unreadable place", status: 301, header: http.Header{"Location": {"http://[::1"}}, class: ClassRedirect},
		{name: "307", status: 307, header: http.Header{"Location": {"/elsewhere"}}, class: ClassRedirect},
		{name: "304", status: 304, class: ClassRedirect},
		{name: "400", status: 400, body: `{"error":"bad"}`, class: ClassClientError, excerpt: `{"error":"bad"}`},
		{name: "404", status: 404, class: ClassClientError},
		{name: "410", status: 410, class: ClassGone},
		{name: "429 with seconds", status: 429, header: http.Header{"Retry-After": {"90"}}, class: ClassRateLimited, atLeast: 90 * time.Second, atMost: 90 * time.Second},
		{name: "503 with a date", status: 503, header: http.Header{"Retry-After": {inTwoHours}}, class: ClassUnavailable, atLeast: time.Hour, atMost: 2 * time.Hour},
		{name: "503 without a wish", status: 503, class: ClassUnavailable},
		{name: "500", status: 500, class: ClassServerError},
		{name: "599", status: 599, class: ClassServerError},
		{name: "600", status: 600, class: ClassProtocol},
		{name: "hostile body", status: 500, body: "a\x1b[31m\x00\u202e\xff", class: ClassServerError, excerpt: `a\x1b[31m\x00\u202e\xff`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var hits atomic.Int32
			srv := serve(t, (*httptest.Server).Start, func(w http.ResponseWriter, _ *http.Request) {
				hits.Add(1)
				for name, values := range tt.header {
					w.Header()[name] = values
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			result := send(t, newSender(t, Options{Policy: loopback}), request(srv.URL))

			if result.Class != tt.class || result.Status != tt.status || result.Excerpt != tt.excerpt {
				t.Errorf("%s, status %d, excerpt %q; want %s, %d, %q", result.Class, result.Status, result.Excerpt, tt.class, tt.status, tt.excerpt)
			}
			if result.RetryAfter < tt.atLeast || result.RetryAfter > tt.atMost {
				t.Errorf("retry after %v, want %v to %v", result.RetryAfter, tt.atLeast, tt.atMost)
			}
			if hits.Load() != 1 {
				t.Errorf("%d requests came, want 1: a redirect must not be followed", hits.Load())
			}
		})
	}
}

func TestSend_ClassifiesWhatIsNoAnswer(t *testing.T) {
	plain := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) {})
	withTLS := serve(t, (*httptest.Server).StartTLS, func(http.ResponseWriter, *http.Request) {})
	oldTLS := serve(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		s.StartTLS()
	}, func(http.ResponseWriter, *http.Request) {})
	trusting := x509.NewCertPool()
	trusting.AddCert(withTLS.Certificate())
	closed := rawServer(t, func(net.Conn) {})
	refusing := closedPort(t)
	reset := rawServer(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.(*net.TCPConn).SetLinger(0) // close with RST
	})
	says := func(answer string) string {
		return rawServer(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
		})
	}
	noSuchName := resolveTo(netip.Addr{})
	noResolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(refusing, "http://"))
	}}
	_, tlsPort, _ := net.SplitHostPort(withTLS.Listener.Addr().String())

	tests := []struct {
		name    string
		base    string
		options Options
		class   Class
		detail  string
	}{
		{"refused", refusing, Options{}, ClassRefused, "refused"},
		{"reset", reset, Options{}, ClassReset, "ended before"},
		{"closed at once", closed, Options{}, ClassReset, "ended before"},
		{"half a header", says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"), Options{}, ClassReset, "ended before"},
		{"not HTTP", says("SSH-2.0-OpenSSH_9.7\r\n\r\n"), Options{}, ClassProtocol, "not acceptable HTTP"},
		{"headers over the limit", says("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"), Options{}, ClassProtocol, "not acceptable HTTP"},
		{"certificate of nobody we know", withTLS.URL, Options{}, ClassTLS, "unknown authority"},
		{"certificate for another name", "https://merchant.example:" + tlsPort, Options{RootCAs: trusting, Resolver: resolveTo(netip.MustParseAddr("127.0.0.1"))}, ClassTLS, "another name"},
		{"plain HTTP where TLS should be", strings.Replace(plain.URL, "http:", "https:", 1), Options{}, ClassTLS, "does not speak TLS"},
		{"TLS 1.1", oldTLS.URL, Options{}, ClassTLS, "does not speak TLS 1.2"},
		{"name that does not exist", "https://merchant.example", Options{Resolver: noSuchName}, ClassDNS, "no address"},
		{"resolver that is not there", "https://merchant.example", Options{Resolver: noResolver}, ClassOwnFault, "resolve names"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Policy = loopback
			result := send(t, newSender(t, tt.options), request(tt.base))
			if result.Class != tt.class || !strings.Contains(result.Detail, tt.detail) {
				t.Errorf("%s (%s), want %s (%s)", result.Class, result.Detail, tt.class, tt.detail)
			}
		})
	}
}

// closedPort is an address where nobody listens and nobody can begin to: the
// port is held as the near end of a connection.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = listener.Close() })
	return "http://" + conn.LocalAddr().String()
}

func TestSend_RefusesARequestThatCanNotBeRight(t *testing.T) {
	var hits atomic.Int32
	srv := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	tests := []struct {
		name   string
		change func(*Request)
	}{
		{"http without leave", func(r *Request) { r.AllowHTTP = false }},
		{"another scheme", func(r *Request) { r.URL = "ftp://merchant.example/" }},
		{"relative URL", func(r *Request) { r.URL = testPath }},
		{"unreadable URL", func(r *Request) { r.URL = "https://merchant.example/%zz" }},
		{"no host", func(r *Request) { r.URL = "https://:443/" }},
		{"password in the URL", func(r *Request) { r.URL = strings.Replace(r.URL, "//", "//user:pass@", 1) }},
		{"dot in the id", func(r *Request) { r.ID = "evt.1" }},
		{"header behind the id", func(r *Request) { r.ID = "evt\r\nx-forged: 1" }},
		{"header behind the content type", func(r *Request) { r.ContentType = "text/plain\r\nx-forged: 1" }},
		{"no secret", func(r *Request) { r.Secrets = nil }},
	}
	s := newSender(t, Options{Policy: loopback})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(srv.URL)
			tt.change(&r)
			if result := send(t, s, r); result.Class != ClassInvalidRequest {
				t.Errorf("%+v, want %s", result, ClassInvalidRequest)
			}
		})
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests were sent", hits.Load())
	}
}

func TestSend_LeavesOutAMalformedTrace(t *testing.T) {
	traces := make(chan []string, 1)
	srv := serve(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) { traces <- r.Header["Traceparent"] })
	s := newSender(t, Options{Policy: loopback})
	for _, trace := range []string{"", "00-short-1-01", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x\r\ny"} {
		r := request(srv.URL)
		r.Trace = trace
		if result := send(t, s, r); result.Class != ClassDelivered {
			t.Errorf("with trace %q: %+v", trace, result)
		}
		if got := <-traces; got != nil {
			t.Errorf("trace %q was sent as %q", trace, got)
		}
	}
}

func TestSend_SpeaksHTTP2WhereTheReceiverDoes(t *testing.T) {
	major := make(chan int, 2)
	srv := serve(t, func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }, func(_ http.ResponseWriter, r *http.Request) { major <- r.ProtoMajor })
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	s := newSender(t, Options{Policy: loopback, RootCAs: roots})
	for i, reused := range []bool{false, true} {
		result := send(t, s, request(srv.URL))
		if result.Class != ClassDelivered || result.Reused != reused {
			t.Errorf("attempt %d: %+v, want delivered, reused %v", i+1, result, reused)
		}
		if got := <-major; got != 2 {
			t.Errorf("attempt %d came by HTTP/%d", i+1, got)
		}
	}
}

func TestSend_ReusesAConnection_OnlyWhereTheAnswerEnded(t *testing.T) {
	tests := []struct {
		name   string
		size   int
		reused bool
	}{
		{"1 KiB", 1 << 10, true},
		{"16 KiB", 16 << 10, true},
		{"10 MiB", 10 << 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, (*httptest.Server).Start, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(tt.size))
				_, _ = io.WriteString(w, strings.Repeat("x", tt.size))
			})
			s := newSender(t, Options{Policy: loopback})
			first, second := send(t, s, request(srv.URL)), send(t, s, request(srv.URL))
			if first.Class != ClassDelivered || first.Excerpt != strings.Repeat("x", 1<<10) || first.Reused {
				t.Errorf("first attempt: %s, reused %v, excerpt of %d bytes", first.Class, first.Reused, len(first.Excerpt))
			}
			if second.Class != ClassDelivered || second.Reused != tt.reused {
				t.Errorf("second attempt: %s, reused %v, want %v", second.Class, second.Reused, tt.reused)
			}
		})
	}
}

// A receiver that closes idle connections without a word is common; the
// request that meets such a connection must not count as a failed attempt.
func TestSend_GoesToAnotherConnection_WhenAKeptOneWasClosed(t *testing.T) {
	var connections atomic.Int32
	base := rawServer(t, func(conn net.Conn) {
		connections.Add(1)
		request := make([]byte, 64<<10)
		_, _ = conn.Read(request)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") // and promise to stay
		_, _ = conn.Read(request)                                                   // take the next request and leave without an answer
	})
	s := newSender(t, Options{Policy: loopback})
	for i := range 3 {
		if result := send(t, s, request(base)); result.Class != ClassDelivered || result.Reused {
			t.Errorf("attempt %d: %+v, want delivered over a new connection", i+1, result)
		}
	}
	if connections.Load() != 3 {
		t.Errorf("%d connections, want 3", connections.Load())
	}
}

func TestNew_NamesEveryFault(t *testing.T) {
	_, err := New(Options{
		TimeLimit: -1, ConnectLimit: -1, TLSLimit: -1, HeaderLimit: -1, MaxAnswer: -1, Concurrency: -1, MaxConnections: -1, UserAgent: "a\nb",
		Policy: Policy{Allow: []netip.Prefix{{}}}, Proxy: Proxy{URL: "proxy"},
	})
	if err == nil {
		t.Fatal("New took every fault")
	}
	for _, fault := range []string{"the time limit", "connect limit", "TLS limit", "header limit", "answer limit", "concurrency", "number of connections", "user agent", "allowed range 1", "proxy"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%q is not in the error: %v", fault, err)
		}
	}
	if _, err := New(Options{TimeLimit: time.Second, ConnectLimit: 2 * time.Second}); err == nil {
		t.Error("New took a connect limit over the time limit")
	}
}
