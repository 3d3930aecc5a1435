package providers

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// way is one in which adapters ask.
type way struct {
	method, body string
}

// ways are all of them; the transport repeats each in other cases.
func ways() map[string]way {
	return map[string]way{
		"GET": {method: http.MethodGet}, "GET with a body": {http.MethodGet, "{}"}, "POST": {http.MethodPost, "{}"},
	}
}

// call asks under a number.
func (w way) call(ctx context.Context, client *http.Client, address, number string) error {
	var body io.Reader
	if w.body != "" {
		body = strings.NewReader(w.body)
	}
	req, err := http.NewRequestWithContext(ctx, w.method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Number", number)
	_, err = Call(client, req, "ask")
	return err
}

// server answers requests, counts them, and breaks connections.
type server struct {
	mu sync.Mutex // protects what follows
	// every is the request whose connection breaks: each fifth; 0: none.
	every   int
	arrived int
	// requests counts the arrivals by the header Number.
	requests map[string]int
	// together is how many requests have to be there before one is answered.
	together *sync.WaitGroup
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.Header.Get("Number")]++
	s.arrived++
	breaks := s.every > 0 && s.arrived%s.every == 0
	together := s.together
	s.mu.Unlock()
	switch {
	case breaks:
		hangUp(w)
	case together != nil:
		together.Done()
		together.Wait()
	}
}

// set changes how the next requests are served.
func (s *server) set(every int, together *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every, s.together = every, together
}

// arrivals gives how often each request arrived.
func (s *server) arrivals() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// hangUp ends a connection without an answer.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// TestCall_SendsARequestOnce_WhenAKeptConnectionBreaksBeforeTheAnswer also
// breaks one where others are idle: the transport likes an idle one better than
// a context that has ended.
func TestCall_SendsARequestOnce_WhenAKeptConnectionBreaksBeforeTheAnswer(t *testing.T) {
	for scheme, start := range map[string]func(*httptest.Server){"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS} {
		s := &server{requests: map[string]int{}}
		listener := httptest.NewUnstartedServer(s)
		listener.Config.ErrorLog = log.New(io.Discard, "", 0)
		start(listener)
		defer listener.Close()
		for name, w := range ways() {
			for _, kept := range []int{1, 2, 8} {
				t.Run(scheme+" "+name+" with "+strconv.Itoa(kept)+" kept", func(t *testing.T) {
					for range 10 {
						s.breakOne(t, listener, w, kept)
					}
				})
			}
		}
	}
}

// breakOne keeps some connections and breaks one of them under a request.
func (s *server) breakOne(t *testing.T, listener *httptest.Server, w way, kept int) {
	t.Helper()
	own := listener.Client().Transport.(*http.Transport).Clone()
	own.MaxIdleConnsPerHost = kept
	defer own.CloseIdleConnections()
	client := NewClient(own)
	var together sync.WaitGroup
	together.Add(kept)
	s.set(0, &together)
	var all sync.WaitGroup
	for range kept {
		all.Go(func() {
			if err := w.call(t.Context(), client, listener.URL, "kept"); err != nil {
				t.Errorf("a call that nothing broke fails: %v", err)
			}
		})
	}
	all.Wait()
	s.set(1, nil)
	before := s.arrivals()["broken"]
	err := w.call(t.Context(), client, listener.URL, "broken")
	if !errors.Is(err, Unavailable) || errors.Is(err, context.Canceled) {
		t.Errorf("the broken call gives %v, want unavailable", err)
	}
	if n := s.arrivals()["broken"] - before; n != 1 {
		t.Errorf("one call made %d requests", n)
	}
}

// TestCall_SendsARequestOnce_FromManyAtOnce is for the race detector, too: the
// transport tells of what it wrote and of its next try from two goroutines.
func TestCall_SendsARequestOnce_FromManyAtOnce(t *testing.T) {
	s := &server{requests: map[string]int{}, every: 5}
	listener := httptest.NewServer(s)
	defer listener.Close()
	client := NewClient(ownTransport(t))
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for n := range 30 {
				for name, w := range ways() {
					number := name + strconv.Itoa(caller*1000+n)
					if err := w.call(t.Context(), client, listener.URL, number); err != nil && !errors.Is(err, Unavailable) {
						t.Errorf("%v, want unavailable or nothing", err)
					}
				}
			}
		})
	}
	all.Wait()
	for number, n := range s.arrivals() {
		if n != 1 {
			t.Errorf("call %s made %d requests", number, n)
		}
	}
}

// TestCall_SendsARequestOnce_WhenHTTP2RefusesIt: of a stream that is refused the
// transport thinks that it may be opened again, up to seven times.
func TestCall_SendsARequestOnce_WhenHTTP2RefusesIt(t *testing.T) {
	const rstStream, goAway, refusedStream = 3, 7, 7
	refusals := map[string]func(stream uint32) []byte{
		"by a reset": func(stream uint32) []byte {
			return frame(rstStream, stream, binary.BigEndian.AppendUint32(nil, refusedStream))
		},
		"by the connection's end": func(uint32) []byte { return frame(goAway, 0, make([]byte, 8)) },
	}
	for name, refusal := range refusals {
		for asked, w := range ways() {
			t.Run(asked+" "+name, func(t *testing.T) {
				var streams atomic.Int64
				listener := httptest.NewUnstartedServer(nil)
				listener.EnableHTTP2 = true
				listener.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
					"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { refuseStreams(conn, &streams, refusal) },
				}
				listener.StartTLS()
				defer listener.Close()
				own := listener.Client().Transport.(*http.Transport)
				defer own.CloseIdleConnections()
				// A bound, or the transport's own tries would last for minutes.
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if err := w.call(ctx, NewClient(own), listener.URL, ""); !errors.Is(err, Unavailable) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("the refused call gives %v, want unavailable", err)
				}
				if n := streams.Load(); n != 1 {
					t.Errorf("one call opened %d streams", n)
				}
			})
		}
	}
}

// refuseStreams speaks as much HTTP/2 (RFC 9113) as it takes to refuse.
func refuseStreams(conn io.ReadWriteCloser, streams *atomic.Int64, refusal func(stream uint32) []byte) {
	defer func() { _ = conn.Close() }()
	const headers, settings, ack = 1, 4, 1
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	_, _ = conn.Write(frame(settings, 0, nil))
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		switch {
		case head[3] == headers:
			streams.Add(1)
			_, _ = conn.Write(refusal(binary.BigEndian.Uint32(head[5:])))
		case head[3] == settings && head[4] != ack:
			answer := frame(settings, 0, nil)
			answer[4] = ack
			_, _ = conn.Write(answer)
		}
	}
}

// frame writes a frame of HTTP/2 without flags.
func frame(kind byte, stream uint32, payload []byte) []byte {
	head := []byte{0, 0, byte(len(payload)), kind, 0}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}
