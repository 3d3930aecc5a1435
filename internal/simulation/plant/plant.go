// Package plant builds workers with faults: mistakes that an engineer could make,
// planted one at a time, to show that the judge of a simulated world finds them.
//
// No line of the program knows of any of this. A plant is a change of source
// text, and Overlay puts all of them into copies of the files, each behind a
// switch, for the -overlay flag of the go command. One build therefore has every
// fault in it; the environment variable Variable names those that are planted,
// and without it the binary does what the program does. A plant whose place in
// the source is gone, or is there twice, is an error that names it: it must be
// planted anew, or it would show nothing.
//
// The package reads the source tree and writes only into the directory that it is
// given. It keeps nothing; two calls may run at once. For test code only.
package plant

import (
	"fmt"
	"slices"
	"strings"
)

// Variable is the environment variable that names the planted faults, separated
// by commas.
const Variable = "RECON_PLANTED"

// Plant is one fault.
type Plant struct {
	// Name is lower-case words with hyphens; it stands in Variable.
	Name string
	// Says is what the wrong worker does, in one line.
	Says string
	// Rules are the rules of which the judge should name one (package invariant).
	Rules []int
	// Blind says why the history of one world may not show the fault although it is
	// there: what the world must have in it, or what no rule asks. Empty: nothing.
	Blind string
	// With names other plants without which this one is mended before anybody sees
	// it.
	With []string
	// Edits are its changes.
	Edits []Edit
}

// planted is what Variable has to be for the plant to show.
func (p Plant) planted() string { return strings.Join(slices.Concat([]string{p.Name}, p.With), ",") }

// Edit is one change of a source file.
type Edit struct {
	// File is the path from the module's root, with slashes.
	File string
	// In is how the first line of the declaration begins that Old is in.
	In string
	// Old is there exactly once. Several edits may have the same Old; else none may
	// overlap.
	Old string
	// New takes its place. In it RIGHT stands for Old, or for what an earlier plant
	// made of it, and PLANTED for the switch: an expression that is true when this
	// plant is planted.
	New string
}

// The words that stand for something else in Edit.New.
const (
	switchWord = "PLANTED"
	rightWord  = "RIGHT"
)

// All lists the plants: first those of the path of a payment, then those of what
// stands around it.
func All() []Plant {
	return slices.Concat(
		intakePlants(), pollerPlants(), clockPlants(), sweepPlants(), timerPlants(), hintPlants(),
		statusPlants(), deadPlants(), moneyPlants(), meaningPlants(), identityPlants(),
		orderPlants(), delivererPlants(), requestPlants(), limitPlants(),
	)
}

// Find gives a plant by its name.
func Find(name string) (Plant, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return Plant{}, fmt.Errorf("there is no plant %q", name)
}
