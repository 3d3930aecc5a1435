package providers

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// transport is a function as a RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func get(t *testing.T, ctx context.Context, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hunter2")
	return req
}

func ownTransport(t *testing.T) *http.Transport {
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	return own
}

func TestCall_GivesEveryHTTPStatusAsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Known", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	}))
	defer server.Close()
	answer, err := Call(NewClient(ownTransport(t)), get(t, context.Background(), server.URL), "ask")
	if err != nil || answer.Status != http.StatusTeapot || answer.Header.Get("X-Known") != "yes" || string(answer.Body) != "short and stout" {
		t.Errorf("answer %+v, error %v", answer, err)
	}
}

func TestAnswer_PrintsItsStatusAndNothingElse(t *testing.T) {
	answer := Answer{Status: 503, Header: http.Header{"Set-Cookie": {"hunter2"}}, Body: []byte("hunter2")}
	if text := fmt.Sprintf("%v %+v %s", answer, answer, answer); text != "HTTP 503 HTTP 503 HTTP 503" {
		t.Errorf("printed %q", text)
	}
}

func TestCall_FollowsNoRedirectAndKeepsNoCookie(t *testing.T) {
	visits := make(chan string, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits <- r.URL.Path + r.Header.Get("Cookie")
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	client := NewClient(ownTransport(t))
	for range 2 {
		answer, err := Call(client, get(t, context.Background(), server.URL+"/here"), "ask")
		if err != nil || answer.Status != http.StatusTemporaryRedirect {
			t.Fatalf("answer %+v, error %v", answer, err)
		}
		if visit := <-visits; visit != "/here" {
			t.Errorf("asked %q, want /here without a cookie", visit)
		}
	}
}

func TestCall_StopsAtTheSizeLimit(t *testing.T) {
	for size, wanted := range map[int]error{maxAnswer: nil, maxAnswer + 1: TooLarge} {
		client := NewClient(transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size)))}, nil
		}))
		answer, err := Call(client, get(t, context.Background(), "https://api.example.com"), "ask")
		if !errors.Is(err, wanted) || (wanted == nil && len(answer.Body) != size) {
			t.Errorf("%d bytes: %d read, error %v, want %v", size, len(answer.Body), err, wanted)
		}
	}
}

func TestCall_SaysWhatWentWrong_WithoutAddressOrCredential(t *testing.T) {
	rows := []struct {
		name  string
		cause error
		want  string
	}{
		{"canceled", context.Canceled, "canceled"},
		{"time limit", context.DeadlineExceeded, "time limit reached"},
		{"name", &net.DNSError{Name: "secret.example", Err: "no such host"}, "does not resolve"},
		{"slow name server", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "secret.example", IsTimeout: true}}, "time limit reached"},
		{"certificate", x509.UnknownAuthorityError{}, "TLS"},
		{"refused", errors.New("dial tcp 10.1.2.3:443: connect: connection refused"), "connection refused"},
		{"reset", errors.New("read tcp 10.1.2.3:443: connection reset by peer"), "closed by the other side"},
		{"closed", io.EOF, "closed by the other side"},
		{"closed early", io.ErrUnexpectedEOF, "closed by the other side"},
		{"other", errors.New("https://secret.example/?key=hunter2 exploded"), "network error"},
	}
	for _, row := range rows {
		broken := map[string]transport{
			"asking": func(*http.Request) (*http.Response, error) { return nil, row.cause },
			"reading": func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: io.NopCloser(failing{row.cause})}, nil
			},
		}
		for when, rt := range broken {
			if row.cause == io.EOF && when == "reading" {
				continue // the end of a body is no fault
			}
			t.Run(row.name+" while "+when, func(t *testing.T) {
				_, err := Call(NewClient(rt), get(t, context.Background(), "https://secret.example/?key=hunter2"), "ask")
				if !errors.Is(err, Unavailable) || !strings.Contains(err.Error(), row.want) {
					t.Errorf("error %v, want unavailable: %s", err, row.want)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					for _, hidden := range []string{"secret.example", "hunter2", "10.1.2.3"} {
						if strings.Contains(e.Error(), hidden) {
							t.Errorf("%q shows in %q", hidden, e)
						}
					}
				}
			})
		}
	}
}

// failing is a body that breaks.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestCall_RefusesAnUntrustedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, err := Call(NewClient(ownTransport(t)), get(t, context.Background(), server.URL), "ask")
	if !errors.Is(err, Unavailable) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("error %v, want unavailable by TLS", err)
	}
}

func TestCall_Returns_WhenItsContextEnds(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(ended)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := Call(NewClient(ownTransport(t)), get(t, ctx, server.URL), "ask")
	if !errors.Is(err, Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want unavailable with the cause canceled", err)
	}
	<-ended
}

func TestInterrupted_KeepsItsCause(t *testing.T) {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if err := Interrupted("wait", cause); !errors.Is(err, Unavailable) || !errors.Is(err, cause) {
			t.Errorf("error %v, want unavailable with the cause %v", err, cause)
		}
	}
}

func TestByHTTPStatus_ReadsWhatIsNoAnswerOfTheProvider(t *testing.T) {
	rows := []struct {
		status  int
		kind    Kind
		setting string
		after   time.Duration
	}{
		{200, 0, "", 0}, {204, 0, "", 0}, {400, 0, "", 0}, {404, 0, "", 0}, {405, 0, "", 0}, {415, 0, "", 0}, {422, 0, "", 0},
		{301, Misconfigured, "base_url", 0}, {307, Misconfigured, "base_url", 0}, {401, Misconfigured, "login", 0}, {403, Misconfigured, "login", 0},
		{408, Throttled, "", 5 * time.Second}, {425, Throttled, "", 5 * time.Second}, {429, Throttled, "", 5 * time.Second},
		{500, Unavailable, "", 5 * time.Second}, {503, Unavailable, "", 5 * time.Second}, {599, Unavailable, "", 5 * time.Second},
	}
	for _, row := range rows {
		err := ByHTTPStatus(Answer{Status: row.status, Header: http.Header{"Retry-After": {"5"}}}, "ask", "login")
		if row.kind == 0 {
			if err != nil {
				t.Errorf("HTTP %d: %v, want nothing", row.status, err)
			}
			continue
		}
		if err == nil || err.Kind != row.kind || err.Setting != row.setting || err.RetryAfter != row.after {
			t.Errorf("HTTP %d: %+v, want %s, setting %q, after %s", row.status, err, row.kind, row.setting, row.after)
		}
	}
}

func TestRetryAfter_ReadsSecondsAndDates(t *testing.T) {
	now := time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC)
	rows := []struct {
		value string
		want  time.Duration
	}{
		{"120", 2 * time.Minute}, {" 7 ", 7 * time.Second}, {"0", 0}, {"-5", 0}, {"soon", 0}, {"", 0}, {"1.5", 0}, {"99999999999", 0},
		{"Tue, 03 Feb 2026 10:00:30 GMT", 30 * time.Second}, {"Tue, 03 Feb 2026 09:59:00 GMT", 0}, {"Tue, 03 Feb 2026 10:00:00 GMT", 0},
	}
	for _, row := range rows {
		if got := RetryAfter(http.Header{"Retry-After": {row.value}}, now); got != row.want {
			t.Errorf("Retry-After %q: %s, want %s", row.value, got, row.want)
		}
	}
	if got := RetryAfter(http.Header{}, now); got != 0 {
		t.Errorf("no header: %s, want 0", got)
	}
}
