package webhook

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"reconciler/internal/secret"
)

// What must never show in a Result or an error.
const (
	testSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	testPath    = "/hooks/path-token-51f0"
	testBody    = `{"type":"payment.succeeded","data":{"payment_id":"body-marker-77"}}`
	testEventID = "evt_0123456789abcdef01234567_2"
)

var loopback = Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}

func newSender(t testing.TB, o Options) *Sender {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// request is a good webhook to that base URL.
func request(base string) Request {
	return Request{
		URL: base + testPath, AllowHTTP: true, ID: testEventID, Body: []byte(testBody),
		Secrets: []secret.Text{secret.New(testSecret)},
	}
}

// send makes the attempt and checks what holds for each Result.
func send(t *testing.T, s *Sender, r Request) Result {
	t.Helper()
	return sendWith(t, t.Context(), s, r)
}

func sendWith(t *testing.T, ctx context.Context, s *Sender, r Request) Result {
	t.Helper()
	result := s.Send(ctx, r)
	assertClean(t, fmt.Sprintf("%+v", result))
	if (result.Status == 0) == (result.Detail == "") {
		t.Errorf("status %d with detail %q: an attempt has one or the other", result.Status, result.Detail)
	}
	return result
}

func assertClean(t *testing.T, text string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(testSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{
		testSecret, strings.TrimPrefix(testSecret, "whsec_"), string(key), fmt.Sprintf("%x", key),
		testPath, "path-token", "body-marker", "merchant.example", "user:pass",
	} {
		if strings.Contains(text, private) {
			t.Errorf("%q shows in %q", private, text)
		}
	}
}

// serve starts a server on loopback whose own complaints go nowhere.
func serve(t testing.TB, start func(*httptest.Server), handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	start(srv)
	t.Cleanup(srv.Close)
	return srv
}

// resolveTo is a resolver that knows every name, as a DNS server over an
// in-memory stream: each has that IPv4 address and no IPv6 one. An invalid
// address: no name exists.
func resolveTo(addr netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerDNS(server, addr)
		return client, nil
	}}
}

// answerDNS speaks DNS over TCP (RFC 1035 section 4.2.2) until the client leaves.
func answerDNS(conn net.Conn, addr netip.Addr) {
	defer func() { _ = conn.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		end := 12
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		question := query[12 : end+5]
		isA := binary.BigEndian.Uint16(question[len(question)-4:]) == 1

		reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
		switch {
		case !addr.IsValid():
			reply[3] |= 3 // no such name
		case isA:
			reply[7] = 1
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			reply = append(reply, addr.AsSlice()...)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// rawServer accepts connections on loopback and gives each to handle.
func rawServer(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}
