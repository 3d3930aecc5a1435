package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/ops"
	"reconciler/internal/secret"
)

const endpointListHelp = `List endpoints: of one merchant, or of all. One that is switched off says since
when and why. No secret is printed, nor the query of a URL.`

func newEndpointList(s streams) *cobra.Command {
	var f endpointFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List endpoints", Long: endpointListHelp, Args: noArguments,
		Example: "  reconciler endpoints list --merchant shop-a --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				views, unread := e.List(ctx, f.merchant)
				show := printList
				if f.json {
					show = func(out io.Writer, views []ops.View) error { return printJSON(out, views) }
				}
				return errors.Join(show(s.out, views), unread)
			})
		},
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.merchant, "merchant", "", "only this merchant's")
	f.addJSON(cmd)
	return cmd
}

const endpointShowHelp = `Show one endpoint: its settings, how it stands, and which of its secrets are in
force until when. No secret is printed, nor the query of its URL.`

func newEndpointShow(s streams) *cobra.Command {
	var f endpointFlags
	cmd := &cobra.Command{
		Use: "show", Short: "Show one endpoint", Long: endpointShowHelp, Args: noArguments,
		Example: "  reconciler endpoints show --merchant shop-a --id orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				view, err := e.Show(ctx, f.merchant, f.id)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(s.out, view)
				}
				return printView(s.out, view)
			})
		},
	}
	f.add(cmd)
	f.addJSON(cmd)
	return cmd
}

const endpointTestHelp = `Send a signed test event (webhook.test) from this machine, once, whether or not
the endpoint is switched on, and print what came of it and how long each step
took. Where it may connect is decided as for any webhook; nothing is recorded.
Exits with 1 where the event was not taken.`

func newEndpointTest(s streams) *cobra.Command {
	var f endpointFlags
	cmd := &cobra.Command{
		Use: "test", Short: "Send a test event to an endpoint", Long: endpointTestHelp, Args: noArguments,
		Example: "  reconciler endpoints test --merchant shop-a --id orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				trial, err := e.Test(ctx, f.merchant, f.id)
				if err != nil {
					return err
				}
				if f.json {
					err = printJSON(s.out, trial)
				} else {
					err = printTrial(s.out, trial)
				}
				if err == nil && trial.Class != webhook.ClassDelivered {
					return errReported
				}
				return err
			})
		},
	}
	f.add(cmd)
	f.addJSON(cmd)
	return cmd
}

// maxHeaderFile bounds a file with a header's value: a larger one is the wrong file.
const maxHeaderFile = 4 << 10

// parseHeader reads Name=env:VARIABLE or Name=file:PATH. The error repeats no value.
func parseHeader(given string, env func(string) (string, bool)) (webhook.Header, error) {
	name, source, ok := strings.Cut(given, "=")
	kind, where, also := strings.Cut(source, ":")
	if !ok || !also || name == "" || where == "" || kind != "env" && kind != "file" {
		return webhook.Header{}, errors.New("--header must be Name=env:VARIABLE or Name=file:PATH; its value is not written on the command line, which others can read")
	}
	if kind == "env" {
		value, ok := env(where)
		if !ok || value == "" {
			return webhook.Header{}, fmt.Errorf("--header %s: the environment variable is not set or empty", name)
		}
		return webhook.Header{Name: name, Value: secret.New(value)}, nil
	}
	file, err := os.Open(where)
	if err != nil {
		return webhook.Header{}, fmt.Errorf("--header %s: the file can't be opened", name)
	}
	defer func() { _ = file.Close() }() // it was only read
	value, err := io.ReadAll(io.LimitReader(file, maxHeaderFile+1))
	if err != nil || len(value) > maxHeaderFile {
		return webhook.Header{}, fmt.Errorf("--header %s: the file can't be read, or is over 4 KiB", name)
	}
	return webhook.Header{Name: name, Value: secret.New(strings.TrimRight(string(value), "\r\n"))}, nil
}

// printSecrets is the one place that prints secrets, to standard output only.
func printSecrets(s streams, opening string, made []ops.NewSecret) error {
	var b strings.Builder
	b.WriteString(opening)
	for _, m := range made {
		if m.Public != "" {
			fmt.Fprintf(&b, "public key (%s), for the receiver: %s\n", m.Scheme, m.Public)
			continue
		}
		fmt.Fprintf(&b, "secret (%s), shown this once, for the receiver: %s\n", m.Scheme, m.Text.Reveal())
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func printList(out io.Writer, views []ops.View) error {
	if len(views) == 0 {
		_, err := fmt.Fprintln(out, "there is no endpoint")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MERCHANT\tID\tSOURCE\tEVENTS\tURL\tSTATUS")
	for _, v := range views {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Merchant, v.ID, v.Source, events(v), v.URL, standing(v))
	}
	return w.Flush()
}

func events(v ops.View) string { return cmp.Or(strings.Join(v.Events, ","), "all") }

// standing is the status with since when and why.
func standing(v ops.View) string {
	text := string(v.Status)
	if v.Status != endpoint.Enabled {
		if v.Since != nil {
			text += " since " + v.Since.Format(time.RFC3339)
		}
		text += ", " + because(v.Reason)
	} else if v.FailingSince != nil {
		text += ", failing since " + v.FailingSince.Format(time.RFC3339)
	}
	if v.Problem != "" {
		text += "; told nothing: " + v.Problem
	}
	return text
}

func because(reason string) string {
	switch endpoint.Reason(reason) {
	case endpoint.ByOperator:
		return "by an operator"
	case endpoint.Gone:
		return "because it answered 410 (gone)"
	case endpoint.Failing:
		return "because it did nothing but fail"
	}
	return "because of: " + cmp.Or(reason, "a newer version's reason")
}

func printView(out io.Writer, v ops.View) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("endpoint", v.ID+" of "+v.Merchant+", in the "+v.Source)
	row("status", standing(v))
	row("url", v.URL)
	row("events", events(v))
	row("signing", string(v.Signing))
	row("format", string(v.Format))
	row("headers", strings.Join(v.Headers, ", "))
	if c := v.Client; c != nil {
		word := "expires at "
		if time.Now().After(c.ExpiresAt) {
			word = "expired at "
		}
		row("client certificate", c.Subject+", "+word+c.ExpiresAt.Format(time.RFC3339))
	}
	if v.CAs > 0 {
		row("authorities", fmt.Sprintf("%d of its own", v.CAs))
	}
	row("concurrency", fmt.Sprint(v.Concurrency))
	if v.Rate > 0 {
		row("rate", fmt.Sprintf("%g a second", v.Rate))
	}
	row("schedule", strings.Join(v.Schedule, ", "))
	for _, k := range v.Secrets {
		until := "in force"
		if k.ExpiresAt != nil {
			until = "until " + k.ExpiresAt.Format(time.RFC3339)
		}
		row("secret", strings.TrimSpace(fmt.Sprintf("%s (%s) of %s, %s %s", k.ID, k.Scheme, k.CreatedAt.Format(time.RFC3339), until, k.Public)))
	}
	return w.Flush()
}

func printTrial(out io.Writer, t ops.Trial) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	what := string(t.Class)
	if t.Status > 0 {
		what += fmt.Sprintf(", HTTP %d", t.Status)
	}
	if t.Detail != "" {
		what += ": " + t.Detail
	}
	_, _ = fmt.Fprintf(w, "outcome\t%s\n", what)
	_, _ = fmt.Fprintf(w, "event\t%s\n", t.EventID)
	if t.Remote != "" {
		_, _ = fmt.Fprintf(w, "remote\t%s\n", t.Remote)
	}
	for _, p := range t.Phases {
		_, _ = fmt.Fprintf(w, "%s\t%.1f ms\n", p.Name, p.MS)
	}
	_, _ = fmt.Fprintf(w, "in all\t%.1f ms\n", t.LatencyMS)
	if t.Excerpt != "" {
		_, _ = fmt.Fprintf(w, "answer\t%s\n", t.Excerpt)
	}
	return w.Flush()
}
