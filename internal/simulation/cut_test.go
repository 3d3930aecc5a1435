package simulation

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/history"
	"reconciler/internal/invariant"
	"reconciler/internal/pause"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
	"reconciler/internal/simulation/wire"
)

// cut is a point at which the worker's process is killed.
type cut struct {
	call int
	at   wire.Moment
	// effect says that the call is counted among those that change something only.
	effect bool
}

func (c cut) String() string {
	if c.effect {
		return fmt.Sprintf("%s effect %d", c.at, c.call)
	}
	return fmt.Sprintf("%s call %d", c.at, c.call)
}

// lay lays the cut onto a process to come.
func (c cut) lay(on *wire.Counter, kill func()) {
	if c.effect {
		on.AtEffect(c.call, c.at, kill)
		return
	}
	on.At(c.call, c.at, kill)
}

// small is a world in which one payment lives from its beginning to a status that
// is closed for good, told to one endpoint, in some minutes. Its stages are longer
// than a killed worker's work lies idle, so that each is seen.
func small() settings {
	every := []retry.Step{{Until: time.Hour, Every: 45 * time.Second}}
	return settings{
		lasts: smallLife, provider: sandbox.Uapay, callLimit: 2 * time.Second, ackWait: 10 * time.Second,
		hooks:   []hook{{merchant: "shop-a", id: "orders", name: "a-orders"}},
		cadence: &retry.Cadence{Open: every, Held: every, Settled: every, Closed: every, Parked: every},
	}
}

const smallLife = 12 * time.Minute

// end is what a small world has come to: all that must be the same however often
// the worker was killed.
type end struct {
	events, delivered, pending, dead string
}

// lived is what the processes of a small world did, by process, and what the first
// one did last.
type lived struct {
	calls, effects []int
	log            string
}

// liveSmall lives through a small world; the n-th process is killed at the n-th
// cut.
func liveSmall(t *testing.T, cuts ...cut) (is end, was lived) {
	t.Helper()
	brokertest.Bubble(t, func(t *testing.T) {
		w := newWorld(t, small())
		w.startCut(cuts)
		w.after(5*time.Second, w.announceSmall)
		w.drive(w.end)
		w.over.Store(true)
		for _, p := range w.processes { // without those of an orderly end
			was.calls = append(was.calls, p.nats.Counter().Calls())
			was.effects = append(was.effects, p.nats.Counter().Effects())
		}
		for _, p := range w.living() {
			p.stop(stopLimit)
		}
		for _, p := range w.processes { // one that was killed at the very end, too
			<-p.done
		}
		time.Sleep(2 * time.Second)
		was.log = w.processes[0].nats.Log()
		w.must("let the backend follow", w.take())
		is = w.smallEnd()
		for _, line := range w.judge() {
			t.Error(line)
		}
	})
	return is, was
}

// startCut starts a process that will be killed at the first cut, and then the
// next one, for the rest of the cuts.
func (w *world) startCut(cuts []cut) {
	p := w.startProcess()
	if len(cuts) == 0 {
		return
	}
	killed := make(chan struct{})
	cuts[0].lay(p.nats.Counter(), func() {
		p.kill()
		close(killed)
	})
	go func() {
		select {
		case <-killed:
			pause.For(context.Background(), time.Second)
			if !w.over.Load() {
				w.startCut(cuts[1:])
			}
		case <-p.done:
		}
	}()
}

// announceSmall announces the payment of a small world.
func (w *world) announceSmall() {
	span := func(d time.Duration) sandbox.Spread { return sandbox.Spread{{Share: 1, From: d, To: d}} }
	w.announceWish(w.hooks[0].merchant, sandbox.CreateOptions{
		Provider: w.accounts[0].Provider, Life: "refunded", AmountMinor: 4200, Currency: sandbox.Currencies(w.accounts[0].Provider)[0],
		Stretch: sandbox.Stretch{Open: span(2 * time.Minute), Held: span(2 * time.Minute), Settled: span(2 * time.Minute), Closed: span(2 * time.Minute)},
	}, nil)
}

func (w *world) smallEnd() end {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h, err := history.Read(ctx, w.broker)
	w.must("read the history", err)
	w.fill(&h)
	var is end
	for _, e := range h.Events {
		event, err := payment.ParseEvent(e.Body)
		if err != nil {
			w.Errorf("an event can't be read: %v", err)
			continue
		}
		d := event.Data
		is.events += fmt.Sprintf("%d %s after %q %v %s %s %s\n", d.Version, d.Status, d.PreviousStatus, d.Implied, d.Captured, d.Refunded, d.Reason)
	}
	is.delivered = delivered(h)
	for _, p := range h.Pending {
		is.pending += fmt.Sprintf("%s %s\n", p.Queue, p.Kind)
	}
	for _, d := range h.Dead {
		is.dead += fmt.Sprintf("%s %s\n", d.Stage, d.Reason)
	}
	return is
}

// delivered are the events that arrived, each once, in the order in which they
// first did.
func delivered(h invariant.History) string {
	receipts := slices.Clone(h.Receipts)
	slices.SortStableFunc(receipts, func(a, b invariant.Receipt) int { return a.Time.Compare(b.Time) })
	var all []string
	for _, r := range receipts {
		if r.Delivered && r.Verified && !slices.Contains(all, r.EventID) {
			all = append(all, r.EventID)
		}
	}
	for i, id := range all {
		all[i] = id[strings.LastIndex(id, "_")+1:] // what is before it names the payment
	}
	return strings.Join(all, " ")
}

// TestCut_AtEverySingleCall_ComesToTheSameEnd kills the worker at every call that
// it makes to the broker, a provider or a merchant, before it and after it, from
// its start to the end of one payment.
func TestCut_AtEverySingleCall_ComesToTheSameEnd(t *testing.T) {
	want, undisturbed := liveSmall(t)
	t.Logf("%d calls, undisturbed: %+v", undisturbed.calls[0], want)
	if strings.Count(want.events, "\n") < 4 || want.pending != "" || want.dead != "" {
		t.Fatalf("the undisturbed life is not what this is about: %+v\n%s", want, undisturbed.log)
	}
	part, parts := part(t)
	if parts == 1 {
		shareCuts(t, "^TestCut_AtEverySingleCall_ComesToTheSameEnd$")
		return
	}
	runs := 0
	for call := 1; call <= undisturbed.calls[0]; call += everyCut {
		for _, at := range []wire.Moment{wire.Before, wire.After} {
			if call/everyCut%parts == part {
				runs++
				sameEnd(t, want, cut{call: call, at: at})
			}
		}
	}
	t.Logf("part %d of %d: %d runs", part, parts, runs)
}

// TestCut_AtPairsOfCalls_ComesToTheSameEnd kills the worker before something that it
// changes, and the one that takes its place after something: with -pairs at every
// pair, else at some. What a worker only asks changes nothing outside: to be killed
// at a question is to be killed before the change that follows it.
func TestCut_AtPairsOfCalls_ComesToTheSameEnd(t *testing.T) {
	want, undisturbed := liveSmall(t)
	part, parts := part(t)
	if parts == 1 {
		shareCuts(t, "^TestCut_AtPairsOfCalls_ComesToTheSameEnd$")
		return
	}
	every, ok := flag.Lookup("pairs").Value.(flag.Getter).Get().(bool)
	stride, moments := 1, []wire.Moment{wire.Before, wire.After}
	if !ok || !every {
		stride, moments = 13*everyCut, moments[:1]
	}
	sum := pairs{effects: undisturbed.effects[0], stride: stride, part: part, parts: parts}
	for _, first := range moments {
		sum.cut(t, want, first, wire.After)
		if len(moments) > 1 {
			sum.cut(t, want, first, wire.Before)
		}
	}
	t.Logf("part %d of %d: %d runs of %d effects, in %d of them the second cut came too late", part, parts, sum.runs, sum.effects, sum.late)
}

// pairs is which pairs of cuts are made by a process, and how many were.
type pairs struct {
	effects, stride, part, parts int
	runs, late                   int
}

// cut makes the pairs of two moments.
func (p *pairs) cut(t *testing.T, want end, first, second wire.Moment) {
	for one := 1; one <= p.effects; one++ {
		// The second process begins anew and has as much to do at most.
		for other := 1; other <= p.effects; other++ {
			// The number of a pair is the same in all processes that share them.
			if pair := one*1009 + other; pair%p.stride != 0 || pair/p.stride%p.parts != p.part {
				continue
			}
			p.runs++
			if sameEnd(t, want, cut{one, first, true}, cut{other, second, true}) < 2 {
				p.late++
				break // what comes later comes even less
			}
		}
	}
}

// sameEnd lives through the cuts and tells how many of them came.
func sameEnd(t *testing.T, want end, cuts ...cut) (befell int) {
	t.Run(fmt.Sprint(cuts), func(t *testing.T) {
		is, was := liveSmall(t, cuts...)
		befell = len(was.calls) - 1
		if is != want {
			t.Errorf("cut %v, calls %v: ends with %+v\nwant %+v\n%s", cuts, was.calls, is, want, was.log)
		}
	})
	return befell
}

// part is which cuts this process makes, of how many parts.
func part(t *testing.T) (part, parts int) {
	return number(t, "part"), cmp.Or(number(t, "parts"), 1)
}

// shareCuts lets processes of this binary make the cuts.
func shareCuts(t *testing.T, run string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const parts = 4 // more than processors: short lives leave gaps
	var all sync.WaitGroup
	for i := range parts {
		all.Add(1)
		go func() {
			defer all.Done()
			args := []string{"-test.run", run, "-test.v", "-parts", fmt.Sprint(parts), "-part", fmt.Sprint(i), "-pairs=" + flag.Lookup("pairs").Value.String(), "-test.timeout", "3h"}
			cmd := exec.CommandContext(t.Context(), binary, args...)
			cmd.Env = append(cmd.Environ(), cheap()...)
			out, err := cmd.CombinedOutput()
			for _, line := range strings.Split(string(out), "\n") {
				if strings.Contains(line, "runs") || strings.Contains(line, "undisturbed") && i == 0 {
					t.Log(strings.TrimSpace(line))
				}
			}
			if err != nil {
				t.Errorf("part %d: %v\n%s", i, err, out)
			}
		}()
	}
	all.Wait()
}
