package broker

import (
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ScheduledAt reads from a timer's headers when it fires. It fails for a message
// that is no timer, such as the due message a timer has become.
func ScheduledAt(h nats.Header) (time.Time, error) {
	pattern, ok := strings.CutPrefix(h.Get(headerSchedule), scheduleAt)
	if !ok {
		return time.Time{}, errors.New("the message is no timer: it has no time to fire")
	}
	return time.Parse(time.RFC3339, pattern)
}
