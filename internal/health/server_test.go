package health

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"reconciler/internal/sandbox/sandboxtest"
)

func TestServer_ClosesConnectionsOfThoseWhoAreSlow(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want time.Duration
	}{
		"with the headers":        {"GET /livez HTTP/1.1\r\nHost: x\r\n", 5 * time.Second},
		"with a second question":  {"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 60 * time.Second},
		"with a body nobody asks": {"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := sandboxtest.NewNetwork()
				l, err := network.Listen(t.Context(), "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server, done := NewServer(telling(well()), zerolog.Nop()), make(chan struct{})
				go func() {
					defer close(done)
					if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
						t.Error(err)
					}
				}()
				conn, err := network.Dial(t.Context(), "tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if _, err := io.WriteString(conn, row.text); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, conn)
				// net/http may linger for half a second on a connection it cut off.
				if took := time.Since(began); took < row.want || took > row.want+time.Second {
					t.Errorf("closed after %v, want %v", took, row.want)
				}
				_ = conn.Close()
				_ = server.Close()
				<-done
			})
		})
	}
}

func TestServer_LogsALineASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		to := NewServer(telling(well()), zerolog.New(&text)).ErrorLog
		for range 5 {
			to.Print("a connection broke")
		}
		time.Sleep(time.Second)
		to.Print("another one")
		if got := text.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "health.server") || !strings.Contains(got, "another one") {
			t.Errorf("logged %s", got)
		}
	})
}
