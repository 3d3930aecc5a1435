package main

import (
	"fmt"
	"io"
	"time"

	"reconciler/internal/audit"
	"reconciler/internal/invariant"
)

// auditAnswer is what an audit prints as JSON.
type auditAnswer struct {
	audit.Report
	// Sound: nothing is left that is wrong, and everything was looked at.
	Sound bool `json:"sound"`
	Left  int  `json:"left"`
	// Incomplete is why not everything was looked at, or repaired.
	Incomplete string `json:"incomplete,omitempty"`
}

func printAudit(out io.Writer, f auditFlags, r audit.Report, failed error) error {
	a := auditAnswer{Report: r, Sound: failed == nil && r.Left() == 0, Left: r.Left()}
	if failed != nil {
		a.Incomplete = failed.Error()
	}
	if f.json {
		return printJSON(out, a)
	}
	_, _ = fmt.Fprintf(out, "looked at %d payments: %d created events, %d events, %d webhook attempts, %d dead letters, %d timers, %d due; in %s\n",
		r.Payments, r.Created, r.Events, r.Attempts, r.Letters, r.Timers, r.Due, r.Ended.Sub(r.Began).Round(100*time.Millisecond))
	for _, left := range []struct {
		n   int
		why string
	}{
		{r.WaitingCreated, "created events wait for a worker"},
		{r.WaitingEvents, "events have no webhooks yet: they wait for a worker"},
		{r.Partial, "payments are judged in part: PAYMENT_STATUS does not keep their first events any more"},
		{r.Newer, "events of a newer version are not judged"},
	} {
		if left.n > 0 {
			_, _ = fmt.Fprintf(out, "%d %s\n", left.n, left.why)
		}
	}
	for _, note := range r.Notes {
		_, _ = fmt.Fprintf(out, "note: %s\n", note)
	}
	printFindings(out, r, f)
	_, err := fmt.Fprintln(out, verdictOf(a))
	return err
}

// printFindings tells each kind by itself, in the order in which they were met.
func printFindings(out io.Writer, r audit.Report, f auditFlags) {
	told := map[audit.Kind]bool{}
	for _, of := range r.Findings {
		if told[of.Kind] {
			continue
		}
		told[of.Kind] = true
		c := r.Counts[of.Kind]
		_, _ = fmt.Fprintf(out, "\n%s: %d found, %d repaired\n", of.Kind, c.Found, c.Repaired)
		for _, one := range r.Findings {
			if one.Kind == of.Kind {
				printFinding(out, one)
			}
		}
		if c.Found > f.limit {
			_, _ = fmt.Fprintf(out, "  and %d more; --limit lists them\n", c.Found-f.limit)
		}
	}
	if len(told) > 0 {
		_, _ = fmt.Fprintln(out)
	}
}

func printFinding(out io.Writer, f audit.Finding) {
	if f.Repaired {
		_, _ = fmt.Fprintf(out, "  repaired: %s\n", f)
		return
	}
	_, _ = fmt.Fprintf(out, "  %s\n", f)
	if f.Rule > 0 {
		_, _ = fmt.Fprintf(out, "    breaks rule %d: %s\n", f.Rule, invariant.Rule(f.Rule))
	}
	_, _ = fmt.Fprintf(out, "    %s\n", f.Do)
}

func verdictOf(a auditAnswer) string {
	found := 0
	for _, c := range a.Counts {
		found += c.Found
	}
	switch {
	case a.Incomplete != "":
		return fmt.Sprintf("not everything was done; %d problems so far", a.Left)
	case a.Left > 0:
		return fmt.Sprintf("%d of %d problems are left", a.Left, found)
	case found > 0:
		return fmt.Sprintf("all %d problems were repaired", found)
	}
	return "nothing is wrong"
}
