package schematest

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Complete fails the test unless the golden files of the newest version hold, all
// together, exactly the JSON fields of v's type: one that comes or goes needs a look
// at the version.
func Complete(t testing.TB, v any, golden ...[]byte) {
	t.Helper()
	missing, unknown := compare(t, v, golden)
	for _, path := range missing {
		t.Errorf("%T has the field %s, which stands in no golden file: older workers don't know it. Give the type a new version, or say why they need not, and let a golden file hold it", v, path)
	}
	for _, path := range unknown {
		t.Errorf("a golden file has %s, which %T does not: it can't be read any more. Keep the field, or give the type a new version", path, v)
	}
}

func compare(t testing.TB, v any, golden [][]byte) (missing, unknown []string) {
	t.Helper()
	typed, stored := map[string]bool{}, map[string]bool{}
	fieldsOf(reflect.TypeOf(v), "", typed)
	for _, text := range golden {
		var whole any
		if err := json.Unmarshal(text, &whole); err != nil {
			t.Fatal(err)
		}
		held(whole, "", typed, stored)
	}
	for _, path := range slices.Sorted(maps.Keys(typed)) {
		if !stored[path] {
			missing = append(missing, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(stored)) {
		if !typed[path] {
			unknown = append(unknown, path)
		}
	}
	return missing, unknown
}

// fieldsOf lists the paths of a type's JSON fields: ".data.status", ".owed[].id".
// What encodes itself, and what is in a map, is one value.
func fieldsOf(of reflect.Type, path string, into map[string]bool) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if encodesItself(of) {
		return
	}
	switch of.Kind() {
	case reflect.Slice, reflect.Array:
		fieldsOf(of.Elem(), path+"[]", into)
	case reflect.Struct:
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				fieldsOf(f.Type, path, into)
			case f.IsExported() && name != "-":
				if name == "" {
					name = f.Name
				}
				into[path+"."+name] = true
				fieldsOf(f.Type, path+"."+name, into)
			}
		}
	}
}

func encodesItself(of reflect.Type) bool {
	for _, i := range []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()} {
		if of.Implements(i) || reflect.PointerTo(of).Implements(i) {
			return true
		}
	}
	return false
}

// held lists the paths that stand in a JSON value, down to where the type ends.
func held(v any, path string, typed, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if path != "" && !within(path, typed) {
			return
		}
		for name, value := range v {
			into[path+"."+name] = true
			held(value, path+"."+name, typed, into)
		}
	case []any:
		for _, value := range v {
			held(value, path+"[]", typed, into)
		}
	}
}

// within reports whether the type has fields below a path.
func within(path string, typed map[string]bool) bool {
	for p := range typed {
		if strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}
