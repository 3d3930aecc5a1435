package brokertest

import (
	"sync/atomic"
	"testing"
	"time"
	_ "unsafe" // for the two variables of the server
)

// The server's file store tells the age of messages by a clock of the whole process,
// which a ticker moves on. Started in a bubble the ticker would not stop in the next
// one; started outside it knows nothing of virtual time, and whatever has a max_age is
// then thrown away at once, decades old. So the store is told that somebody else has
// started the ticker, and virtual time is put where the ticker puts its own.

//go:linkname storeUsers github.com/nats-io/nats-server/v2/server/ats.refs
var storeUsers atomic.Int64

//go:linkname storeTime github.com/nats-io/nats-server/v2/server/ats.utime
var storeTime atomic.Int64

// storeTick is how far the store's clock may be behind: ages are hours and more. By
// the same clock the store lets go of blocks that nobody touched for ten seconds; with
// a tick of a minute, reading them again was a quarter of what a month costs.
const storeTick = 15 * time.Minute

// keepStoreTime moves the store's clock with the bubble's until the test ends.
func keepStoreTime(t *testing.T) {
	t.Helper()
	storeTime.Store(time.Now().UnixNano())
	ticker, over := time.NewTicker(storeTick), make(chan struct{})
	go func() {
		for {
			select {
			case now := <-ticker.C:
				storeTime.Store(now.UnixNano())
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		close(over)
	})
}
