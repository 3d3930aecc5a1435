// Package pause waits for a while that the end of a context cuts short.
//
// It starts nothing and keeps nothing, so it is safe for concurrent use. In a
// synctest bubble it waits in virtual time.
package pause

import (
	"context"
	"time"
)

// For waits for d, or returns early when ctx ends: ask ctx which of the two it
// was. Of a d that is not positive there is nothing to wait for.
func For(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
