package webhook

import (
	"context"
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

// answers is a receiver that takes a request and gives that answer, written out.
func answers(t *testing.T, text string) string {
	return rawServer(t, func(conn net.Conn) {
		afterRequest(func(conn net.Conn) { _, _ = io.WriteString(conn, text) })(conn)
	})
}

// bait is a listener that nobody may connect to.
func bait(t *testing.T) (base string, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	return rawServer(t, func(net.Conn) { connections.Add(1) }), connections
}

func TestAwkward_EveryAnswerCountsByItsStatusAlone(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	tests := []struct {
		name, answer string
		class        Class
		status       int
		reason       Reason
		wait         time.Duration
	}{
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", ClassDelivered, 204, "", 0},
		{"205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", ClassDelivered, 205, "", 0},
		{"206", "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok", ClassDelivered, 206, "", 0},
		{"304", "HTTP/1.1 304 Not Modified\r\n\r\n", ClassRedirect, 304, "", 0},
		{"410", "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", ClassGone, 410, "", 0},
		{"429 in seconds", "HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", ClassRateLimited, 429, "", 9 * time.Second},
		{"429 by date, on a clock that is years off", "HTTP/1.1 429 Slow\r\nDate: Sat, 21 Nov 2020 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2020 10:00:30 GMT\r\nContent-Length: 0\r\n\r\n", ClassRateLimited, 429, "", 30 * time.Second},
		{"503 in seconds", "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", ClassUnavailable, 503, "", 2 * time.Minute},
		{"503 by date", "HTTP/1.1 503 Busy\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2026 11:00:00 GMT\r\nContent-Length: 0\r\n\r\n", ClassUnavailable, 503, "", time.Hour},
		{"503 until a day long gone", "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n", ClassUnavailable, 503, "", 0},
		{"100 before the answer", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ClassDelivered, 200, "", 0},
		{"103 before the answer", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", ClassDelivered, 202, "", 0},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", ClassProtocol, 101, "", 0},
		{"10 MiB", "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n" + long, ClassDelivered, 200, ReasonTooLarge, 0},
		{"10 MiB of an error", "HTTP/1.1 500 Oops\r\nContent-Length: 10485760\r\n\r\n" + long, ClassServerError, 500, ReasonTooLarge, 0},
		{"10 MiB in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na00000\r\n" + long + "\r\n0\r\n\r\n", ClassDelivered, 200, ReasonTooLarge, 0},
		{"16 KiB", "HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + long[:16384], ClassDelivered, 200, "", 0},
		{"ended in the middle", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ClassDelivered, 200, ReasonBodyReset, 0},
		{"ended in the middle of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", ClassDelivered, 200, ReasonBodyReset, 0},
		{"a bomb in gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", ClassDelivered, 200, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := send(t, newSender(t, Options{Policy: loopback}), request(answers(t, tt.answer)))
			if result.Class != tt.class || result.Status != tt.status || result.Reason != tt.reason || result.RetryAfter != tt.wait || result.OurFault {
				t.Errorf("%s %d %q, wait %v; want %s %d %q, %v", result.Class, result.Status, result.Reason, result.RetryAfter, tt.class, tt.status, tt.reason, tt.wait)
			}
			if len(result.Excerpt) > maxExcerpt*4 {
				t.Errorf("an excerpt of %d bytes", len(result.Excerpt))
			}
		})
	}
}

// Others follow, and lose the body (302) or hand it and its signature to a
// stranger (307).
func TestAwkward_Redirect_IsFollowedNowhere(t *testing.T) {
	stranger, connections := bait(t)
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			base := answers(t, fmt.Sprintf("HTTP/1.1 %d Elsewhere\r\nLocation: %s/steal\r\nContent-Length: 0\r\n\r\n", status, stranger))
			r := request(base)
			r.Headers = []Header{{"X-Api-Key", secret.New("key-marker")}}
			if result := send(t, newSender(t, Options{Policy: loopback}), r); result.Class != ClassRedirect || result.Status != status {
				t.Errorf("%+v, want %s", result, ClassRedirect)
			}
		})
	}
	if connections.Load() != 0 {
		t.Errorf("%d connections to the other place", connections.Load())
	}
}

func TestAwkward_LoopbackTarget_IsNotDelivered(t *testing.T) {
	base, connections := bait(t)
	for _, r := range []Request{request(base), request(strings.Replace(base, "127.0.0.1", "localhost", 1))} {
		if result := send(t, newSender(t, Options{}), r); result.Class != ClassBlockedAddress || result.Reason != ReasonAddressBlocked {
			t.Errorf("%+v, want %s", result, ClassBlockedAddress)
		}
	}
	if connections.Load() != 0 {
		t.Errorf("%d connections", connections.Load())
	}
}

func TestAwkward_AnswersThatNeverEnd_EndAtTheLimit(t *testing.T) {
	tests := []struct {
		name   string
		answer func(net.Conn)
		class  Class
		reason Reason
		after  time.Duration
	}{
		{"header byte by byte", func(conn net.Conn) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 100)) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, ClassAnswerTimeout, ReasonHeaderTimeout, DefaultTimeLimit},
		{"headers without end, fast", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			drip(conn, "X-More: "+strings.Repeat("x", 1000)+"\r\n", 0)
		}, ClassProtocol, ReasonNotHTTP, 0},
		{"100 without end", func(conn net.Conn) { drip(conn, "HTTP/1.1 100 Continue\r\n\r\n", time.Second) }, ClassAnswerTimeout, ReasonHeaderTimeout, DefaultTimeLimit},
		{"body without end, fast", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			drip(conn, strings.Repeat("x", 1000), 0)
		}, ClassDelivered, ReasonTooLarge, 0},
		{"body byte by byte", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			drip(conn, "x", time.Second)
		}, ClassDelivered, ReasonBodyTimeout, DefaultTimeLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newSender(t, Options{DialContext: (&memory{handle: afterRequest(tt.answer)}).dial})
				start := time.Now()
				result := send(t, s, request("http://merchant.example"))
				if took := time.Since(start); result.Class != tt.class || result.Reason != tt.reason || took != tt.after {
					t.Errorf("%s, %s after %v; want %s, %s after %v", result.Class, result.Reason, took, tt.class, tt.reason, tt.after)
				}
				synctest.Wait()
			})
		})
	}
}

func TestAwkward_Resets_AreToldByWhereTheyCome(t *testing.T) {
	abort := func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) } // close with RST
	tests := []struct {
		name   string
		handle func(net.Conn)
		class  Class
		reason Reason
	}{
		{"before the request", abort, ClassReset, ReasonReset},
		{"behind the request", func(conn net.Conn) { afterRequest(abort)(conn) }, ClassReset, ReasonReset},
		{"in the header", func(conn net.Conn) {
			afterRequest(func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "); abort(conn) })(conn)
		}, ClassReset, ReasonReset},
		{"closed in the header", func(conn net.Conn) {
			afterRequest(func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ") })(conn)
		}, ClassReset, ReasonReset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := send(t, newSender(t, Options{Policy: loopback}), request(rawServer(t, tt.handle)))
			if result.Class != tt.class || result.Reason != tt.reason || result.OurFault {
				t.Errorf("%+v, want %s, %s", result, tt.class, tt.reason)
			}
		})
	}
}

// Others retry into a wall without a word why, or with words about their own
// machines. Every failure has a reason, and words that tell nothing of us.
func TestAwkward_EveryFailureSaysWhy_AndNothingOfOurNetwork(t *testing.T) {
	seen := map[string]Reason{}
	for _, reason := range Reasons() {
		switch reason {
		case ReasonTooLarge, ReasonBodyTimeout, ReasonBodyReset:
			continue // beside a status
		}
		end := reason.ended()
		if end.reason != reason || end.class == "" || end.detail == "" {
			t.Errorf("%s: %+v", reason, end)
		}
		if other, ok := seen[end.detail]; ok {
			t.Errorf("%s and %s have the same words", reason, other)
		}
		seen[end.detail] = reason
		for _, own := range []string{"127.", "10.", ":53", "proxy", "localhost", "lookup", "dial"} {
			if strings.Contains(end.detail, own) {
				t.Errorf("%s: %q shows in %q", reason, own, end.detail)
			}
		}
	}
}

// The resolver gives a public address to whoever checks the name, and a
// private one to whoever connects.
func TestAwkward_RebindingName_IsJudgedWhenConnecting(t *testing.T) {
	base, connections := bait(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int32)
	public, private := resolveTo(netip.MustParseAddr("93.184.215.14")), resolveTo(netip.MustParseAddr("127.0.0.1"))
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if asked.Add(1) <= 2 { // A and AAAA of the first look
			return public.Dial(ctx, network, address)
		}
		return private.Dial(ctx, network, address)
	}}
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "merchant.example.")
	if err != nil || len(first) != 1 || (Policy{}).Permit(netip.AddrPortFrom(first[0].Unmap(), 443)) != nil {
		t.Fatalf("the first look gave %v, %v", first, err)
	}
	asked.Store(2)
	s := newSender(t, Options{Resolver: resolver})
	for range 3 {
		if result := send(t, s, request("http://merchant.example:"+port)); result.Class != ClassBlockedAddress {
			t.Errorf("%+v, want %s", result, ClassBlockedAddress)
		}
	}
	if connections.Load() != 0 {
		t.Errorf("%d connections", connections.Load())
	}
}

// 410 and the like need no body to be read, but one that is there must not
// leave its connection unusable.
func TestAwkward_ErrorsKeepTheConnection(t *testing.T) {
	srv := serve(t, (*httptest.Server).Start, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, strings.Repeat("gone ", 1000))
	})
	s := newSender(t, Options{Policy: loopback})
	for i, reused := range []bool{false, true, true} {
		if result := send(t, s, request(srv.URL)); result.Class != ClassGone || result.Reused != reused {
			t.Errorf("attempt %d: %s, reused %v, want %v", i+1, result.Class, result.Reused, reused)
		}
	}
}
