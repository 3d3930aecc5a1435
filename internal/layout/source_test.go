package layout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// source is one Go file.
type source struct {
	path    string // from the root, with slashes
	fset    *token.FileSet
	file    *ast.File
	imports map[string]string // name in this file -> import path
}

// folder is the folder of the file, named as in the import table.
func (s source) folder() string {
	return strings.TrimPrefix(path.Dir(s.path), "internal/")
}

// test reports whether the file is test code: a test, or a package for tests.
func (s source) test() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(path.Dir(s.path), "test")
}

func (s source) main() bool { return s.file.Name.Name == "main" }

// at makes a problem of a place.
func (s source) at(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", s.path, s.fset.Position(n.Pos()).Line) + fmt.Sprintf(format, args...)
}

// selected gives import path and name of an expression such as time.Sleep.
// A variable that hides the package's name would be taken for it.
func (s source) selected(n ast.Node) (importPath, name string, ok bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", "", false
	}
	importPath, ok = s.imports[x.Name]
	return importPath, sel.Sel.Name, ok
}

func parse(name, text string) (source, error) {
	fset := token.NewFileSet()
	var content any // nil: the file itself
	if text != "" {
		content = text
	}
	file, err := parser.ParseFile(fset, filepath.Join(root, name), content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(name), fset: fset, file: file, imports: map[string]string{}}
	for _, i := range file.Imports {
		importPath, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports[importName(i, importPath)] = importPath
	}
	return s, nil
}

func importName(i *ast.ImportSpec, importPath string) string {
	if i.Name != nil {
		return i.Name.Name
	}
	dir, base := path.Split(importPath)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(dir) // a major version, as in math/rand/v2
	}
	return base
}

// sources parses every Go file, those for other systems too.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "/testdata/") {
			continue
		}
		s, err := parse(name, "")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) < 50 {
		t.Fatalf("%d Go files: this is not the whole tree", len(all))
	}
	return all
}

// files names every file of the repository, from its root. It walks and does not
// ask git, so that it also holds for an unpacked archive.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && (rel == ".git" || rel == "bin" || rel == "data"):
			return filepath.SkipDir // not tracked
		case d.Type().IsRegular() && rel != ".git": // a file in a linked worktree
			all = append(all, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
