package providers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// maxNumber bounds a JSON number's text: no amount or id is longer, and a
// decimal of a million digits would cost seconds.
const maxNumber = 32

// Object is a JSON object of a provider's answer, read strictly: a wrong type
// or a missing field is an error that names the field's path, never a zero
// value. Fields nobody asks for are ignored, so personal data stays where it is.
type Object struct {
	path   string
	fields map[string]json.RawMessage
}

// ReadObject reads an answer's body, which must be exactly one JSON object.
// Repeated keys: the last one counts, as in every JSON library the providers use.
// The error is a *FieldProblem.
func ReadObject(body []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil || fields == nil {
		return Object{}, &FieldProblem{Path: "$", Problem: "is not a JSON object"}
	}
	if _, err := dec.Token(); err != io.EOF {
		return Object{}, &FieldProblem{Path: "$", Problem: "has text behind the JSON object"}
	}
	return Object{path: "$", fields: fields}, nil
}

// FieldProblem is a field that is not in the documented form.
type FieldProblem struct {
	// Path is the field's path, "$.transaction.amount".
	Path string
	// Problem completes the sentence "field ... ". It never holds the value.
	Problem string
}

// Error names the path and what is wrong with it.
func (p *FieldProblem) Error() string { return "field " + p.Path + " " + p.Problem }

// Unreadably turns a FieldProblem into an *Error of kind Unreadable.
func Unreadably(doing string, err error) *Error {
	return &Error{Kind: Unreadable, Doing: doing, Detail: err.Error(), Cause: err}
}

func (o Object) at(key string) string { return o.path + "." + key }

// Has reports whether the field is present and not null.
func (o Object) Has(key string) bool {
	raw, ok := o.fields[key]
	return ok && string(raw) != "null"
}

func (o Object) raw(key string) (json.RawMessage, error) {
	if !o.Has(key) {
		return nil, &FieldProblem{Path: o.at(key), Problem: "is missing"}
	}
	return o.fields[key], nil
}

// Raw gives the field's JSON text, for signatures and nested shapes.
func (o Object) Raw(key string) (json.RawMessage, error) { return o.raw(key) }

// Object reads a required object.
func (o Object) Object(key string) (Object, error) {
	raw, err := o.raw(key)
	if err != nil {
		return Object{}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Object{}, &FieldProblem{Path: o.at(key), Problem: "is not an object"}
	}
	return Object{path: o.at(key), fields: fields}, nil
}

// Objects reads a list of objects; an absent list is empty.
func (o Object) Objects(key string) ([]Object, error) {
	if !o.Has(key) {
		return nil, nil
	}
	var items []map[string]json.RawMessage
	if err := json.Unmarshal(o.fields[key], &items); err != nil {
		return nil, &FieldProblem{Path: o.at(key), Problem: "is not a list of objects"}
	}
	list := make([]Object, len(items))
	for i, fields := range items {
		if fields == nil {
			return nil, &FieldProblem{Path: fmt.Sprintf("%s[%d]", o.at(key), i), Problem: "is null"}
		}
		list[i] = Object{path: fmt.Sprintf("%s[%d]", o.at(key), i), fields: fields}
	}
	return list, nil
}

// String reads a required string.
func (o Object) String(key string) (string, error) {
	raw, err := o.raw(key)
	if err != nil {
		return "", err
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", &FieldProblem{Path: o.at(key), Problem: "is not a string"}
	}
	return s, nil
}

// OptionalString reads a string that may be absent or null.
func (o Object) OptionalString(key string) (string, error) {
	if !o.Has(key) {
		return "", nil
	}
	return o.String(key)
}

// Code reads a required code that the facts show both as a string and as an
// integer: "100" and 100 give "100".
func (o Object) Code(key string) (string, error) {
	raw, err := o.raw(key)
	if err != nil {
		return "", err
	}
	if raw[0] == '"' {
		return o.String(key)
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	return "", &FieldProblem{Path: o.at(key), Problem: "is neither a string nor an integer"}
}

// OptionalCode is Code for a field that may be absent or null.
func (o Object) OptionalCode(key string) (string, error) {
	if !o.Has(key) {
		return "", nil
	}
	return o.Code(key)
}

// Integer reads a required JSON integer; 100.0, 1e2 and "100" are refused.
func (o Object) Integer(key string) (int64, error) {
	raw, err := o.raw(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, &FieldProblem{Path: o.at(key), Problem: "is not an integer"}
	}
	return n, nil
}

// Decimal reads a required JSON number in plain notation from its own text,
// never through a float. Strings, exponents and NaN are refused.
func (o Object) Decimal(key string) (decimal.Decimal, error) {
	raw, err := o.raw(key)
	if err != nil {
		return decimal.Decimal{}, err
	}
	text := string(raw)
	if len(text) > maxNumber || strings.ContainsAny(text, `eE"tfn[{`) {
		return decimal.Decimal{}, &FieldProblem{Path: o.at(key), Problem: "is not a number in plain notation"}
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, &FieldProblem{Path: o.at(key), Problem: "is not a number in plain notation"}
	}
	return d, nil
}
