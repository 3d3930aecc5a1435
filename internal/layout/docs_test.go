package layout

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestPackages_HaveOneComment(t *testing.T) {
	byFolder := map[string][]source{}
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			byFolder[path.Dir(s.path)] = append(byFolder[path.Dir(s.path)], s)
		}
	}
	for folder, files := range byFolder {
		for _, problem := range checkPackageComment(folder, files) {
			t.Error(problem)
		}
	}
}

func TestExportedNames_AreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, problem := range checkDocs(s) {
			t.Error(problem)
		}
	}
}

func checkPackageComment(folder string, files []source) []string {
	var in, problems []string
	for _, s := range files {
		text := s.file.Doc.Text()
		if text == "" {
			continue
		}
		in = append(in, s.path)
		opening := "Package " + s.file.Name.Name + " "
		if s.main() {
			opening = "Command " + path.Base(folder) + " "
		}
		if !strings.HasPrefix(text, opening) {
			problems = append(problems, fmt.Sprintf("%s: the package comment does not open with %q and its promise", s.path, opening))
		}
		if strings.Contains(text, "Licensed under") || strings.Contains(text, "Copyright") {
			problems = append(problems, fmt.Sprintf("%s: the licence stands where go doc shows the package comment; leave an empty line before package", s.path))
		}
	}
	if len(in) != 1 {
		problems = append(problems, fmt.Sprintf("%s has %d package comments %v: one, in one place, says what the package promises", folder, len(in), in))
	}
	return problems
}

func checkDocs(s source) []string {
	var problems []string
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc.Text() == "" && exportedReceiver(d) {
				problems = append(problems, s.at(d, "%s has no comment: say what it promises, to whom and when it fails", d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				problems = append(problems, checkSpec(s, d, spec)...)
			}
		}
	}
	return problems
}

func checkSpec(s source, d *ast.GenDecl, spec ast.Spec) []string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && d.Doc.Text() == "" && spec.Doc.Text() == "" {
			return []string{s.at(spec, "type %s has no comment: say what it is and who may use it how", spec.Name.Name)}
		}
	case *ast.ValueSpec: // the comment of a group is enough for its members
		exported := slices.IndexFunc(spec.Names, func(n *ast.Ident) bool { return n.IsExported() })
		if exported >= 0 && d.Doc.Text() == "" && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
			return []string{s.at(spec, "%s has no comment: say unit, source or what it causes", spec.Names[exported].Name)}
		}
	}
	return nil
}

// exportedReceiver is false for methods that only an interface can reach.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
