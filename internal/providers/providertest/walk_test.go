package providertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// root is the folder of the module.
var root = filepath.Join("..", "..", "..")

// walked is the document whose steps are walked.
var walked = filepath.Join(root, "docs", "adding-a-provider.md")

// TestAddingAProvider_TheDocumentsStepsMakeAProviderThatKeepsTheContract does
// what the document says, in a copy: writes its files, makes its changes, runs
// its commands. What the provider and its simulator are made of is in the
// document alone.
func TestAddingAProvider_TheDocumentsStepsMakeAProviderThatKeepsTheContract(t *testing.T) {
	text, err := os.ReadFile(walked)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := readSteps(string(text))
	if err != nil {
		t.Fatal(err)
	}
	copied := copyModule(t)
	for _, s := range steps {
		if err := s.apply(copied); err != nil {
			t.Fatal(err)
		}
	}
	checkFormat(t, copied, steps)
	var out strings.Builder
	for _, s := range steps {
		if s.lang == "sh" {
			runAll(t, copied, s.text, &out)
		}
	}
	// A command that found nothing to run would have succeeded, too.
	if strings.Contains(out.String(), "no test") {
		t.Errorf("a command of the document runs no tests:\n%s", &out)
	}
	for _, pkg := range []string{"providers/example", "sandbox", "providers/catalog"} {
		if !strings.Contains(out.String(), "ok  \treconciler/internal/"+pkg+"\t") {
			t.Errorf("the tests of %s did not run:\n%s", pkg, &out)
		}
	}
	generated, err := os.ReadFile(filepath.Join(copied, "docs", "providers.md"))
	if err != nil || !strings.Contains(string(generated), "\n## example\n") || !strings.Contains(string(generated), "no_such_payment") {
		t.Errorf("docs/providers.md does not show the provider: %v", err)
	}
}

// copyModule copies what a provider, its suite and its documents are made of.
func copyModule(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, part := range []string{"internal", "docs"} {
		if err := os.CopyFS(filepath.Join(to, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// checkFormat: what people copy has to pass the first check of the build.
func checkFormat(t *testing.T, folder string, steps []step) {
	t.Helper()
	for _, s := range steps {
		if !strings.HasSuffix(s.file, ".go") {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "gofmt", "-d", s.file)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gofmt of %s: %v\n%s", s.file, err, out)
		}
	}
}

// runAll runs the lines of a block, each a go command.
func runAll(t *testing.T, folder, block string, into *strings.Builder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for line := range strings.Lines(block) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] != "go" {
			t.Fatalf("the document runs %q, and only go commands can be walked", line)
		}
		cmd := exec.CommandContext(ctx, "go", words[1:]...)
		cmd.Dir = folder
		// With paths left out, what was built for the last walk serves this one.
		cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.TrimSpace(line), err, out)
		}
		into.Write(out)
	}
}
