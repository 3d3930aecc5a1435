package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/ops"
)

const replayListHelp = `List the replays that are remembered, the one that moved last first. One that is
not finished is under way now, or was interrupted: its LAST MOVE tells. It goes on
with: reconciler replay --name NAME`

func newReplayList(s streams) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List replays and how far they are", Long: replayListHelp, Args: noArguments,
		Example: "  reconciler replay list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withReplays(cmd.Context(), func(r *ops.Replays) error {
				all, err := r.List(cmd.Context())
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(s.out, all)
				}
				return printReplays(s.out, all)
			})
		},
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func printReplays(out io.Writer, all []ops.ReplayState) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "there is no replay")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tSTATE\tQUEUED\tEVENT\tLAST MOVE\tSELECTION")
	for _, r := range all {
		state := "not finished"
		switch {
		case r.Problem != "":
			state = r.Problem
		case !r.FinishedAt.IsZero():
			state = "finished"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d of %d\t%s\t%s\n",
			r.Name, state, r.Counts.Sent, r.Position, r.To, r.MovedAt.UTC().Format(time.RFC3339), selected(r.Selection))
	}
	return w.Flush()
}

// selected is a selection as flags.
func selected(s ops.Selection) string {
	var all []string
	add := func(is bool, flag string, value ...any) {
		if is {
			all = append(all, strings.TrimSpace("--"+flag+" "+fmt.Sprint(value...)))
		}
	}
	add(s.All, "all")
	add(s.Merchant != "", "merchant", s.Merchant)
	add(s.Endpoint != "", "endpoint", s.Endpoint)
	add(s.Payment != "", "payment", s.Payment)
	add(len(s.Types) > 0, "type", strings.Join(s.Types, ","))
	add(!s.Since.IsZero(), "since", s.Since.Format(time.RFC3339))
	add(!s.Until.IsZero(), "until", s.Until.Format(time.RFC3339))
	add(s.FromSeq > 0, "from-seq", s.FromSeq)
	add(s.ToSeq > 0, "to-seq", s.ToSeq)
	add(s.Skipped, "skipped")
	add(s.Exhausted, "exhausted")
	add(s.Dead != "", "dead", s.Dead)
	return strings.Join(all, " ")
}
