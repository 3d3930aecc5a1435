package layout

import (
	"slices"
	"strings"
	"testing"
)

// A rule that can't fail holds nothing, so each is shown something to find.
func TestImportRules_FindWhatTheyForbid(t *testing.T) {
	for _, c := range []struct {
		name    string
		pkg     string
		imports []string
		deps    []string // beside imports
		want    string   // words of the only problem; empty for none
	}{
		{name: "allowed", pkg: "providers/halyk", imports: []string{"net/http", "reconciler/internal/providers", "reconciler/internal/payment"}},
		{name: "the command", pkg: "cmd", imports: []string{"reconciler/internal/config", "reconciler/internal/sandbox/life", "github.com/nats-io/nats.go"}},
		{name: "the domain looks up", pkg: "payment", imports: []string{"reconciler/internal/secret"}, want: "imports secret"},
		{name: "an adapter sees another", pkg: "providers/halyk", imports: []string{"reconciler/internal/providers/uapay"}, want: "imports providers/uapay"},
		{name: "an adapter sees one through a third", pkg: "providers/halyk", deps: []string{"reconciler/internal/guard"}, want: "imports guard"},
		{name: "an adapter tries again by itself", pkg: "providers/halyk", deps: []string{"github.com/cenkalti/backoff/v4"}, want: "is built from github.com/cenkalti/backoff/v4"},
		{name: "the loops know an adapter", pkg: "consumer", imports: []string{"reconciler/internal/providers/halyk"}, want: "imports providers/halyk"},
		{name: "the wiring knows the simulators", pkg: "worker", imports: []string{"reconciler/internal/sandbox"}, want: "imports sandbox"},
		{name: "the judge asks the judged", pkg: "invariant", deps: []string{"reconciler/internal/retry"}, want: "imports retry"},
		{name: "a simulator shares code", pkg: "sandbox/uapay", imports: []string{"reconciler/internal/payment"}, want: "imports payment"},
		{name: "test code in the program", pkg: "cmd", imports: []string{"reconciler/internal/broker/brokertest"}, want: "it is for tests"},
		{name: "package testing in the program", pkg: "demo", imports: []string{"testing/synctest"}, want: "imports testing/synctest"},
		{name: "a log in the domain", pkg: "payment", deps: []string{"github.com/rs/zerolog"}, want: "is built from github.com/rs/zerolog"},
		{name: "a package nobody decided about", pkg: "helpers", want: "helpers has no line"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := listed{ImportPath: "reconciler/internal/" + c.pkg, Imports: c.imports, Deps: slices.Concat(c.imports, c.deps)}
			if c.pkg == "cmd" {
				p.ImportPath = "reconciler/cmd/reconciler"
			}
			wantProblem(t, slices.Concat(checkLines([]listed{p}), checkReserves([]listed{p}), checkBans([]listed{p})), c.want)
		})
	}
}

// Some imports break two rules; one of them is then enough to be seen.
func wantProblem(t *testing.T, problems []string, words string) {
	t.Helper()
	if words == "" && len(problems) > 0 {
		t.Errorf("found %q", problems)
	}
	if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, words) }) && words != "" {
		t.Errorf("found %q, want a problem with %q", problems, words)
	}
}

func TestReserves_HoldOfNatsAndConfig(t *testing.T) {
	wantProblem(t, checkReserves([]listed{{ImportPath: "reconciler/internal/notify", Imports: []string{"github.com/nats-io/nats.go/jetstream"}}}), "without a broker")
	wantProblem(t, checkReserves([]listed{{ImportPath: "reconciler/internal/demo", Imports: []string{"reconciler/internal/config"}}}), "without a file")
	wantProblem(t, checkReserves([]listed{{ImportPath: "reconciler/internal/consumer", Imports: []string{"reconciler/internal/sandbox/life"}}}), "its judge")
}

func TestNames_AreMissedWhenGone(t *testing.T) {
	problems := checkNames([]listed{{ImportPath: "reconciler/internal/payment"}}, "require (\n\tgithub.com/nats-io/nats.go v1.0.0\n)")
	wantProblem(t, problems, "the tables name retry,")
	wantProblem(t, problems, "the tables name github.com/rs/zerolog,")
	for _, p := range problems {
		if strings.Contains(p, "name payment,") || strings.Contains(p, "nats-io,") {
			t.Errorf("found %q, which is there", p)
		}
	}
}
