package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/demo"
	"reconciler/internal/invariant"
	"reconciler/internal/sandbox"
	"reconciler/internal/worker"
)

const demoHelp = `Show the whole product at work on this machine: an embedded broker, four
simulated providers, a worker, a merchant that verifies each webhook. Payments
are announced, live their scripted lives in seconds, and are judged at the end
by the simulators' own ledgers and the streams as stored, never by the worker's
word.

Without --once waves of payments follow each other until you stop it (Ctrl-C).
Exit code 0: every payment ended as its provider's ledger says, every webhook
that was due arrived with a valid signature, no invariant is broken.

The broker writes to disk before it acknowledges, as it does in run;
--fsync=false leaves that out, since its store is thrown away at the end.

With --nats the same demo runs over a nats-server or cluster of yours, under the
same judge; equal seeds give equal outcomes wherever the broker is. It refuses a
broker that has any stream or bucket of ours (exit code 2), and removes what it
made when it ends, also by Ctrl-C. Logins and TLS come from the nats section of
the configuration named by --config.`

// demoFlags are the flags of demo.
type demoFlags struct {
	payments int
	seed     uint64
	faults   string
	once     bool
	json     bool
	limit    time.Duration
	logs     bool
	fsync    bool
	nats     string
	config   string
	replicas int
	keep     bool
}

func newDemo(s streams) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use: "demo", Short: "Show all of it working on this machine", Long: demoHelp, Args: noArguments,
		Example: "  reconciler demo\n  reconciler demo --once --payments 200 --seed 7 --faults some --json\n  reconciler demo --once --nats nats://127.0.0.1:4222",
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), s, f) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.payments, "payments", 200, "how many payments (of a wave)")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of payments, lives and faults")
	flags.StringVar(&f.faults, "faults", "some", "how much goes wrong: none, some, many or hostile (answers that lie)")
	flags.BoolVar(&f.once, "once", false, "one wave, then end with the verdict")
	flags.BoolVar(&f.json, "json", false, "print one JSON object at the end and nothing else (with --once)")
	flags.DurationVar(&f.limit, "limit", 0, "judge after this time at the latest (default: by the number of payments)")
	flags.BoolVar(&f.logs, "logs", false, "show the worker's log on standard error")
	flags.BoolVar(&f.fsync, "fsync", true, "write to disk before each acknowledgement, as run does")
	flags.StringVar(&f.nats, "nats", "", "addresses of a server or cluster to use, with commas between them (default: an embedded broker)")
	flags.StringVarP(&f.config, "config", "c", "", "configuration file whose nats section has login and TLS for --nats")
	flags.IntVar(&f.replicas, "replicas", 0, "copies of each stream at --nats: 1, 3 or 5 (default: 3 where it names three servers, else 1)")
	flags.BoolVar(&f.keep, "keep", false, "leave at --nats what the demo made (with --once)")
	return cmd
}

func (f demoFlags) check() (sandbox.Faults, error) {
	faults, err := sandbox.ParseFaults(f.faults)
	switch {
	case err != nil:
		return faults, &usageError{fmt.Errorf("--faults: %w", err)}
	case f.payments < 1 || f.payments > 100_000:
		return faults, &usageError{errors.New("--payments must be from 1 to 100000")}
	case f.limit < 0:
		return faults, &usageError{errors.New("--limit must not be negative")}
	case f.json && !f.once:
		return faults, &usageError{errors.New("--json prints one object at the end: it needs --once")}
	}
	return faults, f.checkNATS()
}

// checkNATS refuses what belongs to the other kind of broker: it would do nothing.
func (f demoFlags) checkNATS() error {
	fault := ""
	switch problem := config.ServerProblem(f.nats); {
	case f.nats == "" && (f.config != "" || f.replicas != 0 || f.keep):
		fault = "--config, --replicas and --keep are for a broker at --nats"
	case f.nats == "":
	case problem != "":
		fault = "--nats is " + problem + ", wanted nats://host:4222, several with commas between them; the login comes from --config"
	case !f.fsync:
		fault = "--fsync is for the embedded broker; one at --nats has its own sync_interval"
	case !slices.Contains([]int{0, 1, 3, 5}, f.replicas):
		fault = "--replicas must be 1, 3 or 5"
	case f.keep && !f.once:
		fault = "--keep would be in the way of the next wave: it needs --once"
	}
	if fault != "" {
		return &usageError{errors.New(fault)}
	}
	return nil
}

func runDemo(ctx context.Context, s streams, f demoFlags) error {
	faults, err := f.check()
	if err != nil {
		return err
	}
	for ; ; f.seed++ {
		result, err := runWave(ctx, s, f, faults)
		switch {
		case err != nil && ctx.Err() != nil && f.once:
			return errors.New("stopped before the verdict")
		case err != nil && ctx.Err() != nil:
			return nil // stopped by hand, as it has to be
		case err != nil:
			return err
		}
		if err := printResult(s, f, result); err != nil {
			return err
		}
		if !result.Passed() {
			return errReported
		}
		if f.once {
			return nil
		}
	}
}

func printResult(s streams, f demoFlags, r demo.Result) error {
	if f.json {
		if !r.Passed() {
			_, _ = io.WriteString(s.err, r.Summary())
		}
		return json.NewEncoder(s.out).Encode(r)
	}
	_, err := io.WriteString(s.out, r.Summary())
	return err
}

// demoHooks are the simulated merchants' endpoints: four, and for large demos
// one more shop per 250 payments.
func demoHooks(payments int) []demo.Hook {
	hooks := []demo.Hook{
		{Merchant: "shop-a", ID: "orders", Name: "shop-a"},
		{Merchant: "shop-b", ID: "orders", Name: "shop-b"},
		{Merchant: "shop-b", ID: "accounting", Name: "shop-b-accounting", Events: []string{"payment.succeeded", "payment.refunded"}},
		{Merchant: "shop-c", ID: "orders", Name: "shop-c", Events: []string{"payment.*"}},
	}
	for i := 1; i <= payments/250; i++ {
		name := fmt.Sprintf("shop-%d", i)
		hooks = append(hooks, demo.Hook{Merchant: name, ID: "orders", Name: name})
	}
	return hooks
}

// runWave runs one demo from an empty broker to its verdict.
func runWave(ctx context.Context, s streams, f demoFlags, faults sandbox.Faults) (demo.Result, error) {
	dir, err := os.MkdirTemp("", "reconciler-demo-")
	if err != nil {
		return demo.Result{}, fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	hooks, pace := demoHooks(f.payments), demo.PaceFor(f.payments)
	world, err := startSandbox(ctx, sandbox.Options{Seed: f.seed, Faults: faults, Step: pace.Step, Floor: pace.Floor}, hooks)
	if err != nil {
		return demo.Result{}, err
	}
	defer stopSandbox(ctx, world)
	path, err := writeSandboxConfig(dir, world, sandboxConfig{Hooks: configured(hooks), Pace: pace, URL: f.nats, DataDir: filepath.Join(dir, "data")})
	if err != nil {
		return demo.Result{}, err
	}
	w, limits, link, err := demoWorker(ctx, s, f, path)
	if err != nil {
		return demo.Result{}, err
	}
	defer link.close()
	screen, live := demoScreen(s, f)
	return demo.Run(ctx, demo.Options{
		Payments: f.payments, Seed: f.seed, Sandbox: world, Hooks: hooks, Pace: pace, Conn: link.conn, Worker: w,
		Limits: limits, Screen: screen, Live: live, Limit: demoLimit(f),
	})
}

// demoWorker makes the worker of a configuration, with a broker of its own or a
// borrowed one, and tells what limits it keeps to.
func demoWorker(ctx context.Context, s streams, f demoFlags, path string) (*worker.Worker, []invariant.Limits, link, error) {
	log := zerolog.Nop()
	if f.logs {
		log = newLog(s, config.Log{Level: "info", Format: "console"})
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return nil, nil, link{}, err
	}
	o, err := cfg.WorkerOptions(newTransport)
	if err != nil {
		return nil, nil, link{}, err
	}
	l, err := demoBroker(ctx, s, f, cfg, log)
	if err != nil {
		return nil, nil, link{}, err
	}
	o.Conn, o.Log, o.Random, o.Replicas = l.conn, log, newRandom(), f.replicasThere()
	w, err := worker.New(ctx, o)
	if err != nil {
		l.close()
		return nil, nil, link{}, err
	}
	return w, demoLimits(o.Accounts), l, nil
}

// demoBroker is the embedded broker, or somebody's at --nats.
func demoBroker(ctx context.Context, s streams, f demoFlags, cfg *config.Config, log zerolog.Logger) (link, error) {
	if f.nats != "" {
		return borrow(ctx, s, f, log)
	}
	o := broker.EmbedOptions{DataDir: cfg.NATS.DataDir}
	if !f.fsync {
		o.SyncEvery = time.Minute
	}
	return embed(ctx, o, log)
}

// demoLimits are the accounts' limits and breakers, for the verdict.
func demoLimits(accounts []worker.Account) []invariant.Limits {
	var all []invariant.Limits
	for _, a := range accounts {
		all = append(all, invariant.Limits{
			Account: a.Name, Rate: a.Guard.Rate, Burst: a.Guard.Burst, Concurrency: a.Guard.Concurrency,
			Failures: int(a.Guard.Consecutive), Reopen: a.Guard.Reopen, Workers: 1,
		})
	}
	return all
}

// demoLimit leaves room for the longest life several times over.
func demoLimit(f demoFlags) time.Duration {
	if f.limit > 0 {
		return f.limit
	}
	return 90*time.Second + time.Duration(f.payments)*60*time.Millisecond
}

// demoScreen is where progress goes: nowhere with --json, painted over in a terminal.
func demoScreen(s streams, f demoFlags) (io.Writer, bool) {
	if f.json {
		return nil, false
	}
	return s.out, isTerminal(s.out) && !f.logs
}

func configured(hooks []demo.Hook) []configuredHook {
	all := make([]configuredHook, len(hooks))
	for i, h := range hooks {
		all[i] = configuredHook{Hook: h}
	}
	return all
}
