//go:build race

package simulation

// raced says that this binary looks for data races. That is dear, and races show in
// any world, so by default there are fewer of them, and of cuts.
const (
	raced        = true
	defaultSeeds = 2
	everyCut     = 7
)
