//go:build !race

package consumer

import "time"

// fullFor is how long a store is full.
const fullFor = time.Hour
