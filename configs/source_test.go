package configs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// constants are the text constants of a file of the loops whose names begin with
// that word, in order. They are read from the source because nothing outside of
// the package may use them.
func constants(t *testing.T, file, word string) []string {
	t.Helper()
	return constantsOf(t, filepath.Join("../internal/consumer", file), word)
}

func brokerConstants(t *testing.T, file, word string) []string {
	t.Helper()
	return constantsOf(t, filepath.Join("../internal/broker", file), word)
}

func source(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func constantsOf(t *testing.T, path, word string) []string {
	t.Helper()
	var all []string
	ast.Inspect(source(t, path), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != len(spec.Names) {
			return true
		}
		for i, name := range spec.Names {
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING || !strings.HasPrefix(name.Name, word) {
				continue
			}
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value)
		}
		return true
	})
	return all
}

// structFields are the JSON names of a struct's fields, in a file of internal; true
// for those that are always written.
func structFields(t *testing.T, file, name string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	ast.Inspect(source(t, filepath.Join("../internal", file)), func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		made, ok := spec.Type.(*ast.StructType)
		if !ok {
			t.Fatalf("%s is no struct", name)
		}
		for _, field := range made.Fields.List {
			if field.Tag == nil {
				continue // not written
			}
			text, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, options, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
			if key != "-" {
				all[key] = !strings.HasPrefix(options, "omit")
			}
		}
		return false
	})
	return all
}

// headerNames are the header names that stand in the code, whole, with a file
// that each stands in.
func headerNames(t *testing.T) map[string]string {
	t.Helper()
	pattern := regexp.MustCompile(`^((Recon|Nats|ce|webhook)-[A-Za-z-]*[a-zA-Z]|traceparent)$`)
	all := map[string]string{}
	for _, root := range []string{"../internal", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			ast.Inspect(source(t, path), func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(literal.Value); err == nil && pattern.MatchString(text) {
					all[text] = path
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
