package broker

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// serverLog takes the embedded server's lines. Its notices are of no interest
// to an operator of ours; a fatal line must not end our process, which is what
// the server's own logger does.
type serverLog struct {
	log  zerolog.Logger
	last atomic.Pointer[string]
}

func (l *serverLog) fatal() string {
	if line := l.last.Load(); line != nil {
		return *line
	}
	return ""
}

// Noticef is one of the server's Logger methods, like those below.
func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug().Str("part", "nats-server").Msgf(format, v...)
}

// Warnf drops the line that our own question about strictness causes.
func (l *serverLog) Warnf(format string, v ...any) {
	if line := fmt.Sprintf(format, v...); !strings.Contains(line, strictProbe) {
		l.log.Warn().Str("part", "nats-server").Msg(line)
	}
}

// Errorf passes an error on.
func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Error().Str("part", "nats-server").Msgf(format, v...)
}

// Fatalf passes the error on and keeps it for the caller of Embed.
func (l *serverLog) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	l.last.Store(&line)
	l.log.Error().Str("part", "nats-server").Msg(line)
}

// Debugf is off.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef is off.
func (l *serverLog) Tracef(string, ...any) {}
