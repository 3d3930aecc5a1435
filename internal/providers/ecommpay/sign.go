package ecommpay

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/secret"
)

const (
	// maxDepth bounds the nesting of an answer; documented ones have 5 levels.
	maxDepth = 64
	// maxSigned bounds the signed text. Every line repeats the path of its
	// value, so a small answer of long keys could otherwise need gigabytes,
	// before we know who sent it. Four times the answer's limit is plenty.
	maxSigned = 4 << 20
	// signatureLength is that of the base64 of 64 bytes, with its padding.
	signatureLength = 88
)

// errTooMuch is an answer whose signed text is not worth making.
var errTooMuch = errors.New("the answer is nested too deep or its signed text too long")

// line is one line of the text that is signed: "path:value".
type line struct{ path, value string }

func (l line) text() string { return l.path + ":" + l.value }

// flatten turns a JSON object into its lines, unsorted. Left out are: every
// field named signature or frame_mode, and objects and lists without content.
// A ":" inside a key is doubled; list items are numbered from 0; true and false
// are 1 and 0; null is empty; numbers keep the text they came in, because a
// float would break ids above 2^53.
func flatten(body []byte) ([]line, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil || root == nil {
		return nil, errors.New("the text is not a JSON object")
	}
	f := flattener{room: maxSigned}
	if err := f.object("", root, 0); err != nil {
		return nil, err
	}
	return f.lines, nil
}

type flattener struct {
	lines []line
	room  int
}

func (f *flattener) object(path string, fields map[string]any, depth int) error {
	for key, value := range fields {
		if key == "signature" || key == "frame_mode" {
			continue
		}
		if err := f.value(join(path, strings.ReplaceAll(key, ":", "::")), value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f *flattener) list(path string, items []any, depth int) error {
	for i, item := range items {
		if err := f.value(join(path, strconv.Itoa(i)), item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f *flattener) value(path string, value any, depth int) error {
	if depth > maxDepth {
		return errTooMuch
	}
	switch v := value.(type) {
	case map[string]any:
		return f.object(path, v, depth)
	case []any:
		return f.list(path, v, depth)
	case string:
		return f.leaf(path, v)
	case json.Number:
		return f.leaf(path, v.String())
	case bool:
		if v {
			return f.leaf(path, "1")
		}
		return f.leaf(path, "0")
	}
	return f.leaf(path, "")
}

func (f *flattener) leaf(path, value string) error {
	if f.room -= len(path) + len(value) + 2; f.room < 0 {
		return errTooMuch
	}
	f.lines = append(f.lines, line{path, value})
	return nil
}

func join(path, part string) string {
	if path == "" {
		return part
	}
	return path + ":" + part
}

// order is a way to sort lines.
type order func(a, b line) int

// orders are those of the official SDKs, the likeliest first: the platform's
// reference SDK is the PHP one. Equal paths (which only an ambiguous answer
// has) are sorted by value, so that the text does not depend on chance.
func orders() []order {
	return []order{byNaturalPath, byPath, byLine}
}

// byPath is the Python SDK: byte order of the path.
func byPath(a, b line) int {
	return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.value, b.value))
}

// byNaturalPath is the PHP SDK (ksort with SORT_NATURAL); the JavaScript SDK
// gives the same for every known answer.
func byNaturalPath(a, b line) int { return cmp.Or(natural(a.path, b.path), byPath(a, b)) }

// byLine is the Go and Java SDKs: byte order of the whole line.
func byLine(a, b line) int { return strings.Compare(a.text(), b.text()) }

// canonical joins the lines in an order. The given lines are left as they are.
func canonical(lines []line, by order) string {
	sorted := slices.SortedFunc(slices.Values(lines), by)
	texts := make([]string, len(sorted))
	for i, l := range sorted {
		texts[i] = l.text()
	}
	return strings.Join(texts, ";")
}

// sign makes the signature of a text: HMAC-SHA512 under the project's key.
func sign(key secret.Text, text string) []byte {
	mac := hmac.New(sha512.New, []byte(key.Reveal()))
	_, _ = io.WriteString(mac, text)
	return mac.Sum(nil)
}

// encode writes a signature as ecommpay does: standard base64, 88 characters.
func encode(signature []byte) string { return base64.StdEncoding.EncodeToString(signature) }

// Why an answer is not believed.
var (
	errUnsigned       = errors.New("the answer is not signed")
	errWrongSignature = errors.New("the answer's signature is wrong")
)

// verify checks a body against its signature in every order.
func verify(key secret.Text, body []byte, signature string) error {
	if signature == "" {
		return errUnsigned
	}
	mac, err := base64.StdEncoding.Strict().DecodeString(signature)
	// The decoder skips line breaks, which are no part of a signature.
	if err != nil || len(signature) != signatureLength {
		return errWrongSignature
	}
	lines, err := flatten(body)
	if err != nil {
		return err
	}
	for _, by := range orders() {
		if hmac.Equal(mac, sign(key, canonical(lines, by))) {
			return nil
		}
	}
	return errWrongSignature
}
