package guard_test

import (
	"testing"

	"reconciler/internal/guard"
)

// One call's cost in the guard, all gates passed: with a rate so high that it
// never makes anybody wait.
func BenchmarkAcquireDone(b *testing.B) {
	g := setup(b, func(o *guard.Options) {
		o.Rate, o.Burst = 1e6, 1e6
		o.Ratio, o.MinRequests, o.Window = 0.5, 20, 60*second
	})
	ctx := b.Context()
	for name, begin := range map[string]bool{"unused": false, "call": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := g.Acquire(ctx)
				if err != nil {
					b.Fatal(err)
				}
				if begin {
					_, cancel := p.Context(ctx)
					p.Done(guard.Success())
					cancel()
				} else {
					p.Done(guard.Unused())
				}
			}
		})
	}
}
