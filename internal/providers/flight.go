package providers

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// Flight is the way to something that all polls of an account need and one of
// them fetches: a token, a session. The zero value is ready. It keeps nothing;
// what was fetched is kept by the adapter. Safe for concurrent use.
type Flight[T any] struct{ group singleflight.Group }

// Do gives what fetch brings. Who comes while a fetch is under way gets its
// result and starts none. A caller whose context ends leaves with Interrupted,
// and the fetch goes on for the others: its context has the first caller's
// values and a time limit of its own. Any other error is fetch's.
//
// Waiting is on a channel: a lock held over the network would make all wait for
// one, and would stop virtual time.
func (f *Flight[T]) Do(ctx context.Context, r Fetch[T]) (T, error) {
	done := f.group.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Limit)
		defer cancel()
		return r.Fetch(ctx)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, Interrupted(r.Doing, ctx.Err())
	case result := <-done:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil
	}
}

// Fetch is what a Flight does.
type Fetch[T any] struct {
	// Doing says what is being fetched, for the error.
	Doing string
	// Limit ends a fetch that nobody answers.
	Limit time.Duration
	Fetch func(context.Context) (T, error)
}
