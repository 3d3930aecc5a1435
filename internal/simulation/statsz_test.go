package simulation

import (
	"time"
	_ "unsafe" // for the variable of the server
)

// serverMeasures is how often nats-server measures its own process, by reading
// /proc: every 10 s, an eighth of what a world costs, and nobody listens to it.
// Nothing but this variable says how often.
//
//go:linkname serverMeasures github.com/nats-io/nats-server/v2/server.statsHBInterval
var serverMeasures time.Duration
