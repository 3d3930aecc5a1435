// Package wire holds what the simulated providers share in writing their
// answers: JSON objects that keep the documents' order of fields, amounts
// written the documents' many ways, and the marked personal data that real
// answers are full of. Pure; knows no provider.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Field is one member of a JSON object.
type Field struct {
	Key   string
	Value any
}

// Object is a JSON object whose members are written in the given order, as the
// documents show them; encoding/json would sort a map's.
type Object []Field

// With gives the object with one more member.
func (o Object) With(key string, value any) Object {
	return append(o[:len(o):len(o)], Field{key, value})
}

// Set gives the object with the member replaced where it is, or added at the end.
func (o Object) Set(key string, value any) Object {
	changed := append(Object(nil), o...)
	for i := range changed {
		if changed[i].Key == key {
			changed[i].Value = value
			return changed
		}
	}
	return append(changed, Field{key, value})
}

// Without gives the object without the members of that name.
func (o Object) Without(key string) Object {
	var rest Object
	for _, f := range o {
		if f.Key != key {
			rest = append(rest, f)
		}
	}
	return rest
}

// MarshalJSON writes the members in order. Text is written as it is: the
// documents' answers hold raw Cyrillic and slashes, no \u003c.
func (o Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := plain(f.Key)
		if err != nil {
			return nil, err
		}
		value, err := plain(f.Value)
		if err != nil {
			return nil, fmt.Errorf("write the field %s: %w", f.Key, err)
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func plain(value any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// JSON writes a value as an answer's body. A value that can't be written is a
// mistake in the simulator; the body then says so in words no client can take
// for an answer.
func JSON(value any) []byte {
	body, err := plain(value)
	if err != nil {
		return []byte("sandbox: " + err.Error())
	}
	return body
}
