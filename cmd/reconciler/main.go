// Command reconciler makes sure that nobody has to wonder what became of a
// payment: it polls payment providers, publishes each change of status once and
// tells merchants with signed webhooks.
//
// Exit codes: 0 done, 1 failed (what was asked for did not come true), 2 used
// wrongly (unknown command, flag or argument).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks for a graceful stop; after that the second one kills,
	// because NotifyContext gives the signals back once ctx has ended.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := execute(ctx, streams{out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs one command line and gives the exit code.
func execute(ctx context.Context, s streams, args []string) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errReported):
		return 1
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(s.err, "reconciler: %v\n", err)
		return 2
	}
	_, _ = fmt.Fprintf(s.err, "reconciler: %v\n", err)
	return 1
}
