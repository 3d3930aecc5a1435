package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"reconciler/internal/broker"
	"reconciler/internal/config"
	"reconciler/internal/payment"
)

func newPayments(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "payments", Short: "Work with payments", Args: noArguments,
		Long: "Work with payments of a running worker, over its broker.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCreate(s))
	return cmd
}

const createHelp = `Publish a "payment created" event, as a backend does, to payments.created.>.
The event is checked first; --file publishes any bytes unchecked, to see what a
worker makes of them.

With --sandbox the payment is first made at a simulated provider, over the
control API of a running "reconciler sandbox", which also gives the reference.`

// createFlags is one created event as flags.
type createFlags struct {
	config, id, payment, merchant, provider, amount, currency, file string
	reference                                                       map[string]string
	expiresIn                                                       time.Duration
	// sandbox is the control API's address, life what the payment is to live there.
	sandbox, life string
}

func newCreate(s streams) *cobra.Command {
	var f createFlags
	cmd := &cobra.Command{
		Use: "create", Short: "Publish a payment-created event", Long: createHelp, Args: noArguments,
		Example: `  reconciler payments create --config configs/reconciler.yaml --payment p-1 --merchant shop-a \
    --provider finipay --reference order_number=ORDER-1 --amount 33.00 --currency USD
  reconciler payments create --config sandbox/reconciler.yaml --sandbox http://127.0.0.1:18080 \
    --provider halyk --life refunded`,
		RunE: func(cmd *cobra.Command, _ []string) error { return create(cmd.Context(), s, cmd.InOrStdin(), f) },
	}
	configFlag(cmd, &f.config)
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "the event's id (default: made up)")
	flags.StringVar(&f.payment, "payment", "", "payment_id (with --sandbox: made up if not given)")
	flags.StringVar(&f.merchant, "merchant", "", "merchant_id (with --sandbox: shop-a if not given)")
	flags.StringVar(&f.provider, "provider", "", "name of the configured provider account")
	flags.StringToStringVar(&f.reference, "reference", nil, "what the provider is asked with, as key=value")
	flags.StringVar(&f.amount, "amount", "", "amount as decimal text, such as 33.00")
	flags.StringVar(&f.currency, "currency", "", "ISO 4217 code, such as USD")
	flags.DurationVar(&f.expiresIn, "expires-in", 0, "time until the payer's chance ends (default: none)")
	flags.StringVar(&f.file, "file", "", "publish this file as it is, unchecked (- for standard input)")
	flags.StringVar(&f.sandbox, "sandbox", "", "make the payment first, at the sandbox with this control API")
	flags.StringVar(&f.life, "life", "", "what the payment is to live in the sandbox (default: charged)")
	return cmd
}

func create(ctx context.Context, s streams, in io.Reader, f createFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.sandbox != "" {
		made, err := f.makeInSandbox(ctx)
		if err != nil {
			return err
		}
		f = made
	}
	body, err := f.body(in, time.Now())
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.config, os.LookupEnv)
	if err != nil {
		return err
	}
	conn, err := dialBroker(ctx, cfg, zerolog.Nop())
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("set up JetStream: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ack, err := js.Publish(limited, f.subject(), body)
	if err != nil {
		return fmt.Errorf("publish the event: %w", err)
	}
	if f.sandbox != "" {
		_, _ = fmt.Fprintf(s.out, "made payment %s of %s at %s: %s %s, to be %s\n", f.payment, f.merchant, f.provider, f.amount, f.currency, f.life)
	}
	_, err = fmt.Fprintf(s.out, "published to %s as message %d of %s\n", f.subject(), ack.Sequence, ack.Stream)
	return err
}

// check refuses flags that can't go together.
func (f createFlags) check() error {
	switch {
	case f.file != "" && (f.sandbox != "" || f.payment != "" || f.reference != nil):
		return &usageError{errors.New("--file publishes a whole event as it is: it takes no flags about the event")}
	case f.sandbox != "" && f.reference != nil:
		return &usageError{errors.New("--reference comes from the sandbox where --sandbox is given")}
	case f.expiresIn < 0:
		return &usageError{errors.New("--expires-in must not be negative")}
	case f.sandbox == "" && f.life != "":
		return &usageError{errors.New("--life is for payments made with --sandbox")}
	}
	return nil
}

// subject files raw bytes under a name of their own: what they say is not known.
func (f createFlags) subject() string {
	if f.file != "" {
		return broker.CreatedSubject("cli", "raw")
	}
	return broker.CreatedSubject(f.merchant, f.payment)
}

func (f createFlags) body(in io.Reader, now time.Time) ([]byte, error) {
	switch f.file {
	case "":
	case "-":
		return io.ReadAll(in)
	default:
		body, err := os.ReadFile(f.file)
		if err != nil {
			return nil, fmt.Errorf("read the event: %w", err)
		}
		return body, nil
	}
	if f.id == "" {
		f.id = "cli-" + rand.Text()
	}
	event := map[string]any{
		"id": f.id, "payment_id": f.payment, "merchant_id": f.merchant, "provider": f.provider, "reference": f.reference,
		"amount": f.amount, "currency": f.currency, "created_at": now.UTC().Format(time.RFC3339Nano),
	}
	if f.expiresIn > 0 {
		event["expires_at"] = now.Add(f.expiresIn).UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	if _, err := payment.ParseCreated(body, now); err != nil {
		return nil, &usageError{fmt.Errorf("the event would be refused: %w", err)}
	}
	return body, nil
}
