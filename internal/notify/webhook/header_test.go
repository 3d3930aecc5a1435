package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"reconciler/internal/secret"
)

func TestCheckHeaders_LeavesOnlyWhatCanDoNoHarm(t *testing.T) {
	tests := []struct {
		name, header, value string
		want                error
	}{
		{"authorization", "Authorization", "Bearer abc.def", nil},
		{"API key", "x-api-key", "k-1", nil},
		{"every printable character", "X-All", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ a", nil},
		{"longest value", "X-Long", strings.Repeat("v", 2048), nil},
		{"own id", "webhook-id", "x", ErrHeaderReserved},
		{"own signature in capitals", "WEBHOOK-SIGNATURE", "x", ErrHeaderReserved},
		{"replay mark", "Webhook-Replay", "true", ErrHeaderReserved},
		{"host", "Host", "other.example", ErrHeaderReserved},
		{"length", "content-length", "0", ErrHeaderReserved},
		{"transfer encoding", "Transfer-Encoding", "chunked", ErrHeaderReserved},
		{"connection", "connection", "close", ErrHeaderReserved},
		{"keep-alive", "Keep-Alive", "timeout=1", ErrHeaderReserved},
		{"TE", "TE", "trailers", ErrHeaderReserved},
		{"trailer", "Trailer", "X", ErrHeaderReserved},
		{"upgrade", "Upgrade", "h2c", ErrHeaderReserved},
		{"HTTP/2 settings", "HTTP2-Settings", "AAMAAABk", ErrHeaderReserved},
		{"expect", "Expect", "100-continue", ErrHeaderReserved},
		{"proxy authorization", "Proxy-Authorization", "Basic x", ErrHeaderReserved},
		{"proxy connection", "Proxy-Connection", "close", ErrHeaderReserved},
		{"cookie", "Cookie", "a=b", ErrHeaderReserved},
		{"content type", "Content-Type", "text/plain", ErrHeaderReserved},
		{"user agent", "User-Agent", "x", ErrHeaderReserved},
		{"encoding of the answer", "Accept-Encoding", "gzip", ErrHeaderReserved},
		{"condition", "If-None-Match", "*", ErrHeaderReserved},
		{"range", "Range", "bytes=0-1", ErrHeaderReserved},
		{"forwarding", "X-Forwarded-For", "127.0.0.1", ErrHeaderReserved},
		{"forwarding, standard", "Forwarded", "for=127.0.0.1", ErrHeaderReserved},
		{"method of choice", "X-HTTP-Method-Override", "DELETE", ErrHeaderReserved},
		{"key to Google's metadata", "Metadata-Flavor", "Google", ErrHeaderReserved},
		{"key to AWS' metadata", "X-aws-ec2-metadata-token-ttl-seconds", "21600", ErrHeaderReserved},
		{"trace", "Traceparent", "x", ErrHeaderReserved},
		{"idempotency key", "Idempotency-Key", "x", ErrHeaderReserved},
		{"no name", "", "x", ErrHeaderName},
		{"long name", strings.Repeat("n", 65), "x", ErrHeaderName},
		{"name with a line break", "X-A\r\nX-B", "x", ErrHeaderName},
		{"name with a colon", "X-A:", "x", ErrHeaderName},
		{"name with a space", "X A", "x", ErrHeaderName},
		{"underscore that reads as a hyphen", "webhook_id", "x", ErrHeaderName},
		{"pseudo header", ":authority", "x", ErrHeaderName},
		{"letters of another script", "X-Ключ", "x", ErrHeaderName},
		{"no value", "X-A", "", ErrHeaderValue},
		{"line break", "X-A", "a\r\nX-B: c", ErrHeaderValue},
		{"line feed alone", "X-A", "a\nb", ErrHeaderValue},
		{"zero", "X-A", "a\x00b", ErrHeaderValue},
		{"tab", "X-A", "a\tb", ErrHeaderValue},
		{"space at the end", "X-A", "a ", ErrHeaderValue},
		{"no ASCII", "X-A", "ключ", ErrHeaderValue},
		{"long value", "X-A", strings.Repeat("v", 2049), ErrHeaderValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Header{tt.header, secret.New(tt.value)}
			if got := CheckHeaders([]Header{h})[0]; !errors.Is(got, tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	var many []Header
	for i := range MaxHeaders + 1 {
		many = append(many, Header{fmt.Sprintf("X-%d", i), secret.New("v")})
	}
	if found := CheckHeaders(many); errors.Join(found[:MaxHeaders]...) != nil || !errors.Is(found[MaxHeaders], ErrHeaderCount) {
		t.Errorf("of %d headers: %v", len(many), found)
	}
	if found := CheckHeaders([]Header{{"X-A", secret.New("1")}, {"x-a", secret.New("2")}}); found[0] != nil || !errors.Is(found[1], ErrHeaderTwice) {
		t.Errorf("twice: %v", found)
	}
}

func TestSend_SendsTheEndpointsHeaders_AndTheReplayMark(t *testing.T) {
	got := make(chan http.Header, 1)
	srv := serve(t, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	s := newSender(t, Options{Policy: loopback})
	r := request(srv.URL)
	r.Headers = []Header{{"authorization", secret.New("Bearer token-marker")}, {"X-Tenant", secret.New("7")}}
	for _, replay := range []bool{false, true} {
		r.Replay = replay
		send(t, s, r)
		header := <-got
		want := map[string]string{"Authorization": "Bearer token-marker", "X-Tenant": "7", "Webhook-Id": testEventID, HeaderReplay: map[bool]string{true: "true"}[replay]}
		for name, value := range want {
			if header.Get(name) != value {
				t.Errorf("replay %v: header %s is %q, want %q", replay, name, header.Get(name), value)
			}
		}
	}
	if printed := fmt.Sprintf("%+v %#v", r, r); strings.Contains(printed, "token-marker") {
		t.Errorf("the header's value shows in %s", printed)
	}
	r.Headers = append(r.Headers, Header{"Webhook-Id", secret.New("forged")})
	if result := send(t, s, r); result.Class != ClassInvalidRequest || len(got) != 0 {
		t.Errorf("with a reserved header: %+v, want %s and no request", result, ClassInvalidRequest)
	}
}

func FuzzCheckHeaders(f *testing.F) {
	for _, seed := range [][2]string{{"X-A", "1"}, {"webhook-id", "x"}, {"X-A\r\n", "x"}, {"X-A", "a\r\nb: c"}, {"Transfer-encoding", "chunked"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		own := []Header{{name, secret.New(value)}}
		if CheckHeaders(own)[0] != nil {
			if addTo(http.Header{}, own) == nil {
				t.Error("a refused header is sent")
			}
			return
		}
		var wire strings.Builder
		header := http.Header{}
		if err := addTo(header, own); err != nil {
			t.Fatal(err)
		}
		if err := header.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if want := http.CanonicalHeaderKey(name) + ": " + value + "\r\n"; wire.String() != want {
			t.Errorf("on the wire %q, want %q", wire.String(), want)
		}
	})
}
