package health

import (
	"bytes"
	"log"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// NewServer is a server with limits for the handler: a connection that is slow with
// its request or in taking the answer is closed, and so is one that idles. The caller
// gives it a listener and ends it.
func NewServer(h http.Handler, to zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second, // a body is not read
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(lines{to, rate.NewLimiter(rate.Every(time.Second), 1)}, "", 0),
	}
}

// lines makes net/http's own lines, which are of connections, lines of the log: one a
// second at most.
type lines struct {
	to    zerolog.Logger
	limit *rate.Limiter
}

// Write is called with one line.
func (l lines) Write(p []byte) (int, error) {
	if l.limit.Allow() {
		l.to.Warn().Str("event", "health.server").Msg(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}
