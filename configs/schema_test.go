// Package configs_test checks the files of this folder against the code they
// speak of: the schemas against what is really read and written, the AsyncAPI
// document against the subjects and headers that are really used.
package configs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema compiles one of the schemas.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat() // "format" is only a remark otherwise
	if err := c.AddResource(name, document(t, name)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document reads a JSON file of this folder.
func document(t *testing.T, name string) any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return doc
}

// validate judges a JSON text by a schema; text that is no JSON is not valid.
func validate(s *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// at walks down a document by keys.
func at(t *testing.T, doc any, path ...string) any {
	t.Helper()
	for _, key := range path {
		object, ok := doc.(map[string]any)
		if !ok || object[key] == nil {
			t.Fatalf("nothing at %v", path)
		}
		doc = object[key]
	}
	return doc
}

// words are a list of texts at a place in a document.
func words(t *testing.T, doc any, path ...string) []string {
	t.Helper()
	list, ok := at(t, doc, path...).([]any)
	if !ok {
		t.Fatalf("no list at %v", path)
	}
	all := make([]string, len(list))
	for i, item := range list {
		word, ok := item.(string)
		if !ok {
			t.Fatalf("item %d at %v is no text", i, path)
		}
		all[i] = word
	}
	return all
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
