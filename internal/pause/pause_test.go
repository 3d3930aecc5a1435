package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/pause"
)

func TestFor_WaitsSoLong_UnlessTheContextEnds(t *testing.T) {
	for name, row := range map[string]struct{ d, limit, want time.Duration }{
		"to its end":            {d: time.Minute, limit: time.Hour, want: time.Minute},
		"cut short":             {d: time.Hour, limit: time.Minute, want: time.Minute},
		"nothing to wait for":   {limit: time.Hour},
		"less than nothing":     {d: -time.Second, limit: time.Hour},
		"the context has ended": {d: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), row.limit)
				defer cancel()
				began := time.Now()
				pause.For(ctx, row.d)
				if took := time.Since(began); took != row.want {
					t.Errorf("it took %s, want %s", took, row.want)
				}
			})
		})
	}
}
