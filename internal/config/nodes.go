package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// mapping gives the pairs of a mapping, in either of the library's two shapes.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// keyText is a key as it was meant, without quotes; false where it is more than
// a scalar.
func keyText(key ast.Node) (text string, plain bool) {
	if explicit, ok := key.(*ast.MappingKeyNode); ok { // "? key"
		key = explicit.Value
	}
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return key.GetToken().Value, true
	}
	return "", false
}

// maxShown is how much of a name is repeated in a fault, in bytes.
const maxShown = 40

// shown is a name from the file as a fault may repeat it. What does not look
// like a name could be a secret: "{password:hunter2}" is a key to YAML.
func shown(name string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	if name == "" || len(name) > maxShown || strings.ContainsFunc(name, odd) {
		return "(key)"
	}
	return name
}

// describe names what stands in the file without repeating it: it could be a
// secret in the wrong place.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.NullNode:
		return "nothing"
	}
	return "something else"
}

// fieldOf finds a struct's field by its yaml tag.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if name, ok := tag(v.Type().Field(i)); ok && name == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// tag is a field's name in YAML; false for fields that are not settings.
func tag(f reflect.StructField) (string, bool) {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name, name != "" && name != "-"
}

func keys(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name, ok := tag(t.Field(i)); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
