package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/demo"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/sandbox"
)

const sandboxHelp = `Start the simulated providers and merchant alone, on fixed loopback ports, so
that "reconciler run" can be tried against them by hand. A configuration for run
is written to --dir.

Payments are made with "reconciler payments create --sandbox" or over the control
API, whose first page lists the lives that a payment can live. Each webhook that
the merchant receives is printed.`

// sandboxFlags are the flags of sandbox.
type sandboxFlags struct {
	dir    string
	port   int
	seed   uint64
	faults string
	step   time.Duration
	listen string
	// callbacks is where run takes callbacks; empty: nowhere.
	callbacks string
}

func newSandbox(s streams) *cobra.Command {
	var f sandboxFlags
	cmd := &cobra.Command{
		Use: "sandbox", Short: "Start the simulated providers and merchant alone", Long: sandboxHelp, Args: noArguments,
		Example: `  reconciler sandbox --dir sandbox
  reconciler run --config sandbox/reconciler.yaml
  reconciler payments create --config sandbox/reconciler.yaml --sandbox http://127.0.0.1:18080 --provider finipay`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSandbox(cmd.Context(), s, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "sandbox", "folder for the configuration and the worker's data")
	flags.IntVar(&f.port, "port", 18080, "first port: control API, then merchant, then the providers")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of lives and faults")
	flags.StringVar(&f.faults, "faults", "none", "how much goes wrong: none, some, many or hostile (answers that lie)")
	flags.DurationVar(&f.step, "step", 3*time.Second, "length of one stage of a payment's life")
	flags.StringVar(&f.listen, "broker", "127.0.0.1:4222", "where the broker inside run is to listen")
	flags.StringVar(&f.callbacks, "callbacks", "", "where run is to take callbacks, such as 127.0.0.1:8090 (default: nowhere)")
	return cmd
}

func runSandbox(ctx context.Context, s streams, f sandboxFlags) error {
	faults, err := sandbox.ParseFaults(f.faults)
	if err != nil {
		return &usageError{fmt.Errorf("--faults: %w", err)}
	}
	if f.port < 1 || f.port > 65535-len(sandbox.Peers()) {
		return &usageError{errors.New("--port must leave room for six ports up to 65535")}
	}
	hooks := []demo.Hook{{Merchant: "shop-a", ID: "orders", Name: "shop-a"}}
	pace := demo.Pace{Step: f.step, Look: max(f.step*3/4, time.Second), Floor: 500 * time.Millisecond}
	world, err := startSandbox(ctx, sandbox.Options{
		Seed: f.seed, Faults: faults, Step: f.step, Floor: pace.Floor, Addresses: addresses(f.port),
	}, hooks)
	if err != nil {
		return err
	}
	defer stopSandbox(ctx, world)
	data, err := filepath.Abs(filepath.Join(f.dir, "data")) // run may be started elsewhere
	if err != nil {
		return fmt.Errorf("find the folder for the worker's data: %w", err)
	}
	path, err := writeSandboxConfig(f.dir, world, sandboxConfig{
		Hooks: configured(hooks), Pace: pace, Listen: f.listen, DataDir: data, AckWait: 10 * time.Second, Callbacks: f.callbacks,
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, sandboxIsUp, world.URL(sandbox.ControlPeer), path)
	follow(ctx, s, world)
	return nil
}

// sandboxIsUp takes the control API's address and the configuration's path.
const sandboxIsUp = `sandbox is up; control API %[1]s
run a worker:    reconciler run --config %[2]s
make a payment:  reconciler payments create --config %[2]s --sandbox %[1]s --provider finipay --life charged
stop with Ctrl-C; webhooks that the merchant receives are shown here

`

// addresses gives each peer a port of its own, the control API the first.
func addresses(first int) map[string]string {
	order := append([]string{sandbox.ControlPeer, sandbox.MerchantPeer}, sandbox.Providers()...)
	all := map[string]string{}
	for i, peer := range order {
		all[peer] = net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i))
	}
	return all
}

// follow prints each webhook that the merchant receives until ctx ends.
func follow(ctx context.Context, s streams, world *sandbox.Sandbox) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for shown := 0; ; {
		for _, r := range world.Received()[shown:] {
			if r.HTTPStatus == 0 && r.Fault == "" {
				break // is being answered right now
			}
			_, _ = fmt.Fprintf(s.out, "%s\n%s\n\n", receiptLine(r), r.Body)
			shown++
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func receiptLine(r sandbox.Receipt) string {
	signature, answered := "signature valid", fmt.Sprintf("answered %d", r.HTTPStatus)
	if !r.Verified {
		signature = "REFUSED: " + r.Problem
	}
	if r.HTTPStatus == 0 {
		answered = "not answered (" + r.Fault + ")"
	}
	return fmt.Sprintf("%s  webhook %s at %s: %s, %s", r.At.Format(time.TimeOnly), r.ID, r.Hook, signature, answered)
}

// startSandbox starts the simulators with a fresh secret for each hook.
func startSandbox(ctx context.Context, o sandbox.Options, hooks []demo.Hook) (*sandbox.Sandbox, error) {
	o.Merchant.Secrets = map[string]string{}
	for _, h := range hooks {
		secret, err := webhook.NewSecret(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a webhook secret: %w", err)
		}
		o.Merchant.Secrets[h.Name] = secret.Reveal()
	}
	world, err := sandbox.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start the simulators: %w", err)
	}
	return world, nil
}

func stopSandbox(ctx context.Context, world *sandbox.Sandbox) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = world.Stop(limited) // the process ends; there is nobody to tell
}
