package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
)

const checkHelp = `Read a configuration file as run would and print every fault at once, one a
line: line:column: field: found ..., wanted .... Secrets that the file names are
looked up too. Without a fault, the effective cadence and schedule are printed.

A client certificate of an endpoint that has expired is a fault here, though run
only warns of it; one that expires within 14 days is a warning.`

func newCheck(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration file", Long: checkHelp, Args: noArguments,
		Example: "  reconciler check --config configs/reconciler.yaml",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(path, os.LookupEnv)
			var faults *config.FaultsError
			if errors.As(err, &faults) {
				for _, f := range faults.Faults {
					_, _ = fmt.Fprintf(s.out, "%s:%s\n", path, f)
				}
				return errReported
			}
			if err != nil {
				return err
			}
			if printCertificates(s.out, path, cfg.Certificates()) {
				return errReported
			}
			_, _ = fmt.Fprintf(s.out, "%s is fine\n\n%s", path, cfg.Describe())
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}
