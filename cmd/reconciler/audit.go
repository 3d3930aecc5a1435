package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"reconciler/internal/audit"
	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/consumer"
	"reconciler/internal/notify"
	"reconciler/internal/ops"
	"reconciler/internal/worker"
)

const auditHelp = `Prove from the broker's streams that nothing is lost, or say what is. Workers may run
meanwhile: what is in flight is no finding, and what seems to be missing is asked for
again.

Looked for are payments and webhooks without a future (RECON_WORK or a timer deleted,
a timer silent because the store was full), gaps in the versions of a payment, created
events that led to nothing, states and money that can't be, secrets in a stream,
messages that no worker wrote, consumers that stand still, replicas that are away or
fall behind.

--repair arms timers again, as a running worker does every 5 minutes, and queues lost
webhooks again as a replay does: same webhook-id, same body, webhook-replay: true. All
else is reported with what to do: what is missing is never made up.

The configuration is needed as "run" has it: how long an account's payments are watched
stands there. Streams that hold more than --memory are read in several passes.

Not seen are events that were to reach an endpoint before its first record in
WEBHOOK_LOG or its last change, and replicas that differ in what the server counts as
equal.

Exits with 0 where nothing is wrong, or all was repaired; with 1 where something is.`

// auditFlags are what audit takes.
type auditFlags struct {
	config        string
	memory, limit int
	repair, json  bool
}

func newAudit(s streams) *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use: "audit", Short: "Prove that nothing is lost, and repair what has no future", Long: auditHelp, Args: noArguments,
		Example: `  reconciler audit
  reconciler audit --repair
  reconciler audit --json --limit 10000 > audit.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return auditStreams(cmd.Context(), s, f) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.repair, "repair", false, "arm timers again and queue lost webhooks again")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON; progress goes to standard error")
	cmd.Flags().IntVar(&f.memory, "memory", 256, "MiB of messages held at a time; the process takes about three times as much")
	cmd.Flags().IntVar(&f.limit, "limit", 100, "how many findings of a kind are listed; all are counted")
	return cmd
}

func auditStreams(ctx context.Context, s streams, f auditFlags) error {
	if f.memory < 1 || f.limit < 1 {
		return &usageError{errors.New("--memory and --limit must be 1 or more")}
	}
	cfg, err := config.Load(f.config, os.LookupEnv)
	if err != nil {
		return err
	}
	o, err := cfg.WorkerOptions(newTransport) // nobody is asked anything
	if err != nil {
		return err
	}
	return onBroker(ctx, f.config, func(b *broker.Broker, e *ops.Endpoints) error {
		views, err := e.List(ctx, "")
		if err != nil {
			return err
		}
		return f.run(ctx, s, auditOptions(b, o, views))
	})
}

// auditOptions are the audit's by the worker's.
func auditOptions(b *broker.Broker, o worker.Options, views []ops.View) audit.Options {
	all := audit.Options{
		Broker:  b,
		Streams: broker.ProvisionOptions{StatusRetention: o.StatusRetention, LogRetention: o.LogRetention, DeadRetention: o.DeadRetention, Replicas: o.Replicas},
		Sealed:  sealedOf(o.Endpoints),
	}
	for _, a := range o.Accounts {
		floor := a.Floor
		if floor <= 0 {
			floor = a.Provider.Profile().Floor
		}
		all.Accounts = append(all.Accounts, &consumer.Account{
			Name: a.Name, Provider: a.Provider, Policy: consumer.Policy{Cadence: *a.Cadence, Floor: floor},
		})
	}
	known := map[string]bool{}
	for _, v := range views {
		if known[v.Merchant+"\n"+v.ID] {
			continue // the configuration's wins
		}
		known[v.Merchant+"\n"+v.ID] = true
		to := audit.Endpoint{Merchant: v.Merchant, ID: v.ID, Events: v.Events}
		if v.UpdatedAt != nil {
			to.Since = *v.UpdatedAt
		}
		all.Endpoints = append(all.Endpoints, to)
	}
	return all
}

// sealedOf are the secrets of the configured endpoints.
func sealedOf(endpoints []notify.Endpoint) []string {
	var all []string
	for _, e := range endpoints {
		for _, secret := range e.Secrets {
			all = append(all, secret.Reveal())
		}
	}
	return all
}

// run audits and prints.
func (f auditFlags) run(ctx context.Context, s streams, o audit.Options) error {
	o.Memory, o.Limit = int64(f.memory)<<20, f.limit
	if f.repair {
		o.Repair = consumer.NewSweeper(consumer.SweepOptions{
			Broker: o.Broker, Accounts: o.Accounts, Worker: "audit-" + crand.Text(), Random: newRandom(), Log: zerolog.Nop(),
		})
	}
	line := newProgress(s.err)
	o.Progress = func(p audit.Progress) { line.show(auditing(p)) }
	report, err := audit.New(o).Run(ctx)
	line.end()
	if printed := printAudit(s.out, f, report, err); printed != nil {
		return printed
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errReported // somebody ended it, and knows why
	case err != nil:
		return fmt.Errorf("audit: %w", err)
	case report.Left() > 0:
		return errReported
	}
	return nil
}

func auditing(p audit.Progress) string {
	text := p.Doing
	if p.Passes > 1 {
		text = fmt.Sprintf("pass %d of %d: %s", p.Pass, p.Passes, text)
	}
	if p.All > 0 {
		text += fmt.Sprintf(", %d of %d read", min(p.Done, p.All), p.All)
	}
	return text
}
