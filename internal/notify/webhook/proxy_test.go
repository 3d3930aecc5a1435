package webhook

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/secret"
)

// forwardProxy answers each CONNECT with that text; with none it makes the
// tunnel to target, whatever name was asked for.
type forwardProxy struct {
	answer string
	target string
	asked  atomic.Pointer[http.Request]
	count  atomic.Int32
}

func (p *forwardProxy) serve(conn net.Conn) {
	reader := bufio.NewReader(conn)
	r, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	p.asked.Store(r)
	p.count.Add(1)
	if p.answer != "" {
		_, _ = io.WriteString(conn, p.answer)
		return
	}
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(far, reader); _ = far.Close() }()
	_, _ = io.Copy(conn, far)
	_ = far.Close()
}

// viaProxy starts the proxy and gives options that use it. Its address and
// name are what no Result may show.
func viaProxy(t *testing.T, p *forwardProxy) Options {
	t.Helper()
	base := rawServer(t, func(conn net.Conn) { p.serve(conn) })
	return Options{Proxy: Proxy{URL: base, User: "proxy-user", Password: secret.New("proxy-pass")}}
}

func assertNoTopology(t *testing.T, result Result, proxy string) {
	t.Helper()
	host := strings.TrimPrefix(strings.TrimPrefix(proxy, "http://"), "https://")
	for _, own := range []string{host, "127.0.0.1", "proxy", "Proxy"} {
		shown := strings.ReplaceAll(fmt.Sprintf("%+v", result), string(result.Reason), "")
		if strings.Contains(shown, own) {
			t.Errorf("%q shows in %s", own, shown)
		}
	}
}

func TestSend_GoesThroughTheProxy_AndShowsNothingOfIt(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			verified := make(chan error, 1)
			start := map[string]func(*httptest.Server){"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS}[scheme]
			srv := serve(t, start, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				err := verifier(t, secret.New(testSecret)).Verify(body, r.Header)
				if err == nil && (r.Host != "example.com" || r.Header.Get("Proxy-Authorization") != "") {
					err = fmt.Errorf("host %s, headers %v", r.Host, r.Header)
				}
				verified <- err
			})
			p := &forwardProxy{target: srv.Listener.Addr().String()}
			o := viaProxy(t, p)
			if scheme == "https" {
				o.RootCAs = x509.NewCertPool()
				o.RootCAs.AddCert(srv.Certificate()) // for example.com
			}
			result := send(t, newSender(t, o), request(scheme+"://example.com"))
			if result.Class != ClassDelivered || result.Remote != "" || result.OurFault {
				t.Errorf("%+v, want delivered without an address", result)
			}
			if err := <-verified; err != nil {
				t.Error(err)
			}
			asked := p.asked.Load()
			port := map[string]string{"http": "80", "https": "443"}[scheme]
			if asked.Method != "CONNECT" || asked.Host != "example.com:"+port || asked.Header.Get("Proxy-Authorization") != "Basic cHJveHktdXNlcjpwcm94eS1wYXNz" {
				t.Errorf("the proxy was asked for %s %s with %v", asked.Method, asked.Host, asked.Header)
			}
			assertNoTopology(t, result, o.Proxy.URL)
		})
	}
}

func TestSend_TellsTheProxysFaultsFromTheReceivers(t *testing.T) {
	says := func(status, header string) string { return "HTTP/1.1 " + status + "\r\n" + header + "\r\n" }
	tests := []struct {
		name, answer string
		class        Class
		reason       Reason
		ours         bool
	}{
		{"wrong password", says("407 Proxy Authentication Required", ""), ClassOwnFault, ReasonProxyAuth, true},
		{"overloaded", says("503 Service Unavailable", ""), ClassOwnFault, ReasonProxyFailed, true},
		{"broken", says("500 Internal Server Error", ""), ClassOwnFault, ReasonProxyFailed, true},
		{"throttling us", says("429 Too Many Requests", "Retry-After: 9\r\n"), ClassOwnFault, ReasonProxyFailed, true},
		{"no CONNECT there", says("405 Method Not Allowed", ""), ClassOwnFault, ReasonProxyFailed, true},
		{"redirecting", says("302 Found", "Location: http://login.example/\r\n"), ClassOwnFault, ReasonProxyFailed, true},
		{"not HTTP", "SSH-2.0-OpenSSH_9.7\r\n\r\n", ClassOwnFault, ReasonProxyFailed, true},
		{"speaking for the receiver", says("200 OK", "") + "HTTP/1.1 200 OK\r\n\r\n", ClassOwnFault, ReasonProxyFailed, true},
		{"full", says("502 Bad Gateway", "Proxy-Status: p.internal; error=connection_limit_reached\r\n"), ClassOwnFault, ReasonProxyFailed, true},

		{"receiver away", says("502 Bad Gateway", ""), ClassUnreachable, ReasonUnreachable, false},
		{"receiver silent", says("504 Gateway Timeout", ""), ClassConnectTimeout, ReasonConnectTimeout, false},
		{"rule", says("403 Forbidden", ""), ClassBlockedAddress, ReasonAddressBlocked, false},
		{"rule of smokescreen", says("407 Proxy Authentication Required", "X-Smokescreen-Error: host 10.0.0.1 denied\r\n"), ClassBlockedAddress, ReasonAddressBlocked, false},
		{"name, by squid", says("503 Service Unavailable", "X-Squid-Error: ERR_DNS_FAIL 0\r\n"), ClassDNS, ReasonDNSFailed, false},
		{"connection, by squid", says("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n"), ClassUnreachable, ReasonUnreachable, false},
		{"refused, by RFC 9209", says("503 Service Unavailable", "Proxy-Status: p.internal; error=connection_refused; next-hop=10.0.0.1\r\n"), ClassRefused, ReasonRefused, false},
		{"name, by RFC 9209", says("502 Bad Gateway", "Proxy-Status: a; error=http_protocol_error, b; error=dns_timeout\r\n"), ClassDNS, ReasonDNSTimeout, false},
		{"private, by RFC 9209", says("502 Bad Gateway", "Proxy-Status: p; error=destination_ip_prohibited\r\n"), ClassBlockedAddress, ReasonAddressBlocked, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := viaProxy(t, &forwardProxy{answer: tt.answer})
			result := send(t, newSender(t, o), request("https://merchant.example"))
			if result.Class != tt.class || result.Reason != tt.reason || result.OurFault != tt.ours || result.Remote != "" {
				t.Errorf("%+v, want %s, %s, ours %v", result, tt.class, tt.reason, tt.ours)
			}
			assertNoTopology(t, result, o.Proxy.URL)
		})
	}
	down := Options{Proxy: Proxy{URL: closedPort(t)}}
	if result := send(t, newSender(t, down), request("https://merchant.example")); result.Reason != ReasonProxyUnreachable || !result.OurFault {
		t.Errorf("proxy down: %+v, want %s", result, ReasonProxyUnreachable)
	}
	noName := Options{Proxy: Proxy{URL: "http://proxy.internal:3128"}, Resolver: resolveTo(netip.Addr{})}
	if result := send(t, newSender(t, noName), request("https://merchant.example")); result.Reason != ReasonProxyUnreachable || !result.OurFault {
		t.Errorf("proxy without an address: %+v, want %s", result, ReasonProxyUnreachable)
	}
}

func TestSend_TellsBeforeAndBehindTheProxy_WhenTheTimeEnds(t *testing.T) {
	tests := []struct {
		name   string
		dial   dialFunc
		reason Reason
	}{
		{"no way to the proxy", func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }, ReasonProxyUnreachable},
		{"no word from the proxy", (&memory{handle: func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }}).dial, ReasonConnectTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newSender(t, Options{DialContext: tt.dial, Proxy: Proxy{URL: "http://proxy.internal:3128"}})
				start := time.Now()
				result := send(t, s, request("https://merchant.example"))
				if result.Reason != tt.reason || time.Since(start) != DefaultConnectLimit || result.OurFault != (tt.reason == ReasonProxyUnreachable) {
					t.Errorf("%+v after %v, want %s after %v", result, time.Since(start), tt.reason, DefaultConnectLimit)
				}
				synctest.Wait()
			})
		})
	}
}

func TestSend_AsksTheProxyForNoAddressThatIsClosed(t *testing.T) {
	p := &forwardProxy{answer: "HTTP/1.1 502 Bad Gateway\r\n\r\n"}
	o := viaProxy(t, p)
	o.Policy.Ports = []uint16{80, 443}
	s := newSender(t, o)
	for _, host := range []string{
		"127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "[fe80::1%25eth0]", "[64:ff9b::7f00:1]", "localhost", "LOCALHOST.", "a.localhost",
		"2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0x7f000001", "127.0.0.1.", "merchant.example:22",
	} {
		if result := send(t, s, request("http://"+host)); result.Class != ClassBlockedAddress {
			t.Errorf("%s: %+v, want %s", host, result, ClassBlockedAddress)
		}
	}
	if p.count.Load() != 0 {
		t.Errorf("the proxy was asked %d times", p.count.Load())
	}
	for _, host := range []string{"merchant.example", "1.1.1.1", "7.example", "x0x7f.example"} {
		if result := send(t, s, request("https://"+host)); result.Class != ClassUnreachable {
			t.Errorf("%s: %+v, want the proxy's answer", host, result)
		}
	}
}

func TestProxy_RefusesWhatIsNoProxy(t *testing.T) {
	for _, url := range []string{"proxy:3128", "socks5://p:1080", "http://proxy", "http://u:p@proxy:3128", "http://proxy:3128/path", "http://proxy:3128?x=1", "http://:3128", "http://%zz"} {
		if err := (Proxy{URL: url}).Check(); err == nil || strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if (Proxy{URL: "http://p:1", User: "a:b"}).Check() == nil || (Proxy{URL: "http://p:1", User: "a\r\nb"}).Check() == nil {
		t.Error("a user that does not survive Basic authentication is taken")
	}
	for _, url := range []string{"", "http://proxy.internal:3128", "https://10.0.0.1:3128/", "http://[::1]:3128"} {
		if err := (Proxy{URL: url}).Check(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzProxyStatus(f *testing.F) {
	for _, seed := range []string{"", "p; error=dns_error", "a; error=x, b; error=", "error==", `p; details="error=connection_refused"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if found := proxyStatus([]string{value}); strings.Trim(found, "abcdefghijklmnopqrstuvwxyz_") != "" || !strings.Contains(value, found) {
			t.Errorf("%q of %q", found, value)
		}
	})
}
