//go:build race

package consumer

import "time"

// fullFor is how long a store is full. The race detector makes the server's attempts to
// fire timers into it seven times as dear, and races show in any minute.
const fullFor = 10 * time.Minute
