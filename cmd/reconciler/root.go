package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"
)

// streams is where a command prints.
type streams struct{ out, err io.Writer }

// errReported ends a command that has already said what is wrong.
var errReported = errors.New("reported")

// usageError is a command line that can't be carried out.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

const rootHelp = `Reconciler watches payments that a backend created at a payment provider until
their status is final. It asks the provider (finipay, Halyk ePay, UAPAY,
ecommpay), publishes each change of status exactly once to NATS JetStream, and
tells the merchant with a signed, retried webhook.

See all of it work on this machine:   reconciler demo
Run it against real providers:        reconciler run --config configs/reconciler.yaml`

// newRoot makes the command tree. Nothing is registered anywhere else.
func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "reconciler",
		Short:         "Find out what became of payments, and tell whom it concerns",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newDemo(s), newRun(s), newCheck(s), newSandbox(s), newPayments(s), newEndpoints(s), newReplay(s), newAudit(s))
	return root
}

// noArguments refuses what no command of ours takes, an unknown subcommand too.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{errors.New("unknown command or argument \"" + args[0] + "\" for " + cmd.CommandPath() + "; see " + cmd.CommandPath() + " --help")}
}
