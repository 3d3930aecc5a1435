// Package schematest helps tests that bytes stored by an earlier version of the
// program are still read, and that those of a later one are left alone.
//
// Golden files hold what a version wrote. They are never made anew: that a test
// fails after a change of a type means that workers of two versions, which run side
// by side during every update, no longer understand each other. The type gets a new
// version then, and golden files of that version beside the old ones. It keeps
// nothing and is safe for concurrent use; a file that can't be read ends the test.
package schematest

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Later is the version of what no program writes yet.
const Later = 999

// Read gives the bytes of a golden file, but for the line break at its end.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(data, []byte("\n"))
}

// Message is a stored message: its golden file is the subject, a header a line
// ("Name: value"), an empty line and the body.
type Message struct {
	Subject string
	Header  map[string][]string
	Body    []byte
}

// ReadMessage reads a message's golden file.
func ReadMessage(t testing.TB, path string) Message {
	t.Helper()
	head, body, _ := strings.Cut(string(Read(t, path)), "\n\n")
	lines := strings.Split(head, "\n")
	m := Message{Subject: lines[0], Header: map[string][]string{}, Body: []byte(body)}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: %q is no header", path, line)
		}
		m.Header[name] = append(m.Header[name], value)
	}
	return m
}

// Newer makes of a golden JSON object what a later program may write: with its
// version, which stands under that key, set to Later; once with all else as it was,
// once with a value of another type in every other field.
func Newer(t testing.TB, golden []byte, key string) [][]byte {
	t.Helper()
	var made [][]byte
	for _, alien := range []bool{false, true} {
		var whole any
		if err := json.Unmarshal(golden, &whole); err != nil {
			t.Fatal(err)
		}
		changed, found := later(whole, key, alien)
		encoded, err := json.Marshal(changed)
		if err != nil || !found {
			t.Fatalf("the golden file has no %q, or %v", key, err)
		}
		made = append(made, encoded)
	}
	return made
}

func later(v any, key string, alien bool) (changed any, found bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return v, false
	}
	for name, value := range object {
		inner, within := later(value, key, alien)
		switch {
		case name == key:
			object[name], found = Later, true
		case within:
			object[name], found = inner, true
		case alien:
			object[name] = otherType(value)
		}
	}
	return object, found
}

func otherType(v any) any {
	if _, ok := v.(string); ok {
		return []any{}
	}
	return "of another type"
}
