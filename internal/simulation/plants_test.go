package simulation

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/simulation/plant"
)

// plantLimit bounds one planted fault's search.
const plantLimit = 10 * time.Minute

// TestPlants_AreCaught shows that the judge finds mistakes that engineers could
// make: each is planted into a copy of the worker, which then has to fail. By
// default only some are, the cheapest to find; -plants all plants every one.
func TestPlants_AreCaught(t *testing.T) {
	if raced {
		t.Skip("what is built with plants looks for no races: this is the same without the detector")
	}
	names := chosenPlants(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := plant.Build(t.Context(), root, "./internal/simulation", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan string, len(names))
	for _, name := range names {
		next <- name
	}
	close(next)
	var all sync.WaitGroup
	for range max(1, number(t, "procs")) {
		all.Add(1)
		go func() {
			defer all.Done()
			for name := range next {
				plantOne(t, binary, name)
			}
		}()
	}
	all.Wait()
}

// somePlants are caught by the first world that is tried.
func somePlants() []string {
	return []string{"no-compare-and-set", "drop-not-found", "skip-dead-letter", "redirect-is-delivered"}
}

func chosenPlants(t *testing.T) []string {
	t.Helper()
	chosen := flag.Lookup("plants").Value.String()
	switch chosen {
	case "":
		return somePlants()
	case "all":
		var names []string
		for _, p := range plant.All() {
			names = append(names, p.Name)
		}
		return names
	}
	return strings.Split(chosen, ",")
}

// plantOne lives through worlds with one fault planted until one fails.
func plantOne(t *testing.T, binary, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), plantLimit)
	defer cancel()
	p, err := plant.Find(name)
	if err != nil {
		t.Error(err)
		return
	}
	// In twice as many worlds as there are groups each kind of fault befalls two.
	args := []string{
		"-test.run", "^TestSimulation$", "-test.v", "-test.failfast", "-procs", "1", "-seeds", fmt.Sprint(max(2*groups, number(t, "seeds"))),
		"-days", fmt.Sprint(number(t, "days")), "-first", fmt.Sprint(number(t, "first")),
	}
	if len(p.With) > 0 {
		// Without the sweep that mends what this fault breaks, nobody's timer may be
		// missing for another reason.
		args = append(args, "-without", "timers deleted")
	}
	worlds, err := plant.Run(ctx, binary, name, args...)
	if err != nil {
		t.Error(err)
		return
	}
	if worlds.Failed {
		t.Logf("plant %s: caught by rules %v in world %d, %s (wanted %v)", name, worlds.Rules, worlds.Seeds, worlds.Took.Round(time.Second), p.Rules)
		return
	}
	// What shows only where a worker dies at one moment is for the cuts.
	cuts, err := plant.Run(ctx, binary, name, "-test.run", "^TestCut_AtEverySingleCall", "-test.v", "-test.failfast")
	switch {
	case err != nil:
		t.Error(err)
	case cuts.Failed:
		t.Logf("plant %s: caught by rules %v at a cut, %s; in no world of %d", name, cuts.Rules, cuts.Took.Round(time.Second), worlds.Seeds)
	case p.Blind != "":
		t.Logf("plant %s: not caught in %d worlds nor at any cut, as is known: %s", name, worlds.Seeds, p.Blind)
	default:
		t.Errorf("plant %s: not caught in %d worlds nor at any cut: %s", name, worlds.Seeds, p.Says)
	}
}
