package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestCauseOf(t *testing.T) {
	api := func(code int, number jetstream.ErrorCode) error {
		return fmt.Errorf("publish: %w", &jetstream.APIError{Code: code, ErrorCode: number})
	}
	for name, row := range map[string]struct {
		err  error
		want Cause
	}{
		"the account's limit":      {api(400, 10002), CauseNoRoom},
		"the server's limit":       {api(503, 10023), CauseNoRoom},
		"the storage limit":        {api(500, 10047), CauseNoRoom},
		"the disk or the stream's": {api(503, 10077), CauseNoRoom},
		"no leader":                {api(503, 10008), CauseNoLeader},
		"nobody listens":           {nats.ErrNoResponders, CauseNoLeader},
		"no stream's answer":       {jetstream.ErrNoStreamResponse, CauseNoLeader},
		"in time":                  {context.DeadlineExceeded, CauseNoAnswer},
		"too large":                {api(400, 10054), CauseRefused},
	} {
		if got := causeOf(row.err); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
}

// Of a store without room the last word holds until somebody tries again, of all else
// for a minute.
func TestWrites_ForgetWhatNobodyTries(t *testing.T) {
	for cause, rest := range map[Cause]time.Duration{CauseNoRoom: untriedNoRoom, CauseNoAnswer: untried, CauseRefused: untried} {
		now := time.Now()
		f := failing{last: now, cause: cause}
		if f.old(now.Add(rest)) || !f.old(now.Add(rest+1)) {
			t.Errorf("%s: not forgotten after %v", cause, rest)
		}
	}
}
