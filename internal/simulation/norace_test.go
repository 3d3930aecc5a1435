//go:build !race

package simulation

// raced says that this binary looks for data races.
const (
	raced        = false
	defaultSeeds = 6
	everyCut     = 1
)
