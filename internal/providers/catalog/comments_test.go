package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// parsed reads the Go files of a folder, tests left out.
func parsed(t testing.TB, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s: %v", folder, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// fieldComments are the comments of a struct's fields, by their names in YAML,
// which stand in for the names in Go. A comment that names the next field is that
// one's too.
func fieldComments(files []*ast.File, structName string) map[string]string {
	var fields []*ast.Field
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == structName {
				if s, ok := spec.Type.(*ast.StructType); ok {
					fields = s.Fields.List
				}
			}
			return true
		})
	}
	comments, yaml, before := map[string]string{}, map[string]string{}, ""
	for _, f := range fields {
		text := f.Doc.Text() + f.Comment.Text()
		for _, name := range f.Names {
			if text == "" && names(before, name.Name) {
				text = before
			}
			tag, _ := strconv.Unquote(f.Tag.Value)
			yaml[name.Name] = tagged(tag)
			comments[tagged(tag)] = text
		}
		before = text
	}
	for key, text := range comments {
		for inGo, inYAML := range yaml {
			text = regexp.MustCompile(`\b`+inGo+`\b`).ReplaceAllString(text, inYAML)
		}
		comments[key] = text
	}
	return comments
}

func names(text, name string) bool {
	return regexp.MustCompile(`\b` + name + `\b`).MatchString(text)
}

func tagged(tag string) string {
	_, rest, _ := strings.Cut(tag, `yaml:"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// constComments are the comments of constants, above or behind them, by name.
func constComments(files []*ast.File) map[string]string {
	comments := map[string]string{}
	for _, file := range files {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range v.Names {
						comments[name.Name] = v.Doc.Text() + v.Comment.Text()
					}
				}
			}
		}
	}
	return comments
}
