package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"reconciler/internal/ops"
)

// progress shows how far something is: in one line that is written over on a
// terminal, else in plain lines now and then.
type progress struct {
	out      io.Writer
	terminal bool
	every    time.Duration
	last     time.Time
	open     bool
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, terminal: isTerminal(out), every: 10 * time.Second, last: time.Now()}
	if p.terminal {
		p.every = 100 * time.Millisecond
	}
	return p
}

func (p *progress) show(text string) {
	now := time.Now()
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	if p.terminal {
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s", text)
		p.open = true
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// end clears the line.
func (p *progress) end() {
	if p.open {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.open = false
	}
}

func queueing(is ops.ReplayResult) string {
	if r := is.Reading; r != nil {
		return fmt.Sprintf("%s: looking for what was missed, %.0f %% of %s read", is.Name, 100*float64(r.Position)/float64(max(r.To, 1)), r.Stream)
	}
	return fmt.Sprintf("%s: %d webhooks queued, %.0f %% of the events looked at", is.Name, is.Counts.Sent, share(is))
}

// share is how much of its events a replay has looked at, in percent.
func share(is ops.ReplayResult) float64 {
	if is.To < is.From {
		return 100
	}
	return 100 * float64(is.Position+1-min(is.From, is.Position+1)) / float64(is.To+1-is.From)
}

// estimate guesses how long a replay goes on, by how long it took so far.
type estimate struct {
	began time.Time
	from  float64
}

func (e *estimate) left(is ops.ReplayResult) string {
	now, done := time.Now(), share(is)
	if e.began.IsZero() {
		e.began, e.from = now, done
	}
	if is.Reading != nil || done-e.from < 1 || done >= 100 {
		return ""
	}
	left := time.Duration(float64(now.Sub(e.began)) * (100 - done) / (done - e.from))
	return fmt.Sprintf(", about %s left", left.Round(time.Second))
}

func following(e ops.ReplayEnds) string {
	return fmt.Sprintf("%s: %d of %d ended: %d delivered, %d failed, %d skipped", e.Name, e.Ended(), e.Sent, e.Delivered, e.Failed, e.Skipped)
}

// replayAnswer is what a replay prints.
type replayAnswer struct {
	ops.ReplayResult
	Ends *ops.ReplayEnds `json:"ends,omitempty"`
	// rate is what a dry run tells the time by, goOn the command that goes on with
	// what was interrupted.
	rate float64
	goOn string
}

func printReplay(s streams, asJSON bool, a replayAnswer) error {
	if asJSON {
		return printJSON(s.out, a)
	}
	if a.Run > 0 { // not where only the end of a finished one was waited for
		if err := printQueued(s.out, a); err != nil {
			return err
		}
	}
	if a.Ends != nil {
		_, err := fmt.Fprintf(s.out, "%s\n", following(*a.Ends))
		if err == nil && a.goOn != "" {
			_, err = fmt.Fprintf(s.out, "the workers go on all the same; follow them with: %s\n", a.goOn)
		}
		return err
	}
	return nil
}

func printQueued(out io.Writer, a replayAnswer) error {
	is := a.ReplayResult
	switch {
	case is.DryRun:
		_, _ = fmt.Fprintf(out, "%s would queue %d webhooks, in %s at %g a second\n", is.Name, is.Counts.Sent, lasting(is.Counts.Sent, a.rate), a.rate)
	case is.Finished:
		_, _ = fmt.Fprintf(out, "%s is finished: %d webhooks queued\n", is.Name, is.Counts.Sent)
	default:
		_, _ = fmt.Fprintf(out, "%s was interrupted behind event %d of %d: %d webhooks queued; go on with: %s\n",
			is.Name, is.Position, is.To, is.Counts.Sent, a.goOn)
	}
	if err := printRows(out, is.Rows); err != nil {
		return err
	}
	for _, left := range leftOut(is.Counts) {
		if left.n > 0 {
			_, _ = fmt.Fprintf(out, "%d %s\n", left.n, left.why)
		}
	}
	if sel := is.Selection; sel.FromSeq > 0 && sel.FromSeq < is.KeptFrom || !sel.Since.IsZero() && sel.Since.Before(is.KeptSince) && is.KeptFrom > 1 {
		_, _ = fmt.Fprintf(out, "PAYMENT_STATUS keeps events since %s, sequence %d; older ones can only be sent from dead letters (--dead any)\n",
			is.KeptSince.Format(time.RFC3339), is.KeptFrom)
	}
	return nil
}

// lasting is how long queueing takes at that rate.
func lasting(webhooks int, rate float64) time.Duration {
	return time.Duration(float64(webhooks) / rate * float64(time.Second)).Round(time.Second)
}

func printRows(out io.Writer, rows []ops.ReplayRow) error {
	if len(rows) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MERCHANT\tENDPOINT\tTYPE\tQUEUED\tPENDING\tOFF\tOTHER")
	for _, r := range rows {
		other := r.Repeated + r.Settled + r.Removed + r.Unwanted + r.Expired + r.Unreadable
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\n", r.Merchant, r.Endpoint, r.Type, r.Sent, r.Pending, r.Off, other)
	}
	return w.Flush()
}

type leftOutRow struct {
	n   int
	why string
}

// leftOut says why webhooks were not queued, and what to do about it.
func leftOut(c ops.ReplayCounts) []leftOutRow {
	return []leftOutRow{
		{c.Off, "left out: the endpoint is off or can't be used; see `reconciler endpoints list`, switch it on with `reconciler endpoints enable` (or resume), then replay with --again"},
		{c.Pending, "left out: on their way already"},
		{c.Repeated, "left out: queued before the interruption"},
		{c.Settled, "left out: delivered since they were missed"},
		{c.Removed, "left out: the endpoint does not exist any more"},
		{c.Unwanted, "left out: the endpoint's filter does not let them in now"},
		{c.Expired, "left out: PAYMENT_STATUS does not keep their events any more, and no dead letter holds them"},
		{c.Unreadable, "left out: events that no worker of this version wrote"},
	}
}
