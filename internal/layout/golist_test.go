package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "reconciler"
)

// listed is what go list says of a package. Imports and Deps are those of its
// production code.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []listed {
	t.Helper()
	// -e, so that a package that does not compile at the moment fails its own tests and not this one.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		all = append(all, p)
	}
}

// short is an import path as the tables write it: ours without module and
// "internal/", others as they are.
func short(importPath string) string {
	if rest, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return strings.TrimPrefix(rest, "internal/")
	}
	return importPath
}

func ours(importPath string) bool { return strings.HasPrefix(importPath, module+"/") }

// among reports whether one of the patterns covers a name: "sandbox/*" covers
// what lies one folder below sandbox.
func among(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// below reports whether an import path is the module or package or lies in it.
func below(importPath, prefix string) bool {
	return importPath == prefix || strings.HasPrefix(importPath, prefix+"/")
}
