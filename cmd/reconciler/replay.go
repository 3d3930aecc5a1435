package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/ops"
)

const replayHelp = `Send webhooks of past events again: the same webhook-id and the same body as the
first time, a new signature, and the header webhook-replay: true.

What is selected is what all flags say together; at least one is needed, or
--all. An event goes to each endpoint that its filter lets in and that exists
now, in the configuration or added at run time. An endpoint that is switched off
gets nothing: switch it on first (reconciler endpoints enable, or resume). What
is on its way already is left alone and counted as pending.

The webhooks are queued at the broker; workers deliver them, now or when they
run again, each by its endpoint's schedule, in order per payment. --wait follows
until each was delivered or given up.

A replay has a name, printed at the beginning, and keeps its place. After an
interruption the same command, or --name alone, goes on behind the last event
that was queued. One that is finished is only sent again with --again. All of
them are listed by "reconciler replay list".

Events that PAYMENT_STATUS does not keep any more are sent from their dead letters
where there are any: with --dead, --exhausted, or --skipped for a 410.

Exits with 1 where it was interrupted, or with --wait where not all was delivered.`

// replayFlags is a replay as flags.
type replayFlags struct {
	config       string
	since, until string
	wish         ops.ReplayWish
	wait, json   bool
}

func newReplay(s streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use: "replay", Short: "Send webhooks of past events again", Long: replayHelp, Args: noArguments,
		Example: `  reconciler replay --merchant shop-a --endpoint orders --skipped --dry-run
  reconciler replay --merchant shop-a --endpoint orders --skipped --wait
  reconciler replay --since 2026-11-20T08:00:00Z --until 2026-11-20T09:30:00Z --type payment.succeeded,payment.refunded
  reconciler replay --name replay-1f0c5a9b2e`,
		RunE: func(cmd *cobra.Command, _ []string) error { return replay(cmd.Context(), s, f) },
	}
	cmd.AddCommand(newReplayList(s))
	configFlag(cmd, &f.config)
	flags, sel := cmd.Flags(), &f.wish.Selection
	flags.BoolVar(&sel.All, "all", false, "every event that is kept, to every endpoint")
	flags.StringVar(&sel.Merchant, "merchant", "", "only this merchant's")
	flags.StringVar(&sel.Endpoint, "endpoint", "", "only to the endpoint of this id")
	flags.StringVar(&sel.Payment, "payment", "", "only of this payment")
	flags.StringSliceVar(&sel.Types, "type", nil, "only events of these types: payment.* or payment.succeeded, ...")
	flags.StringVar(&f.since, "since", "", "published then or later: 2026-11-20, 2026-11-20T08:00:00Z, or 36h for so long ago")
	flags.StringVar(&f.until, "until", "", "published before then")
	flags.Uint64Var(&sel.FromSeq, "from-seq", 0, "from this sequence of PAYMENT_STATUS on")
	flags.Uint64Var(&sel.ToSeq, "to-seq", 0, "up to this sequence of PAYMENT_STATUS, included")
	flags.BoolVar(&sel.Skipped, "skipped", false, "what endpoints missed while they were off, and what they answered 410")
	flags.BoolVar(&sel.Exhausted, "exhausted", false, "what was given up")
	flags.StringVar(&sel.Dead, "dead", "", "what has a dead letter of this reason: exhausted, gone or any; older than PAYMENT_STATUS too")
	flags.StringVar(&f.wish.Name, "name", "", "the replay's name (default: made of the selection)")
	flags.Float64Var(&f.wish.Rate, "rate", ops.DefaultReplayRate, "webhooks a second at most")
	flags.BoolVar(&f.wish.DryRun, "dry-run", false, "count what would be sent, and write nothing")
	flags.BoolVar(&f.wish.Again, "again", false, "begin anew what was finished or interrupted")
	flags.BoolVar(&f.wait, "wait", false, "follow until each webhook was delivered or given up")
	flags.BoolVar(&f.json, "json", false, "print JSON; progress goes to standard error")
	return cmd
}

func replay(ctx context.Context, s streams, f replayFlags) error {
	now := time.Now()
	var bad error
	if f.wish.Selection.Since, bad = parseMoment("since", f.since, now); bad != nil {
		return &usageError{bad}
	}
	if f.wish.Selection.Until, bad = parseMoment("until", f.until, now); bad != nil {
		return &usageError{bad}
	}
	if f.wish.DryRun && f.wait {
		return &usageError{errors.New("--wait waits for what --dry-run does not send")}
	}
	if f.wish.Rate <= 0 {
		return &usageError{errors.New("--rate must be above 0")}
	}
	return f.withReplays(ctx, func(r *ops.Replays) error { return f.run(ctx, s, r) })
}

// parseMoment reads a time, a day (in UTC) or how long ago.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s must be a time as 2026-11-20T08:00:00Z, a day as 2026-11-20, or a duration as 36h for so long ago", flag)
}

// withReplays connects and does what is asked.
func (f replayFlags) withReplays(ctx context.Context, do func(*ops.Replays) error) error {
	return onBroker(ctx, f.config, func(b *broker.Broker, e *ops.Endpoints) error {
		return do(ops.NewReplays(ops.ReplayOptions{Broker: b, Endpoints: e, Job: consumer.ReplayJob, Dispatched: consumer.Dispatched}))
	})
}

// opening tells the name first: whoever loses the terminal goes on by it.
func (f replayFlags) opening(s streams) func(ops.ReplayResult) {
	out, told := s.out, false
	if f.json {
		out = s.err
	}
	return func(is ops.ReplayResult) {
		if told || f.wish.DryRun {
			return
		}
		told = true
		if is.Resumed {
			_, _ = fmt.Fprintf(out, "%s goes on behind event %d of %d; %d webhooks are queued already\n", is.Name, is.Position, is.To, is.Counts.Sent)
			return
		}
		_, _ = fmt.Fprintf(out, "%s begins: events %d to %d, %g webhooks a second at most\n", is.Name, is.From, is.To, f.wish.Rate)
	}
}

// goOn is the command that goes on with a replay.
func (f replayFlags) goOn(name string) string {
	return "reconciler replay --config " + f.config + " --name " + name
}

// run replays, waits and prints.
func (f replayFlags) run(ctx context.Context, s streams, r *ops.Replays) error {
	line, open, guess := newProgress(s.err), f.opening(s), &estimate{}
	f.wish.Progress = func(is ops.ReplayResult) {
		open(is)
		line.show(queueing(is) + guess.left(is))
	}
	is, err := r.Run(ctx, f.wish)
	line.end()
	var finished *ops.ReplayFinishedError
	switch {
	case errors.As(err, &finished) && f.wait:
		is.Name = finished.Name
	case err != nil && is.Name != "":
		err = errors.Join(printReplay(s, f.json, replayAnswer{ReplayResult: is, goOn: f.goOn(is.Name)}), err)
		if ctx.Err() != nil {
			return errReported // somebody ended it, and knows why
		}
		return err
	case err != nil:
		return err
	}
	answer := replayAnswer{ReplayResult: is, rate: f.wish.Rate}
	if f.wait {
		ends, err := r.Wait(ctx, is.Name, func(e ops.ReplayEnds) { line.show(following(e)) })
		line.end()
		if err != nil && ctx.Err() == nil {
			return err
		}
		answer.Ends = &ends
		if err != nil {
			answer.goOn = f.goOn(is.Name) + " --wait"
		}
	}
	err = printReplay(s, f.json, answer)
	if err == nil && answer.Ends != nil && answer.Ends.Delivered < answer.Ends.Sent {
		return errReported
	}
	return err
}
