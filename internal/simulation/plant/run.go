package plant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Build makes the test binary of a package of the module at root, such as
// "./internal/simulation", with every plant in it. It and its overlay are written
// into dir.
func Build(ctx context.Context, root, pkg, dir string) (binary string, err error) {
	file, err := Overlay(root, dir)
	if err != nil {
		return "", err
	}
	binary, err = filepath.Abs(filepath.Join(dir, "planted.test"))
	if err != nil {
		return "", fmt.Errorf("build with plants: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", file, "-o", binary, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s with plants: %w\n%s", pkg, err, out)
	}
	return binary, nil
}

// Caught is what became of a run with a planted fault.
type Caught struct {
	// Failed says that the run ended as a failed test does.
	Failed bool
	// Rules are those that it says are violated, each once, in ascending order; none
	// for a run that failed otherwise: a worker that panics or never comes to rest.
	Rules []int
	// Seeds is how many worlds were lived through up to the first violation, that
	// one included; without a violation, all that the run told of.
	Seeds int
	// Expected says that one of the plant's own rules was violated.
	Expected bool
	// Timeout says that the context ended the run.
	Timeout bool
	Took    time.Duration
	// Output is all that the run printed.
	Output []byte
}

// Run runs a binary that Build made, in the current directory, with this fault
// planted; args are its flags. It ends it when ctx ends, which is the time limit.
// Of the output it understands "seed N:", which has to come before what is wrong in
// that world, and "violation of rule R:". With the flag -test.failfast it ends with
// the first world that fails. A run that fails is no error; one that can't begin is.
func Run(ctx context.Context, binary, plant string, args ...string) (Caught, error) {
	p, err := Find(plant)
	if err != nil {
		return Caught{}, err
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(cmd.Environ(), Variable+"="+p.planted())
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		return Caught{}, fmt.Errorf("run with plant %q: %w", plant, err)
	}
	c := read(out)
	c.Failed, c.Timeout, c.Took = err != nil, ctx.Err() != nil, time.Since(began)
	c.Expected = slices.ContainsFunc(c.Rules, func(rule int) bool { return slices.Contains(p.Rules, rule) })
	return c, nil
}

// read finds seeds and violations in what a run printed. A world may have several
// lines, so it is counted by its number.
func read(out []byte) Caught {
	c := Caught{Output: out}
	word := regexp.MustCompile(`\b(?:seed (\d+):|violation of rule (\d+):)`)
	seeds := map[string]bool{}
	for _, line := range bytes.Split(out, []byte("\n")) {
		for _, m := range word.FindAllSubmatch(line, -1) {
			if len(m[1]) > 0 {
				seeds[string(m[1])] = true
				continue
			}
			rule, err := strconv.Atoi(string(m[2]))
			if err != nil {
				continue
			}
			if len(c.Rules) == 0 {
				c.Seeds = max(len(seeds), 1)
			}
			if !slices.Contains(c.Rules, rule) {
				c.Rules = append(c.Rules, rule)
			}
		}
	}
	slices.Sort(c.Rules)
	if len(c.Rules) == 0 {
		c.Seeds = len(seeds)
	}
	return c
}
