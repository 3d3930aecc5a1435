package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// outcome is what one command line came to.
type outcome struct {
	code     int
	out, err string
}

// execLine executes one command line in this process.
func execLine(t *testing.T, args ...string) outcome {
	t.Helper()
	return execUntil(t.Context(), args...)
}

func execUntil(ctx context.Context, args ...string) outcome {
	var out, err bytes.Buffer
	code := execute(ctx, streams{out: &out, err: &err}, args)
	return outcome{code: code, out: out.String(), err: err.String()}
}

// commands are the root and all commands below it, but for those that cobra adds.
func commands() []*cobra.Command {
	all := []*cobra.Command{newRoot(streams{})}
	for i := 0; i < len(all); i++ {
		all = append(all, all[i].Commands()...)
	}
	return all
}

// line is what a user types for a command.
func line(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

func TestHelp_EveryCommandSaysWhatItDoesAndGivesAnExample(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.CommandPath(), func(t *testing.T) {
			got := execLine(t, append(line(c), "--help")...)
			if got.code != 0 || got.err != "" {
				t.Errorf("--help ended with %d and %q on standard error", got.code, got.err)
			}
			if c.Short == "" || len(c.Long) < len(c.Short) || !strings.Contains(got.out, c.Long) {
				t.Errorf("--help printed %q, want more than a line about it", got.out)
			}
			if c.HasSubCommands() {
				return
			}
			if !strings.Contains(got.out, "Examples:\n") || !strings.Contains(c.Example, "reconciler "+strings.Join(line(c), " ")) {
				t.Errorf("--help printed %q, want an example of it", got.out)
			}
		})
	}
}

func TestHelp_EveryFlagIsExplained(t *testing.T) {
	for _, c := range commands() {
		for _, row := range strings.Split(c.Flags().FlagUsages(), "\n") {
			// "  -c, --config string   configuration file"
			if row != "" && !strings.Contains(strings.TrimSpace(row), "   ") {
				t.Errorf("%s: no word about %q", c.CommandPath(), row)
			}
		}
	}
}

func TestUsage_WrongCommandLinesExit2AndNameWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"unknown command":              {[]string{"pay"}, `"pay"`},
		"unknown command of a command": {[]string{"payments", "delete"}, `"delete"`},
		"argument too many":            {[]string{"check", "file.yaml"}, `"file.yaml"`},
		"flag value":                   {[]string{"demo", "--payments", "many"}, "payments"},
		"no payments":                  {[]string{"demo", "--payments", "0"}, "--payments"},
		"unknown faults":               {[]string{"demo", "--faults", "all"}, "--faults"},
		"json without once":            {[]string{"demo", "--json"}, "--once"},
		"negative limit":               {[]string{"demo", "--limit", "-1s"}, "--limit"},
		"faults of the sandbox":        {[]string{"sandbox", "--faults", "all"}, "--faults"},
		"port of the sandbox":          {[]string{"sandbox", "--port", "65535"}, "--port"},
	}
	for _, c := range commands() {
		cases["unknown flag of "+c.CommandPath()] = struct {
			args []string
			want string
		}{append(line(c), "--colour"), "--colour"}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := execLine(t, c.args...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.err, c.want) {
				t.Errorf("%q ended with %d, %q and %q, want 2 and a word about %q", c.args, got.code, got.out, got.err, c.want)
			}
		})
	}
}

func TestRoot_ShowsHelpWithoutACommand(t *testing.T) {
	for _, args := range [][]string{{}, {"payments"}} {
		if got := execLine(t, args...); got.code != 0 || !strings.Contains(got.out, "Available Commands:") {
			t.Errorf("%q ended with %d and %q, want the help", args, got.code, got.out)
		}
	}
}

func TestMissingConfiguration_Exits1AndNamesTheFile(t *testing.T) {
	for _, args := range [][]string{
		{"run"}, {"check"},
		{"payments", "create", "--payment", "p", "--merchant", "m", "--provider", "finipay", "--reference", "order_number=1", "--amount", "1.00", "--currency", "USD"},
	} {
		got := execLine(t, append(args, "--config", "gone.yaml")...)
		if got.code != 1 || !strings.Contains(got.err, "gone.yaml") {
			t.Errorf("%q ended with %d and %q, want 1 and the file's name", args, got.code, got.err)
		}
	}
}
