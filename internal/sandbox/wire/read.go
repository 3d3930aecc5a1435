package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// ReadObject reads a request's body, which must be exactly one JSON object.
// Keys are taken in their exact case and numbers as they are written
// (json.Number), unlike what encoding/json does for structs.
func ReadObject(body []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, errors.New("the body is not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the JSON object")
	}
	return object, nil
}

// Text gives a member that must be a non-empty string; false where it is not.
func Text(object map[string]any, key string) (string, bool) {
	text, ok := object[key].(string)
	return text, ok && text != ""
}
