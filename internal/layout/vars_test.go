package layout

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestCode_KeepsNoStateInPackages(t *testing.T) {
	byPackage := map[string][]source{}
	for _, s := range sources(t) {
		key := path.Dir(s.path) + " " + s.file.Name.Name
		byPackage[key] = append(byPackage[key], s)
	}
	for _, pkg := range byPackage {
		for _, problem := range checkVars(pkg) {
			t.Error(problem)
		}
	}
}

// stateful are the packages, or names of a package, whose values live and so
// can't stand at package level.
func stateful(importPath, name string) bool {
	switch importPath {
	case "sync", "sync/atomic", "golang.org/x/sync/singleflight", "golang.org/x/sync/errgroup":
		return true
	case "time":
		return slices.Contains([]string{"Timer", "Ticker", "NewTimer", "NewTicker", "AfterFunc", "After", "Tick"}, name)
	case "net/http":
		return slices.Contains([]string{"Client", "Transport", "Server", "DefaultClient", "DefaultTransport"}, name)
	case "context":
		return true
	case "math/rand", "math/rand/v2":
		return true
	}
	return false
}

// checkVars looks through the package variables of one package, and through the
// types of the package that they are made of.
func checkVars(pkg []source) []string {
	types := map[string]typeSpec{}
	for _, s := range pkg {
		for spec := range specs[*ast.TypeSpec](s, token.TYPE) {
			types[spec.Name.Name] = typeSpec{s, spec}
		}
	}
	var problems []string
	for _, s := range pkg {
		for spec := range specs[*ast.ValueSpec](s, token.VAR) {
			if spec.Names[0].Name == "_" || elsewhere(s, spec.Names[0].Name) {
				continue // an assertion about types, or kept by another module; nothing is kept here
			}
			var parts []ast.Node
			if spec.Type != nil {
				parts = append(parts, spec.Type)
			}
			for _, v := range spec.Values {
				parts = append(parts, v)
			}
			look := lookup{types: types, seen: map[string]bool{}}
			for _, n := range parts {
				look.through(s, n)
			}
			for _, found := range look.found {
				problems = append(problems, s.at(spec, "package variable %s holds %s: two workers must fit into one process, and one into a bubble of virtual time", spec.Names[0].Name, found))
			}
		}
	}
	return problems
}

// elsewhere reports whether a name is only a link to another package's variable.
func elsewhere(s source, name string) bool {
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname "+name+" ") {
				return true
			}
		}
	}
	return false
}

type typeSpec struct {
	in   source
	spec *ast.TypeSpec
}

type lookup struct {
	types map[string]typeSpec
	seen  map[string]bool
	found []string
}

func (l *lookup) through(s source, n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.FuncType:
			return false // what a function does later is not the variable's
		case *ast.ChanType:
			l.found = append(l.found, "a channel")
		case *ast.SelectorExpr:
			importPath, name, ok := s.selected(n)
			if ok && stateful(importPath, name) {
				l.found = append(l.found, strings.TrimPrefix(importPath+"."+name, "golang.org/x/sync/"))
			}
			return !l.method(n)
		case *ast.Ident:
			if t, ok := l.types[n.Name]; ok && !l.seen[n.Name] {
				l.seen[n.Name] = true
				l.through(t.in, t.spec.Type)
			}
		}
		return true
	})
}

// method reports whether an expression names a method of a type of the package,
// as (*T).Method does: a function, and no T.
func (l *lookup) method(n *ast.SelectorExpr) bool {
	x := ast.Unparen(n.X)
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	id, ok := x.(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = l.types[id.Name]
	return ok
}

// specs are the package-level specifications of one kind in a file.
func specs[S ast.Spec](s source, kind token.Token) func(func(S) bool) {
	return func(yield func(S) bool) {
		for _, d := range s.file.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != kind {
				continue
			}
			for _, spec := range gen.Specs {
				if spec, ok := spec.(S); ok && !yield(spec) {
					return
				}
			}
		}
	}
}
