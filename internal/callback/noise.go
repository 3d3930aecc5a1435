package callback

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// noise lets a line a second into the log and counts the others.
type noise struct {
	limit *rate.Limiter
	kept  *atomic.Int64
}

func newNoise() noise {
	return noise{limit: rate.NewLimiter(rate.Every(time.Second), 1), kept: &atomic.Int64{}}
}

// allow says whether this line may be written, and how many were not since the
// last one that was.
func (n noise) allow() (kept int64, allowed bool) {
	if !n.limit.Allow() {
		n.kept.Add(1)
		return 0, false
	}
	return n.kept.Swap(0), true
}
