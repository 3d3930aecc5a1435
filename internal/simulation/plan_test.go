package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"reconciler/internal/retry"
)

// fault is one thing that goes wrong in a world, from a moment on and for a time.
type fault struct {
	kind  string
	from  time.Duration // since the world's beginning
	lasts time.Duration
	// which chooses among what the kind can befall: providers, hooks, processes.
	which int
	// part is for a kind's own draws, in [0,1).
	part float64
}

func (f fault) String() string {
	return fmt.Sprintf("day %02d %s for %-9s %s (%d, %.2f)", int(f.from/retry.Day), clock(f.from), f.lasts, f.kind, f.which, f.part)
}

func clock(d time.Duration) string {
	d %= retry.Day
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// plan is what will go wrong, in order.
type plan []fault

// String is the plan as a violation's report gives it.
func (p plan) String() string {
	var lines []string
	for _, f := range p {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// groups is into how many parts the kinds are dealt: any so many seeds in a row
// meet every kind there is.
const groups = 6

// drawPlan draws what goes wrong in the world of a seed: its share of all kinds, one
// after the other so that each finds somebody to befall, and others by chance at any
// time, about two in three days. Nothing of it lasts beyond the end of the faults.
func drawPlan(seed uint64, days time.Duration) plan {
	random := rand.New(rand.NewPCG(seed, 2))
	all := kinds()
	var own []kind
	for i, k := range all {
		if i%groups == int(seed%groups) {
			own = append(own, k)
		}
	}
	random.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
	begin := days / 20 // before that, payments come and nothing happens
	slot := (days - begin) / time.Duration(len(own))
	whole := room{begin, days - begin, days - begin}
	var drawn plan
	for i, k := range own {
		drawn = append(drawn, k.draw(random, k.in(room{begin + time.Duration(i)*slot, slot, slot / 2}, whole)))
	}
	for range int(days/retry.Day) * 2 / 3 {
		k := all[random.IntN(len(all))]
		drawn = append(drawn, k.draw(random, k.in(room{begin, days - begin, slot}, whole)))
	}
	slices.SortStableFunc(drawn, func(a, b fault) int { return cmp.Compare(a.from, b.from) })
	return drawn
}

// room is where a fault may lie, and how long it may take at most.
type room struct{ from, span, most time.Duration }

// in is a fault's room: that of its turn or, where it makes no sense unless it lasts
// for days, the whole time, beside the others.
func (k kind) in(turn, whole room) room {
	if k.shortest > retry.Day {
		return whole
	}
	return turn
}

// draw draws one fault: short ones more often than long ones.
func (k kind) draw(random *rand.Rand, in room) fault {
	shortest := min(k.shortest, in.most)
	longest := max(shortest, min(k.longest, in.most))
	part := random.Float64()
	lasts := shortest + time.Duration(part*part*part*float64(longest-shortest))
	from := in.from + time.Duration(random.Float64()*float64(in.span-lasts))
	return fault{kind: k.name, from: from.Round(time.Second), lasts: lasts.Round(time.Second), which: random.IntN(1 << 16), part: random.Float64()}
}

// step is something that the driver does at its time.
type step struct {
	at time.Time
	do func()
}

// steps are those to come, in order.
type steps struct{ queue []step }

// add puts a step into its place, behind those of the same moment.
func (s *steps) add(at time.Time, do func()) {
	i, _ := slices.BinarySearchFunc(s.queue, at, func(q step, at time.Time) int {
		if q.at.After(at) {
			return 1
		}
		return -1
	})
	s.queue = slices.Insert(s.queue, i, step{at, do})
}

// next takes the first step, if it is not after the end.
func (s *steps) next(end time.Time) (step, bool) {
	if len(s.queue) == 0 || s.queue[0].at.After(end) {
		return step{}, false
	}
	first := s.queue[0]
	s.queue = s.queue[1:]
	return first, true
}

// after plans a step.
func (w *world) after(d time.Duration, do func()) { w.steps.add(time.Now().Add(d), do) }

// lay puts a plan's faults among the steps.
func (w *world) lay(p plan) {
	byName := map[string]kind{}
	for _, k := range kinds() {
		byName[k.name] = k
	}
	for _, f := range p {
		w.steps.add(w.began.Add(f.from), func() {
			w.note("%s begins, for %s", f.kind, f.lasts)
			w.tally.add("fault "+f.kind, 1)
			end := byName[f.kind].begin(w, f)
			w.after(f.lasts, func() {
				if end != nil {
					end()
				}
				w.note("%s is over", f.kind)
			})
		})
	}
}
