package broker

import (
	"context"

	"github.com/nats-io/nats-server/v2/server"
)

// SyncsAlways tells whether the server's store is synced on every write.
func SyncsAlways(e *Embedded) bool {
	v, err := e.server.Varz(&server.VarzOptions{})
	return err == nil && v.JetStream.Config != nil && v.JetStream.Config.SyncAlways
}

// DeadParts stores the pieces of a letter and stops before the letter itself, as
// a worker does that dies in between. It returns how many it stored.
func DeadParts(ctx context.Context, b *Broker, d Dead) (int, error) {
	_, content, err := b.letter(d)
	if err != nil {
		return 0, err
	}
	size := b.partSize()
	return (len(content) - 1) / size, b.deadParts(ctx, d.ref(), content, size)
}

// Resolve gives the sequence under which what a call wrote is stored, and
// whether that can be told.
func Resolve(ctx context.Context, b *Broker, a Append, inDoubt bool) (seq uint64, decided bool, err error) {
	return b.resolve(ctx, StreamStatus, a, inDoubt)
}
