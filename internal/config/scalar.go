package config

import (
	"errors"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

const wantedText = "text (in quotes if it looks like a number)"

// text decodes text. What YAML 1.2 takes for a number needs quotes, even where
// the parser would let it pass: "1e3" is a number to most other readers.
func (d *decoder) text(s spot, into reflect.Value) {
	if literal, ok := s.node.(*ast.LiteralNode); ok {
		into.SetString(literal.Value.Value)
		return
	}
	text, ok := s.node.(*ast.StringNode)
	switch {
	case !ok:
		d.refuse(s.path, describe(s.node), wantedText)
	case isPlain(text) && looksNumeric(text.Value):
		d.refuse(s.path, "a number", wantedText)
	case text.Value == "":
		d.given[s.path] = false // left out
	default:
		into.SetString(text.Value)
	}
}

// isPlain reports whether text stands without quotes.
func isPlain(s *ast.StringNode) bool { return s.Token != nil && s.Token.Type == token.StringType }

func (d *decoder) boolean(s spot, into reflect.Value) {
	b, ok := s.node.(*ast.BoolNode)
	if !ok {
		d.refuse(s.path, describe(s.node), "true or false")
		return
	}
	into.SetBool(b.Value)
}

// digits is a number as it is written, where it is one in plain decimal. Other
// notations are refused: 010 is 8 to YAML 1.1 and 10 to YAML 1.2.
func digits(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		text := n.GetToken().Value
		return text, looksNumeric(text)
	case *ast.StringNode: // "1e3" and numbers over 64 bits
		return v.Value, isPlain(v) && looksNumeric(v.Value)
	}
	return "", false
}

// looksNumeric holds YAML 1.2's grammar of decimal numbers (10.3.2), without
// leading zeros.
func looksNumeric(s string) bool {
	s = strings.TrimLeft(s, "+-")
	if strings.Trim(s, "0123456789.eE+-") != "" || len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

func (d *decoder) integer(s spot, into reflect.Value) {
	const wanted = "a whole number in plain decimal"
	text, ok := digits(s.node)
	if !ok || strings.ContainsAny(text, ".eE") {
		d.refuse(s.path, odd(s.node, ok), wanted)
		return
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || into.OverflowInt(value) {
		d.refuse(s.path, "a number that is too large", wanted)
		return
	}
	into.SetInt(value)
}

func (d *decoder) number(s spot, into reflect.Value) {
	const wanted = "a number in plain decimal"
	text, ok := digits(s.node)
	if !ok {
		d.refuse(s.path, odd(s.node, ok), wanted)
		return
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d.refuse(s.path, "a number that is too large", wanted)
		return
	}
	into.SetFloat(value)
}

// odd describes what stands where another number is wanted.
func odd(n ast.Node, decimal bool) string {
	switch found := describe(n); {
	case decimal:
		return "a number"
	case found == "a number":
		return "a number in another notation"
	default:
		return found
	}
}

func (d *decoder) prefix(s spot, into *netip.Prefix) {
	const wanted = "a network such as 10.20.0.0/16 or fd12::/48"
	text, ok := s.node.(*ast.StringNode)
	if !ok {
		d.refuse(s.path, describe(s.node), wanted)
		return
	}
	value, err := netip.ParsePrefix(text.Value)
	switch {
	case err != nil:
		d.refuse(s.path, repeat(text.Value), wanted)
	case value != value.Masked():
		d.refuse(s.path, repeat(text.Value), value.Masked().String()+", or a narrower network")
	case value.Addr().Is4In6():
		d.refuse(s.path, repeat(text.Value), "the IPv4 network itself; it covers ::ffff:a.b.c.d too")
	default:
		*into = value
	}
}

// repeat is a value of a closed kind (a word of a list, a duration, a network)
// as a fault may repeat it: short, and nothing that could be a secret by its look.
func repeat(value string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:/ µ", r)
	}
	if len(value) > maxShown || strings.ContainsFunc(value, odd) {
		return "text"
	}
	return strconv.Quote(value)
}
