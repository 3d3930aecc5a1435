package callback

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/sandbox/sandboxtest"
)

// listening serves a handler in memory until the test ends.
func listening(t *testing.T, h http.Handler) (dial func() net.Conn) {
	t.Helper()
	network := sandboxtest.NewNetwork()
	l, err := network.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, done := NewServer(h, zerolog.Nop()), make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return func() net.Conn {
		conn, err := network.Dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

func TestServer_ClosesConnectionsOfThoseWhoAreSlow(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want time.Duration
	}{
		"with the headers": {"POST /callbacks/main HTTP/1.1\r\nHost: x\r\n", 5 * time.Second},
		"with the body":    {"POST /callbacks/main HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\norder", 10 * time.Second},
		"with a second":    {"POST /callbacks/main HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\norder=1", 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Options{})
				conn := listening(t, b)()
				began := time.Now()
				if _, err := io.WriteString(conn, row.text); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, conn)
				// net/http may linger for half a second on a connection it cut off.
				if took := time.Since(began); took < row.want || took > row.want+time.Second {
					t.Errorf("closed after %v, want %v", took, row.want)
				}
			})
		})
	}
}

func TestServer_RefusesLargeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		conn := listening(t, b)()
		go func() {
			_, _ = io.WriteString(conn, "POST /callbacks/main HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge || len(b.hints) > 0 {
			t.Errorf("answered %d", res.StatusCode)
		}
		time.Sleep(time.Second)
	})
}

func TestServer_LogsItsOwnTroubleALineASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		own := serverLog(zerolog.New(&log))
		for range 10 {
			own.Print("http: Accept error: too many open files")
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "too many open files") {
			t.Errorf("logged %s", got)
		}
	})
}
