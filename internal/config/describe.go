package config

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"reconciler/internal/retry"
)

// Describe shows what the configuration means, for people: who is watched how
// often and when webhooks are tried again. It holds no secret.
func (c *Config) Describe() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, a := range c.accounts {
		_, _ = fmt.Fprintf(w, "account %s (%s)\n", a.Name, a.Provider)
		for _, phase := range retry.Phases() {
			_, _ = fmt.Fprintf(w, "  %s\t%s\n", phase, table(a.cadence.Steps(phase)))
		}
		_, _ = fmt.Fprintf(w, "  limits\t%d calls at a time, %s each, %s\n", a.guard.Concurrency, length(a.guard.TimeLimit), rate(a.guard.Rate))
	}
	_ = w.Flush() // into memory; endpoints get columns of their own
	_, _ = fmt.Fprintf(w, "webhooks\t%d attempts within %s\n", len(c.schedule()), length(c.schedule().Total()))
	for _, e := range c.endpoints {
		state := ""
		if e.Disabled {
			state = ", disabled"
		}
		_, _ = fmt.Fprintf(w, "  endpoint %s of %s\t%d at a time, %s%s\n", e.ID, e.Merchant, e.Concurrency, rate(e.Rate), state)
	}
	_ = w.Flush()
	return b.String()
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return "no rate limit"
	}
	return fmt.Sprintf("%g a second", perSecond)
}

func table(steps []retry.Step) string {
	if len(steps) == 0 {
		return "not watched"
	}
	parts := make([]string, len(steps))
	for i, s := range steps {
		parts[i] = fmt.Sprintf("to %s every %s", length(s.Until), length(s.Every))
	}
	return strings.Join(parts, ", ")
}
