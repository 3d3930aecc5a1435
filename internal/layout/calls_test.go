package layout

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

func TestCode_UsesNothingForbidden(t *testing.T) {
	for _, s := range sources(t) {
		for _, problem := range checkCalls(s) {
			t.Error(problem)
		}
	}
}

// forbidden are names of a package that may not be used where a condition holds.
type forbidden struct {
	path  string
	names []string // all but those in except if empty
	// except are the names that may be used although names is empty.
	except []string
	where  func(source) bool
	why    string
}

func forbiddenNames() []forbidden {
	const cmd, config = "cmd/reconciler", "config"
	anywhere := func(source) bool { return true }
	program := func(s source) bool { return !s.test() }
	randomness := "randomness is injected, or a seed reproduces nothing"
	return []forbidden{
		{path: "net/http", names: []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}, where: anywhere,
			why: "each remote party has a client of its own; the default one is shared, has no time limit and can't be in a bubble"},
		{path: "math/rand", where: anywhere, why: randomness},
		{path: "math/rand/v2", except: []string{"Rand", "New", "Source", "NewPCG", "PCG", "NewChaCha8", "ChaCha8", "NewZipf", "Zipf"}, where: anywhere,
			why: randomness},
		{path: "context", names: []string{"Background", "TO" + "DO"}, where: func(s source) bool { return program(s) && !s.main() },
			why: "a context comes from the caller, or nothing can stop what is done with it"},
		{path: "os", names: []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"},
			where: func(s source) bool { return program(s) && s.folder() != cmd && s.folder() != config },
			why:   "what a package needs stands in its options; the environment is read in one place"},
		{path: "os", names: []string{"Exit"}, where: func(s source) bool { return program(s) && !s.main() },
			why: "only main exits; everything else returns an error"},
		{path: "fmt", names: []string{"Print", "Printf", "Println"}, where: func(s source) bool { return program(s) && s.folder() != cmd },
			why: "standard output belongs to the command; write to the writer you are given"},
		{path: "log", except: []string{"New", "Logger"}, where: program,
			why: "the logger is given; the default one is shared"},
		{path: "time", names: []string{"Sleep"}, where: func(s source) bool { return s.test() && !s.bubble() },
			why: "a test waits for a fact or lives in virtual time (testing/synctest); a sleep is too short one day and too long every day"},
	}
}

// bubble reports whether the file works with virtual time: it imports
// testing/synctest, or calls a helper that is named after the bubble it starts.
// That its sleeps are inside is left to review.
func (s source) bubble() bool {
	for _, imported := range s.imports {
		if imported == "testing/synctest" {
			return true
		}
	}
	found := false
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				found = found || strings.HasSuffix(fun.Name, "Bubble")
			case *ast.SelectorExpr:
				found = found || strings.HasSuffix(fun.Sel.Name, "Bubble")
			}
		}
		return !found
	})
	return found
}

func checkCalls(s source) []string {
	var problems []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			problems = append(problems, checkSelector(s, n)...)
		case *ast.CallExpr:
			problems = append(problems, checkCall(s, n)...)
		case *ast.CompositeLit:
			if p, name, _ := s.selected(n.Type); p == "net/http" && name == "Client" && !s.test() && !sets(n, "Transport") {
				problems = append(problems, s.at(n, "an http.Client without a Transport uses the default one, which is shared"))
			}
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				problems = append(problems, s.at(n, "func init: what a package needs is made by whoever uses it, or it can't be made twice"))
			}
		}
		return true
	})
	return problems
}

func checkSelector(s source, n *ast.SelectorExpr) []string {
	importPath, name, ok := s.selected(n)
	if !ok {
		return nil
	}
	var problems []string
	for _, f := range forbiddenNames() {
		named := slices.Contains(f.names, name) || len(f.names) == 0 && !slices.Contains(f.except, name)
		if f.path == importPath && named && f.where(s) {
			problems = append(problems, s.at(n, "%s.%s: %s", importPath, name, f.why))
		}
	}
	return problems
}

func checkCall(s source, n *ast.CallExpr) []string {
	switch fun := n.Fun.(type) {
	case *ast.Ident:
		if fun.Name == "panic" && !s.test() {
			return []string{s.at(n, "panic: return an error; one bad payment must not end the worker")}
		}
		if fun.Name == "print" || fun.Name == "println" {
			return []string{s.at(n, "%s: it writes to standard error, past every log", fun.Name)}
		}
	case *ast.SelectorExpr:
		if fun.Sel.Name == "Run" && len(n.Args) == 2 {
			if lit, ok := n.Args[0].(*ast.BasicLit); ok && strings.Trim(lit.Value, "\"`") == "" {
				return []string{s.at(n, "a subtest without a name: nobody can tell or run it")}
			}
		}
	}
	return nil
}

// sets reports whether a literal names the field.
func sets(lit *ast.CompositeLit, field string) bool {
	return slices.ContainsFunc(lit.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return true // without names all fields are set
		}
		key, ok := kv.Key.(*ast.Ident)
		return ok && key.Name == field
	})
}
