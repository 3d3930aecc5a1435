package ecommpay

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// line is one leaf of a document, as it is signed: "payment:id:P-1".
type line struct{ path, value string }

// order is a way to sort the lines. The provider's own SDKs disagree, and it
// shows from 11 items of an array on.
type order func(a, b line) int

// byteOrder is the Go, Java and Python SDKs', naturalOrder the PHP and JS SDKs'.
func byteOrder(a, b line) int { return strings.Compare(a.path, b.path) }

// naturalOrder falls back to bytes where paths differ by a leading zero only,
// or their order would be that of a Go map: another one each time.
func naturalOrder(a, b line) int { return cmp.Or(compareNatural(a.path, b.path), byteOrder(a, b)) }

// signature signs a document (parsed with json.Number): every leaf but those
// called signature or frame_mode, as path:value, sorted, joined with ";",
// HMAC-SHA512, base64.
func signature(document map[string]any, key string, sorted order) string {
	mac := hmac.New(sha512.New, []byte(key))
	_, _ = mac.Write([]byte(toSign(document, sorted)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// verify checks a signature in either order; the same lines are signed, so
// accepting both weakens nothing.
func verify(document map[string]any, key, given string) bool {
	ok := false
	for _, sorted := range []order{byteOrder, naturalOrder} {
		want := signature(document, key, sorted)
		ok = hmac.Equal([]byte(want), []byte(given)) || ok
	}
	return ok
}

func toSign(document map[string]any, sorted order) string {
	var lines []line
	flatten(&lines, "", document)
	slices.SortFunc(lines, sorted)
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.path + ":" + l.value
	}
	return strings.Join(texts, ";")
}

func flatten(lines *[]line, path string, value any) {
	below := func(key string) string {
		if path == "" {
			return key
		}
		return path + ":" + key
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if key == "signature" || key == "frame_mode" {
				continue
			}
			flatten(lines, below(strings.ReplaceAll(key, ":", "::")), inner)
		}
	case []any:
		for i, inner := range v {
			flatten(lines, below(strconv.Itoa(i)), inner)
		}
	default:
		*lines = append(*lines, line{path, leaf(v)})
	}
}

// leaf renders a scalar: booleans as 1 and 0, null as nothing, numbers as they
// were written.
func leaf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return ""
}

// compareNatural compares as PHP's SORT_NATURAL does for paths: runs of digits
// by their value, everything else byte by byte.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		runA, runB := digitRun(a), digitRun(b)
		if runA == "" || runB == "" {
			if a[0] != b[0] {
				return strings.Compare(a[:1], b[:1])
			}
			a, b = a[1:], b[1:]
			continue
		}
		numberA, numberB := strings.TrimLeft(runA, "0"), strings.TrimLeft(runB, "0")
		if len(numberA) != len(numberB) {
			return len(numberA) - len(numberB)
		}
		if c := strings.Compare(numberA, numberB); c != 0 {
			return c
		}
		a, b = a[len(runA):], b[len(runB):]
	}
	return len(a) - len(b)
}

func digitRun(text string) string {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return text[:end]
}
