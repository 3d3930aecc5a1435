package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/ops"
)

const endpointLagHelp = `Show how far webhooks are behind, for each endpoint, by what the broker holds: with
workers or without.

UNDELIVERED are on their way: queued, being sent, or waiting for their next attempt.
OLDEST is the age of the first of their events: what the merchant waits for. It grows
while an endpoint fails, which is the merchant's fault. OVERDUE are due now, BY how
long the first of them has been: that is our fault, or the endpoint is slower than
what is sent to it. An endpoint that was removed is shown while it has webhooks left.

Exits with 1 where anything is overdue by more than --over, an event that no worker
has taken up included: for a monitor.`

// lagFlags are what endpoints lag takes.
type lagFlags struct {
	config, merchant string
	over             time.Duration
	json             bool
}

func newEndpointLag(s streams) *cobra.Command {
	var f lagFlags
	cmd := &cobra.Command{
		Use: "lag", Short: "Show how far webhooks are behind", Long: endpointLagHelp, Args: noArguments,
		Example: `  reconciler endpoints lag
  reconciler endpoints lag --merchant shop-a --over 5m --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return lag(cmd.Context(), s, f) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.merchant, "merchant", "", "only this merchant's")
	cmd.Flags().DurationVar(&f.over, "over", 0, "exit with 1 if anything is overdue by more (default: never)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func lag(ctx context.Context, s streams, f lagFlags) error {
	if f.over < 0 {
		return &usageError{errors.New("--over must be a time above 0, as 5m")}
	}
	return onBroker(ctx, f.config, func(b *broker.Broker, e *ops.Endpoints) error {
		report, err := ops.NewLags(ops.LagOptions{Broker: b, Endpoints: e, Dispatched: consumer.Dispatched}).Read(ctx, f.merchant)
		if err != nil {
			return err
		}
		if f.json {
			err = printJSON(s.out, report)
		} else {
			err = printLag(s.out, report)
		}
		if err == nil && f.over > 0 && report.Worst() > f.over.Seconds() {
			return errReported
		}
		return err
	})
}

func printLag(out io.Writer, r ops.LagReport) error {
	if len(r.Endpoints) == 0 {
		_, _ = fmt.Fprintln(out, "there is no endpoint")
	} else {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "MERCHANT\tENDPOINT\tSTATUS\tUNDELIVERED\tOLDEST\tOVERDUE\tBY")
		for _, l := range r.Endpoints {
			oldest := age(l.OldestS)
			if l.AtLeast {
				oldest = "over " + oldest
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%s\n", l.Merchant, l.Endpoint, l.Status, l.Undelivered, oldest, l.Overdue, age(l.OverdueS))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if r.Undispatched > 0 {
		_, err := fmt.Fprintf(out, "%d events have no webhooks yet, the first for %s: if this grows, no worker runs\n", r.Undispatched, age(r.UndispatchedS))
		return err
	}
	return nil
}

// age is for people: seconds as a duration.
func age(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
