package providers

import (
	"context"
	"errors"
)

// ErrHeld is the cause of a request that was not sent because the caller's
// limits have closed since the poll began: see WithGate.
var ErrHeld = errors.New("no further request may be made now")

// gateKey is the context key of a gate.
type gateKey struct{}

// WithGate lets Call send requests only until closed is closed. A poll may need
// several requests (a token, a session, the status), and what one of the
// account's other polls is told in between, "come back later", holds for the
// rest of this one too. The error of a request that was held has the cause ErrHeld.
func WithGate(ctx context.Context, closed <-chan struct{}) context.Context {
	return context.WithValue(ctx, gateKey{}, closed)
}

// held reports whether the context's gate is closed; without a gate it never is.
func held(ctx context.Context) bool {
	closed, ok := ctx.Value(gateKey{}).(<-chan struct{})
	if !ok {
		return false
	}
	select {
	case <-closed:
		return true
	default:
		return false
	}
}
