package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"reconciler/internal/secret"
)

// node is a part of the file that is decoded later, when its type is known.
type node struct{ spot spot }

// decoder walks the file's syntax tree into typed values. The library's own
// decoder stops at the first fault; an operator wants all of them.
type decoder struct {
	lookup Lookup
	faults []Fault
	// places is where each field stands that was seen, for faults found by later checks.
	places map[string]place
	// given are the fields that hold something; refused those of which it can't be used.
	given, refused map[string]bool
}

// value decodes s into the value that into is. What holds nothing stays as it was.
func (d *decoder) value(s spot, into reflect.Value) {
	d.places[s.path] = s.place()
	switch s.node.Type() {
	case ast.NullType:
		return
	case ast.AnchorType, ast.AliasType, ast.TagType, ast.MergeKeyType:
		d.given[s.path] = true
		d.refuse(s.path, "an anchor, alias or tag", "the value itself")
		return
	}
	d.given[s.path] = true
	switch target := into.Addr().Interface().(type) {
	case *node:
		target.spot = s
	case *secret.Text:
		d.secret(s, target)
	case *time.Duration:
		d.duration(s, target)
	case *netip.Prefix:
		d.prefix(s, target)
	default:
		d.kind(s, into)
	}
}

func (d *decoder) kind(s spot, into reflect.Value) {
	switch into.Kind() {
	case reflect.Struct:
		d.structure(s, into)
	case reflect.Slice:
		d.list(s, into)
	case reflect.Pointer:
		made := reflect.New(into.Type().Elem())
		d.value(s, made.Elem())
		into.Set(made)
	case reflect.String:
		d.text(s, into)
	case reflect.Bool:
		d.boolean(s, into)
	case reflect.Int, reflect.Int64:
		d.integer(s, into)
	case reflect.Float64:
		d.number(s, into)
	default: // a field of a new type without a case here; a test walks all fields
		d.refuse(s.path, describe(s.node), "nothing: this program can't read a value here")
	}
}

// structure decodes a mapping; unknown and repeated keys are faults.
func (d *decoder) structure(s spot, into reflect.Value) {
	pairs, ok := mapping(s.node)
	if !ok {
		d.refuse(s.path, describe(s.node), "a mapping with the keys "+strings.Join(keys(into.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key, plain := keyText(pair.Key)
		path := join(s.path, shown(key))
		field, known := fieldOf(into, key)
		switch {
		case !plain:
			d.add(placeOf(pair.Key), s.path, "a key with an anchor, alias or tag, or a merge (<<)", "plain keys")
		case !known:
			d.add(placeOf(pair.Key), path, "an unknown key", "one of "+strings.Join(keys(into.Type()), ", "))
		case seen[key]:
			d.add(placeOf(pair.Key), path, "the key a second time", "it once")
		default:
			d.value(spot{path: path, node: pair.Value, key: pair.Key}, field)
		}
		seen[key] = true
	}
}

func (d *decoder) list(s spot, into reflect.Value) {
	sequence, ok := s.node.(*ast.SequenceNode)
	if !ok {
		d.refuse(s.path, describe(s.node), "a list")
		return
	}
	made := reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values))
	for i, item := range sequence.Values {
		at := spot{path: s.path + "[" + strconv.Itoa(i) + "]", node: item}
		d.value(at, made.Index(i))
		if item.Type() == ast.NullType {
			d.refuse(at.path, "nothing", "an item, or no line for it")
		}
	}
	into.Set(made)
}

// settings decodes a provider's settings into the struct that its adapter owns.
func (d *decoder) settings(n node, into any) {
	if n.spot.node != nil {
		d.value(n.spot, reflect.ValueOf(into).Elem())
	}
}
