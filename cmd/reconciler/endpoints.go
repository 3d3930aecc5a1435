package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/ops"
)

const endpointsHelp = `Add, look at and change merchants' endpoints while workers run; each of them
knows within a moment. Endpoints of the configuration file are listed, tested,
disabled and paused too, and changed in the file.

Endpoints added here need webhooks.store.keys in the configuration, the same for
all workers: their secrets are sealed with them.`

func newEndpoints(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "endpoints", Short: "Work with merchants' endpoints", Long: endpointsHelp, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEndpointAdd(s), newEndpointList(s), newEndpointLag(s), newEndpointShow(s), newEndpointSet(s), newEndpointRotate(s), newEndpointTest(s), newEndpointRemove(s))
	for _, v := range endpointVerbs() {
		cmd.AddCommand(newEndpointSwitch(s, v))
	}
	return cmd
}

// endpointFlags name an endpoint.
type endpointFlags struct {
	config, merchant, id string
	json                 bool
}

func (f *endpointFlags) add(cmd *cobra.Command) {
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.merchant, "merchant", "", "the merchant's merchant_id")
	cmd.Flags().StringVar(&f.id, "id", "", "the endpoint's id, one among the merchant's")
}

func (f *endpointFlags) addJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// named refuses a command line that names no endpoint.
func (f endpointFlags) named() error {
	if f.merchant == "" || f.id == "" {
		return &usageError{errors.New("--merchant and --id are needed; `reconciler endpoints list` shows both")}
	}
	return nil
}

// withEndpoints connects as the configuration says and does what is asked, within a
// minute.
func (f endpointFlags) withEndpoints(ctx context.Context, do func(context.Context, *ops.Endpoints) error) error {
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return onStore(limited, f.config, func(cfg *config.Config, _ *broker.Broker, o ops.Options) error {
		sender, err := webhook.New(cfg.WebhookOptions())
		if err != nil {
			return err
		}
		defer sender.Close()
		o.Sender, o.Random = sender, rand.Reader
		return do(limited, ops.NewEndpoints(o))
	})
}

const endpointAddHelp = `Add an endpoint, switched on, and make its secrets. They are printed this once,
on standard output; nobody can show them again. With --signing v1a or both, the
public key that is printed is all the receiver needs.

A header's value may be a credential, so it is named and not written:
--header X-Api-Key=env:SHOP_KEY, or --header X-Api-Key=file:shop.key. So is the
client certificate for a receiver that asks for one (mTLS), with its key.`

// addFlags is an endpoint as flags.
type addFlags struct {
	endpointFlags
	wish            ops.Wish
	signing, format string
	headers         []string
	files           certificateFlags
}

func newEndpointAdd(s streams) *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use: "add", Short: "Add an endpoint and print its secrets once", Long: endpointAddHelp, Args: noArguments,
		Example: `  reconciler endpoints add --merchant shop-a --id orders --url https://shop-a.example/webhooks
  reconciler endpoints add --merchant shop-a --id ledger --url https://ledger.example/in \
    --events payment.succeeded,payment.refunded --signing both --format thin --rate 20 \
    --header X-Api-Key=env:SHOP_KEY --schedule 0s,30s,10m,2h`,
		RunE: func(cmd *cobra.Command, _ []string) error { return addEndpoint(cmd.Context(), s, f) },
	}
	f.add(cmd)
	f.files.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.wish.URL, "url", "", "where to post: absolute, https")
	flags.StringSliceVar(&f.wish.Events, "events", nil, "types to tell: payment.* or payment.succeeded, ... (default: all)")
	flags.StringVar(&f.signing, "signing", "v1", "how to sign: v1 (HMAC), v1a (ed25519) or both")
	flags.StringVar(&f.format, "format", "full", "how much to tell: full, or thin (ids, version and status)")
	flags.StringArrayVar(&f.headers, "header", nil, "a header to send, Name=env:VARIABLE or Name=file:PATH; may be repeated")
	flags.Float64Var(&f.wish.Rate, "rate", 0, "webhooks per second at most (default: no limit)")
	flags.IntVar(&f.wish.Concurrency, "concurrency", notify.DefaultConcurrency, "webhooks under way at a time")
	flags.DurationSliceVar(&f.wish.Schedule, "schedule", nil, "delays before the attempts (default: webhooks.schedule)")
	return cmd
}

func addEndpoint(ctx context.Context, s streams, f addFlags) error {
	var faults []error
	for _, given := range f.headers {
		h, err := parseHeader(given, os.LookupEnv)
		if err != nil {
			faults = append(faults, err)
		}
		f.wish.Headers = append(f.wish.Headers, h)
	}
	var unread error
	f.wish.Client, f.wish.CAs, unread = f.files.read()
	if err := errors.Join(append(faults, unread)...); err != nil {
		return &usageError{err}
	}
	f.wish.Merchant, f.wish.ID = f.merchant, f.id
	f.wish.Signing, f.wish.Format = endpoint.Signing(f.signing), notify.Format(f.format)
	return f.withEndpoints(ctx, func(ctx context.Context, e *ops.Endpoints) error {
		made, err := e.Add(ctx, f.wish)
		if err != nil {
			return err
		}
		return printSecrets(s, fmt.Sprintf("added endpoint %s of %s\n", f.id, f.merchant), made)
	})
}

const endpointRotateHelp = `Make new secrets for an endpoint and print them once. The old ones sign beside
them until --overlap has passed, so the receiver may change over at any moment
of it. With --overlap 0s the old ones end at once, as after a leak.`

func newEndpointRotate(s streams) *cobra.Command {
	var f endpointFlags
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate", Short: "Replace an endpoint's secrets", Long: endpointRotateHelp, Args: noArguments,
		Example: "  reconciler endpoints rotate --merchant shop-a --id orders --overlap 48h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				made, err := e.Rotate(ctx, f.merchant, f.id, overlap)
				if err != nil {
					return err
				}
				return printSecrets(s, fmt.Sprintf("rotated endpoint %s of %s; the old secrets sign for %s more\n", f.id, f.merchant, overlap), made)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&overlap, "overlap", ops.DefaultOverlap, "how long the old secrets sign beside the new ones")
	return cmd
}

// endpointVerb is a command that switches an endpoint.
type endpointVerb struct {
	verb             endpoint.Verb
	done, short, why string
}

func endpointVerbs() []endpointVerb {
	return []endpointVerb{
		{endpoint.Enable, "enabled", "Switch an endpoint on", "It is told of events from now on, and its failures are counted anew. What it\nmissed meanwhile was kept as skipped."},
		{endpoint.Disable, "disabled", "Switch an endpoint off", "It is told nothing until enable. What happens meanwhile is kept as skipped."},
		{endpoint.Pause, "paused", "Switch an endpoint off for a while", "It is told nothing until resume. What happens meanwhile is kept as skipped.\nAs disable, but listed as something that will end."},
		{endpoint.Resume, "resumed", "End an endpoint's pause", "It is told of events from now on. An endpoint that is disabled stays so."},
	}
}

func newEndpointSwitch(s streams, v endpointVerb) *cobra.Command {
	var f endpointFlags
	cmd := &cobra.Command{
		Use: string(v.verb), Short: v.short, Long: v.short + ", of the configuration too. " + v.why, Args: noArguments,
		Example: "  reconciler endpoints " + string(v.verb) + " --merchant shop-a --id orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				changed, err := e.Switch(ctx, f.merchant, f.id, v.verb)
				if err != nil {
					return err
				}
				already := ""
				if !changed {
					already = "already "
				}
				_, err = fmt.Fprintf(s.out, "endpoint %s of %s is %s%s\n", f.id, f.merchant, already, v.done)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

const endpointRemoveHelp = `Remove an endpoint that was added here, with its secrets and its state, for
good. Its id must be given twice, as --id and as --confirm, or --yes instead.`

func newEndpointRemove(s streams) *cobra.Command {
	var f endpointFlags
	var confirm string
	var yes bool
	cmd := &cobra.Command{
		Use: "remove", Short: "Remove an endpoint for good", Long: endpointRemoveHelp, Args: noArguments,
		Example: "  reconciler endpoints remove --merchant shop-a --id orders --confirm orders",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			if !yes && confirm != f.id {
				return &usageError{errors.New("--confirm must repeat --id (or give --yes): a removed endpoint's secrets are gone for good")}
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				if err := e.Remove(ctx, f.merchant, f.id); err != nil {
					return err
				}
				_, err := fmt.Fprintf(s.out, "removed endpoint %s of %s\n", f.id, f.merchant)
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&confirm, "confirm", "", "the endpoint's id once more")
	cmd.Flags().BoolVar(&yes, "yes", false, "remove without --confirm")
	return cmd
}
