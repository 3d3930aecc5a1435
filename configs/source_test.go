package configs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
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

// structFields are the JSON names of a struct's fields; true for those that are
// always written.
func structFields(t *testing.T, file, name string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	ast.Inspect(source(t, filepath.Join("../internal/consumer", file)), func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		made, ok := spec.Type.(*ast.StructType)
		if !ok {
			t.Fatalf("%s is no struct", name)
		}
		for _, field := range made.Fields.List {
			text, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, options, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
			all[key] = !strings.HasPrefix(options, "omit")
		}
		return false
	})
	return all
}
