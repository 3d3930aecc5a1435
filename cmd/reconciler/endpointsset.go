package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"reconciler/internal/notify/webhook"
	"reconciler/internal/ops"
	"reconciler/internal/secret"
)

// certificateFlags name files in PEM: what is in them is not written on the command
// line, which others can read.
type certificateFlags struct{ certificate, key, ca string }

func (f *certificateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.certificate, "certificate-file", "", "PEM file with the client certificate for a receiver that asks for one, then its intermediates")
	flags.StringVar(&f.key, "key-file", "", "PEM file with that certificate's key, without a passphrase")
	flags.StringVar(&f.ca, "ca-file", "", "PEM file with authorities that the receiver's certificate may be of (default: the public ones only)")
}

// read gives what is in the files; one that is not named is the zero value.
func (f certificateFlags) read() (client webhook.ClientCertificate, cas secret.Text, err error) {
	var faults []error
	for _, file := range []struct {
		flag, path string
		into       *secret.Text
	}{{"--certificate-file", f.certificate, &client.Chain}, {"--key-file", f.key, &client.Key}, {"--ca-file", f.ca, &cas}} {
		if file.path == "" {
			continue
		}
		if *file.into, err = readPEM(file.path); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", file.flag, err))
		}
	}
	return client, cas, errors.Join(faults...)
}

// maxPEM bounds a file in PEM: a larger one is the wrong file.
const maxPEM = 64 << 10

// readPEM reads a file. The error says what is wrong and repeats neither its name
// nor what is in it.
func readPEM(path string) (secret.Text, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return secret.Text{}, errors.New("there is no such file, or it is something else")
	}
	file, err := os.Open(path)
	if err != nil {
		return secret.Text{}, errors.New("the file can't be opened")
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	switch {
	case err != nil || len(text) > maxPEM:
		return secret.Text{}, errors.New("the file can't be read, or is over 64 KiB")
	case len(text) == 0:
		return secret.Text{}, errors.New("the file is empty")
	}
	return secret.New(string(text)), nil
}

const endpointSetHelp = `Change what an endpoint that was added here is called with: the client
certificate that its receiver asks for (mTLS), or the authorities that its own
certificate may be of. Webhooks from now on are sent on new connections with it.

The files are read once and not kept by name: set the certificate again when it
is renewed. Its key is sealed where it is kept; only its subject and when it
expires are ever shown.`

func newEndpointSet(s streams) *cobra.Command {
	var f endpointFlags
	var files certificateFlags
	var noCertificate, noCA bool
	cmd := &cobra.Command{
		Use: "set", Short: "Change an endpoint's client certificate or authorities", Long: endpointSetHelp, Args: noArguments,
		Example: `  reconciler endpoints set --merchant shop-a --id orders --certificate-file shop-a.pem --key-file shop-a.key
  reconciler endpoints set --merchant shop-a --id orders --no-certificate`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.named(); err != nil {
				return err
			}
			change, err := files.change(noCertificate, noCA)
			if err != nil {
				return &usageError{err}
			}
			return f.withEndpoints(cmd.Context(), func(ctx context.Context, e *ops.Endpoints) error {
				if err := e.Set(ctx, f.merchant, f.id, change); err != nil {
					return err
				}
				_, err := fmt.Fprintf(s.out, "changed endpoint %s of %s\n", f.id, f.merchant)
				return err
			})
		},
	}
	f.add(cmd)
	files.add(cmd)
	cmd.Flags().BoolVar(&noCertificate, "no-certificate", false, "show no client certificate any more")
	cmd.Flags().BoolVar(&noCA, "no-ca", false, "trust the public authorities only")
	return cmd
}

// change is what the flags ask for.
func (f certificateFlags) change(noCertificate, noCA bool) (ops.Change, error) {
	client, cas, err := f.read()
	if err != nil {
		return ops.Change{}, err
	}
	if noCertificate && !client.IsZero() || noCA && !cas.IsZero() {
		return ops.Change{}, errors.New("give a file, or say that there is none any more, but not both")
	}
	var change ops.Change
	if noCertificate || !client.IsZero() {
		change.Client = &client
	}
	if noCA || !cas.IsZero() {
		change.CAs = &cas
	}
	if change == (ops.Change{}) {
		return change, errors.New("nothing to change: give --certificate-file with --key-file, --ca-file, --no-certificate or --no-ca")
	}
	return change, nil
}
