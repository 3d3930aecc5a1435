package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/notify/webhook/webhooktest"
	"reconciler/internal/secret"
)

func newPool(t testing.TB, s *Sender, o PoolOptions) *Pool {
	t.Helper()
	p, err := s.Pool(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// selfSigned is a certificate of its own authority, in PEM, valid until then.
func selfSigned(t *testing.T, name string, until time.Time) (certificate string, key secret.Text) {
	t.Helper()
	made := webhooktest.Make(t, name, until, name)
	return made.Chain, secret.New(made.Key)
}

func certificatesOf(t *testing.T, certificate string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(certificate)) {
		t.Fatal("no certificate")
	}
	return roots
}

func authorityOf(srv *httptest.Server) secret.Text {
	return secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
}

func client(certificate string, key secret.Text) ClientCertificate {
	return ClientCertificate{Chain: secret.New(certificate), Key: key}
}

// In TLS 1.2 the refusal comes within the handshake, in TLS 1.3 behind it: there
// the request may be on its way already, so a large one is a case of its own.
func TestPool_ShowsItsClientCertificate_ToReceiversThatAsk(t *testing.T) {
	certificate, key := selfSigned(t, "caller", time.Now().AddDate(1, 0, 0))
	stranger, strangerKey := selfSigned(t, "stranger", time.Now().AddDate(1, 0, 0))
	expired, expiredKey := selfSigned(t, "caller", time.Now().Add(-time.Hour))
	caller := make(chan string, 1)
	for name, receiver := range map[string]struct {
		version uint16
		http2   bool
	}{"TLS 1.2": {version: tls.VersionTLS12}, "TLS 1.3": {version: tls.VersionTLS13}, "TLS 1.3, HTTP/2": {tls.VersionTLS13, true}} {
		srv := serve(t, func(s *httptest.Server) {
			s.EnableHTTP2 = receiver.http2
			s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: certificatesOf(t, certificate+expired), MaxVersion: receiver.version}
			s.StartTLS()
		}, func(_ http.ResponseWriter, r *http.Request) { caller <- r.TLS.PeerCertificates[0].Subject.CommonName })
		s := newSender(t, Options{Policy: loopback})
		for _, tt := range []struct {
			name   string
			client ClientCertificate
			class  Class
			reason Reason
		}{
			{"its own", client(certificate, key), ClassDelivered, ""},
			{"none", ClientCertificate{}, ClassTLS, ReasonTLSClientCertificate},
			{"a stranger's", client(stranger, strangerKey), ClassTLS, ReasonTLSClientCertificate},
			{"one that has expired", client(expired, expiredKey), ClassTLS, ReasonTLSClientCertificate},
		} {
			for _, size := range []int{10, 512 << 10} {
				t.Run(fmt.Sprint(name, ", ", tt.name, ", ", size), func(t *testing.T) {
					r := request(srv.URL)
					r.Body = make([]byte, size)
					r.Pool = newPool(t, s, PoolOptions{Client: tt.client, CAs: authorityOf(srv)})
					result := send(t, s, r)
					if result.Class != tt.class || result.Reason != tt.reason || result.OurFault {
						t.Errorf("%+v, want %s, %s", result, tt.class, tt.reason)
					}
					if tt.class == ClassDelivered {
						if got := <-caller; got != "caller" {
							t.Errorf("the receiver saw %q", got)
						}
					}
				})
			}
		}
	}
}

func TestPool_TrustsItsOwnAuthority_AndNobodyElseDoes(t *testing.T) {
	srv := serve(t, (*httptest.Server).StartTLS, func(http.ResponseWriter, *http.Request) {})
	s := newSender(t, Options{Policy: loopback, RootCAs: x509.NewCertPool()})
	trusting, other := request(srv.URL), request(srv.URL)
	trusting.Pool = newPool(t, s, PoolOptions{CAs: authorityOf(srv)})
	other.Pool = newPool(t, s, PoolOptions{})
	if result := send(t, s, trusting); result.Class != ClassDelivered {
		t.Errorf("with its authority: %+v", result)
	}
	for name, r := range map[string]Request{"another pool": other, "no pool": request(srv.URL)} {
		if result := send(t, s, r); result.Reason != ReasonTLSUnknownAuthority {
			t.Errorf("%s: %+v, want %s", name, result, ReasonTLSUnknownAuthority)
		}
	}
}

func TestSend_RefusesACertificateThatHasExpired(t *testing.T) {
	certificate, key := selfSigned(t, "merchant.example", time.Now().Add(-time.Hour))
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	srv := serve(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
	}, func(http.ResponseWriter, *http.Request) {})
	s := newSender(t, Options{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}})
	r := request("https://merchant.example")
	r.Pool = newPool(t, s, PoolOptions{CAs: secret.New(certificate)})
	if result := send(t, s, r); result.Reason != ReasonTLSExpired {
		t.Errorf("%+v, want %s", result, ReasonTLSExpired)
	}
}

func TestPool_HasTimeLimitsOfItsOwn_EachWithItsReason(t *testing.T) {
	hang := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }
	swallow := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	never := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	tests := []struct {
		name   string
		dial   dialFunc
		scheme string
		pool   PoolOptions
		class  Class
		reason Reason
		after  time.Duration
	}{
		{"whole, connecting", never, "http", PoolOptions{TimeLimit: 3 * time.Second}, ClassConnectTimeout, ReasonConnectTimeout, 3 * time.Second},
		{"TLS", (&memory{handle: swallow}).dial, "https", PoolOptions{TLSLimit: 2 * time.Second}, ClassConnectTimeout, ReasonTLSTimeout, 2 * time.Second},
		{"whole, in TLS", (&memory{handle: swallow}).dial, "https", PoolOptions{TimeLimit: time.Second}, ClassConnectTimeout, ReasonTLSTimeout, time.Second},
		{"request", (&memory{handle: func(net.Conn) { time.Sleep(20 * time.Second) }}).dial, "http", PoolOptions{TimeLimit: 4 * time.Second, HeaderLimit: time.Second}, ClassAnswerTimeout, ReasonRequestTimeout, 4 * time.Second},
		{"header", (&memory{handle: afterRequest(hang)}).dial, "http", PoolOptions{HeaderLimit: 6 * time.Second}, ClassAnswerTimeout, ReasonHeaderTimeout, 6 * time.Second},
		{"header, dripped", (&memory{handle: afterRequest(func(conn net.Conn) { drip(conn, "H", time.Second) })}).dial, "http", PoolOptions{HeaderLimit: 6 * time.Second}, ClassAnswerTimeout, ReasonHeaderTimeout, 6 * time.Second},
		{"whole, waiting", (&memory{handle: afterRequest(hang)}).dial, "http", PoolOptions{TimeLimit: 30 * time.Second}, ClassAnswerTimeout, ReasonHeaderTimeout, 30 * time.Second},
		{"body", (&memory{handle: afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			drip(conn, "x", time.Second)
		})}).dial, "http", PoolOptions{TimeLimit: 5 * time.Second}, ClassDelivered, ReasonBodyTimeout, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newSender(t, Options{DialContext: tt.dial})
				r := request(tt.scheme + "://merchant.example")
				r.Pool = newPool(t, s, tt.pool)
				if tt.reason == ReasonRequestTimeout {
					r.Body = make([]byte, 64<<10) // more than the transport buffers
				}
				start := time.Now()
				result := send(t, s, r)
				if took := time.Since(start); result.Class != tt.class || result.Reason != tt.reason || took != tt.after {
					t.Errorf("%s, %s after %v; want %s, %s after %v", result.Class, result.Reason, took, tt.class, tt.reason, tt.after)
				}
			})
		})
	}
}

func TestPool_InheritsTheSendersLimits_CutToItsOwn(t *testing.T) {
	s := newSender(t, Options{TimeLimit: 20 * time.Second, ConnectLimit: 8 * time.Second, HeaderLimit: 10 * time.Second, Concurrency: 7})
	merged := PoolOptions{TimeLimit: 6 * time.Second, TLSLimit: 2 * time.Second}.over(s.options)
	if merged.ConnectLimit != 6*time.Second || merged.TLSLimit != 2*time.Second || merged.HeaderLimit != 6*time.Second || merged.Concurrency != 7 {
		t.Errorf("connect %v, TLS %v, header %v, concurrency %d", merged.ConnectLimit, merged.TLSLimit, merged.HeaderLimit, merged.Concurrency)
	}
	pool := newPool(t, s, PoolOptions{Concurrency: 3})
	if tr := pool.transport; tr.MaxIdleConnsPerHost != 3 || tr.ResponseHeaderTimeout != 10*time.Second || tr.TLSClientConfig.MinVersion != tls.VersionTLS12 || tr.TLSClientConfig.InsecureSkipVerify {
		t.Errorf("idle %d, header %v, TLS %x", tr.MaxIdleConnsPerHost, tr.ResponseHeaderTimeout, tr.TLSClientConfig.MinVersion)
	}
}

func TestSender_NamesEveryFaultOfAPool(t *testing.T) {
	certificate, _ := selfSigned(t, "caller", time.Now().AddDate(1, 0, 0))
	_, key := selfSigned(t, "stranger", time.Now().AddDate(1, 0, 0))
	s := newSender(t, Options{RootCAs: x509.NewCertPool()})
	_, err := s.Pool(PoolOptions{
		Concurrency: -1, TLSLimit: time.Hour, HeaderLimit: -1, CAs: secret.New("none"), Client: client(certificate, key), Proxy: &Proxy{URL: "socks5://x:1"},
	})
	for _, want := range []error{ErrCAs, ErrKeyOther, ErrProxy} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not in %v", want, err)
		}
	}
	for _, part := range []string{"concurrency", "TLS limit", "header limit"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
	if _, err := s.Pool(PoolOptions{Client: client("", key)}); !errors.Is(err, ErrChainAlone) {
		t.Errorf("a key alone: %v", err)
	}
	whole := PoolOptions{Client: client(certificate, key), CAs: secret.New(certificate)}
	if printed := fmt.Sprintf("%+v %#v", whole, whole); strings.Contains(printed, "BEGIN") {
		t.Error("PEM shows in the options")
	}
}

func TestSender_CountsConnections_AndSparesIdleOnesOverTheLimit(t *testing.T) {
	srv := serve(t, (*httptest.Server).Start, func(http.ResponseWriter, *http.Request) {})
	s := newSender(t, Options{Policy: loopback, MaxConnections: 2})
	for i, want := range []int{1, 2, 2, 2} { // from the third on each is closed after its attempt
		r := request(srv.URL)
		r.Pool = newPool(t, s, PoolOptions{})
		send(t, s, r)
		if got := s.Connections(); got != want {
			t.Errorf("%d connections after %d pools, want %d", got, i+1, want)
		}
	}
	dial := s.counted(func(context.Context, string, string) (net.Conn, error) { near, _ := net.Pipe(); return near, nil })
	conn, err := dial(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Close(), conn.Close()
	if got := s.Connections(); got != 2 {
		t.Errorf("%d connections after one was closed twice, want 2", got)
	}
}

// Two endpoints at one host, which is what merchants on one shop system are.
func TestPool_SharesNoConnection_EvenAtTheSameHost(t *testing.T) {
	var connections atomic.Int32
	entered, release := make(chan struct{}), make(chan struct{})
	srv := serve(t, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.StartTLS()
	}, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hanging" {
			entered <- struct{}{}
			<-release
		}
	})
	defer close(release)
	s := newSender(t, Options{Policy: loopback})
	hanging, quick := request(srv.URL), request(srv.URL)
	hanging.URL = srv.URL + "/hanging"
	hanging.Pool = newPool(t, s, PoolOptions{CAs: authorityOf(srv)})
	quick.Pool = newPool(t, s, PoolOptions{CAs: authorityOf(srv)})
	for range 20 {
		go s.Send(t.Context(), hanging)
		<-entered
	}
	before := connections.Load()
	for range 3 {
		if result := send(t, s, quick); result.Class != ClassDelivered {
			t.Errorf("%+v", result)
		}
	}
	if got := connections.Load() - before; got != 1 {
		t.Errorf("%d connections for the other endpoint, want 1 of its own", got)
	}
}

// 100 endpoints, one of which hangs and one of which resets every connection,
// each with as many attempts as it may have.
func TestAwkward_HangingAndResettingEndpoints_CostTheOthersNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		quick := afterRequest(func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		})
		network := map[string]*memory{
			"endpoint-0.example:80": {handle: afterRequest(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })},
			"endpoint-1.example:80": {handle: func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }},
		}
		s := newSender(t, Options{DialContext: func(ctx context.Context, n, address string) (net.Conn, error) {
			if m, ok := network[address]; ok {
				return m.dial(ctx, n, address)
			}
			return (&memory{handle: quick}).dial(ctx, n, address)
		}})
		results := make(chan Result, 2000)
		for i := range 100 {
			r := request(fmt.Sprintf("http://endpoint-%d.example", i))
			r.Pool = newPool(t, s, PoolOptions{Concurrency: 16})
			for range 16 {
				go func() { results <- s.Send(t.Context(), r) }()
			}
		}
		synctest.Wait()
		count := map[Reason]int{}
		for range len(results) {
			result := <-results
			count[result.Reason]++
			if result.Latency != 0 {
				t.Errorf("%+v: it waited for somebody else", result)
			}
		}
		if count[""] != 98*16 || count[ReasonReset] != 16 || len(count) != 2 {
			t.Errorf("at once: %v, want %d delivered and 16 reset", count, 98*16)
		}
		time.Sleep(DefaultTimeLimit)
		synctest.Wait()
		for range 16 {
			if result := <-results; result.Reason != ReasonHeaderTimeout {
				t.Errorf("%+v, want %s", result, ReasonHeaderTimeout)
			}
		}
	})
}
