package simulation

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/retry"
)

// TestMain adds the flags. They are few enough to be told in the failure of a
// world: -seeds, -days and -first make it live again.
func TestMain(m *testing.M) {
	serverMeasures = time.Hour
	flag.Int("seeds", defaultSeeds, "how many worlds")
	flag.Int("days", 6, "virtual days of each, the last of them without faults")
	flag.Int("first", 0, "the first seed")
	flag.Int("procs", runtime.NumCPU(), "processes that share the seeds; 1: all in this one")
	flag.Bool("pairs", false, "kill the worker at every pair of calls, and not only at some")
	flag.String("without", "", "kinds of faults that are left out, with commas between them")
	flag.Int("part", 0, "which part of the cuts this process makes")
	flag.Int("parts", 0, "of how many parts; 0: it shares them out")
	flag.String("plants", "", "which faults are planted: names with commas between them, or all; empty: some")
	os.Exit(m.Run())
}

func number(t *testing.T, name string) int {
	t.Helper()
	n, ok := flag.Lookup(name).Value.(flag.Getter).Get().(int)
	if !ok {
		t.Fatalf("-%s is no number", name)
	}
	return n
}

// TestSimulation lives through worlds full of trouble and judges each. A world is
// fixed by its seed and the days, but for the order of what happens at one
// instant. It fails where a rule is broken, and where a kind of fault never came.
func TestSimulation(t *testing.T) {
	seeds, days, first, procs := number(t, "seeds"), number(t, "days"), number(t, "first"), number(t, "procs")
	sum, began := newTally(), time.Now()
	if days < 2 {
		t.Fatal("-days must be 2 at least: the last one and a bit is without faults")
	}
	if procs <= 1 || seeds <= 1 {
		for i := range seeds {
			live(t, uint64(first+i), days, sum)
		}
	} else {
		reached := newBranches(t)
		share(t, sharing{seeds: seeds, days: days, first: first, procs: min(procs, seeds), reached: reached}, sum)
		for _, block := range reached.missed(t) {
			if seeds >= groups {
				t.Errorf("decide.go:%s was never reached", block)
			}
		}
	}
	real := time.Since(began)
	virtual := seeds * days
	t.Logf("%d worlds of %d days: %d virtual days in %s, %.2f a second\n%s",
		seeds, days, virtual, real.Round(time.Second), float64(virtual)/real.Seconds(), sum)
	if seeds >= groups && flag.Lookup("without").Value.String() == "" {
		for _, k := range kinds() {
			if sum.get("fault "+k.name) == 0 {
				t.Errorf("the fault %q never came", k.name)
			}
			if slices.Contains(countsHits(), k.name) && sum.get("hit "+k.name) == 0 {
				t.Errorf("the fault %q came and befell nothing", k.name)
			}
		}
	}
	t.Logf("%s%s", tallyMark, sum.encode())
}

// restLasts is how long the second phase is: the longest that anything is left
// alone, and ten minutes.
const restLasts = longestCadence + 10*time.Minute

// live lives through one world and judges it.
func live(t *testing.T, seed uint64, days int, sum *tally) {
	t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
		brokertest.Bubble(t, func(t *testing.T) {
			w := newWorld(t, settings{seed: seed, lasts: time.Duration(days)*retry.Day - restLasts, faults: level(seed), hooks: hooks()})
			t.Logf("seed %d: %d days, accounts %s and %s", seed, days, w.accounts[0].Provider, w.accounts[1].Provider)
			v := w.trouble()
			v = append(v, w.rest()...)
			for _, line := range v {
				t.Errorf("seed %d: %s", seed, line)
			}
			if len(v) > 0 {
				t.Logf("again: go test ./internal/simulation -run TestSimulation -first %d -seeds 1 -days %d", seed, days)
			}
			sum.merge(w.tally.all())
		})
	})
}

// trouble is the first phase: payments come, and faults. What is wrong while it
// lasts is only found afterwards; nothing is promised of progress.
func (w *world) trouble() verdict {
	w.startProcess()
	p := drawPlan(w.seed, w.end.Sub(w.began))
	without := strings.Split(flag.Lookup("without").Value.String(), ",")
	w.lay(slices.DeleteFunc(p, func(f fault) bool { return slices.Contains(without, f.kind) }))
	w.after(time.Hour, w.follow)
	for at := w.began.Add(time.Minute); at.Before(w.end); at = at.Add(time.Duration(4+w.random.IntN(24)) * time.Hour) {
		w.steps.add(at, w.announce)
	}
	w.drive(w.end)
	return nil
}

// rest is the second phase: the faults stop, and by its end everything has to be
// complete.
func (w *world) rest() verdict {
	w.heal()
	w.drive(time.Now().Add(restLasts))
	v := w.judgeTaps()
	if err := w.take(); err != nil {
		w.must("let the backend follow to the end", err)
	}
	for _, p := range w.living() {
		p.stop(stopLimit)
	}
	return append(v, w.judge()...)
}

// heal ends what is still wrong: the steps that end faults at the latest end with
// the first phase, but some begin things anew.
func (w *world) heal() {
	for {
		s, ok := w.steps.next(w.end.Add(time.Second))
		if !ok {
			break
		}
		s.do()
	}
	if w.server == nil {
		w.startBroker()
	}
	for _, p := range w.living() {
		p.nats.Heal()
		p.http.Heal()
		for kind := range w.disturbing {
			p.disturb.set(kind, 0)
		}
	}
	if len(w.living()) == 0 {
		w.startProcess()
	}
	w.sandbox.Calm()
	w.note("the faults are over")
}

// drive does all steps up to a moment, and waits for it.
func (w *world) drive(until time.Time) {
	for {
		s, ok := w.steps.next(until)
		if !ok {
			time.Sleep(time.Until(until))
			return
		}
		time.Sleep(time.Until(s.at))
		s.do()
	}
}

// cheap is the environment in which a bubble costs least: it has little to do in
// parallel, much memory to spare, and writes small files all the time.
func cheap() []string {
	env := []string{"GOMAXPROCS=1", "GOGC=400"}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		env = append(env, "TMPDIR=/dev/shm")
	}
	return env
}

const tallyMark = "tally: "

// sharing is how seeds are shared among processes.
type sharing struct {
	seeds, days, first, procs int
	reached                   *branches
}

// share lets processes of this test's own binary live through the seeds: bubbles
// can't be parallel within one.
func share(t *testing.T, s sharing, sum *tally) {
	t.Helper()
	next := make(chan int, s.seeds)
	for i := range s.seeds {
		next <- s.first + i
	}
	close(next)
	var all sync.WaitGroup
	for range s.procs {
		all.Add(1)
		go func() {
			defer all.Done()
			for seed := range next {
				s.one(t, fmt.Sprint(seed), sum)
			}
		}()
	}
	all.Wait()
}

// one lives through one seed in a process of its own.
func (s sharing) one(t *testing.T, seed string, sum *tally) {
	args := append(s.reached.flags(seed), "-test.run", "^TestSimulation$", "-test.v", "-test.timeout", "1h",
		"-first", seed, "-seeds", "1", "-procs", "1", "-days", fmt.Sprint(s.days))
	cmd := exec.CommandContext(t.Context(), s.reached.binary, args...)
	cmd.Env = append(cmd.Environ(), cheap()...)
	out, err := cmd.CombinedOutput()
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if _, text, ok := strings.Cut(scanner.Text(), tallyMark); ok {
			counts, err := decodeTally(text)
			if err != nil {
				t.Errorf("seed %s: its tally can't be read: %v", seed, err)
			}
			sum.merge(counts)
		}
	}
	s.reached.add(t, seed)
	if err != nil {
		t.Errorf("seed %s: failed: %v\n%s", seed, err, out)
	}
}
