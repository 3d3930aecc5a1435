package callback

import (
	"bytes"
	"log"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// NewServer is a server with limits for a handler that strangers can reach: a
// connection that is slow with its headers, its body or in taking the answer is
// closed, and so is one that idles. The caller gives it a listener and ends it.
func NewServer(h http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second, // headers and body
		WriteTimeout:      10*time.Second + hintLimit + 5*time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          serverLog(log),
	}
}

// serverLog takes net/http's own lines: of connections, never of what a request
// holds.
func serverLog(to zerolog.Logger) *log.Logger {
	return log.New(lines{to, newNoise()}, "", 0)
}

// lines makes each write a line of the log, a line a second at most.
type lines struct {
	to    zerolog.Logger
	noise noise
}

// Write is called with one line.
func (l lines) Write(p []byte) (int, error) {
	if kept, allowed := l.noise.allow(); allowed {
		l.to.Warn().Int64("not_logged", kept).Str("event", "callback.server").Msg(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}
