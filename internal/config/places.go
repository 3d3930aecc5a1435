package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// wholeFile is the field of a fault that is of no field.
const wholeFile = "(file)"

// place is where a field stands.
type place struct{ line, column int }

// placeOf is where a node begins.
func placeOf(n ast.Node) place {
	if n == nil {
		return place{}
	}
	switch m := n.(type) {
	case *ast.MappingNode: // its token is the first colon
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return placeOf(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeOf(m.Key)
	}
	return tokenPlace(n.GetToken())
}

func tokenPlace(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column}
}

// place is where faults of s are reported: at a value that stands on the key's
// line, else at the key, since that is the line a person looks for.
func (s spot) place() place {
	value := placeOf(s.node)
	if s.key == nil {
		return value
	}
	key := placeOf(s.key)
	if s.node.Type() == ast.NullType || value.line != key.line {
		return key
	}
	return value
}

// add reports a fault at a place.
func (d *decoder) add(where place, path, found, wanted string) {
	if path == "" {
		path = wholeFile
	}
	d.faults = append(d.faults, Fault{Line: where.line, Column: where.column, Field: path, Found: found, Wanted: wanted})
}

// refuse reports a value that can't be used at all. Later checks of the same
// field, or of what is within it, would only repeat that: see at.
func (d *decoder) refuse(path, found, wanted string) {
	d.at(path, found, wanted)
	d.refused[path] = true
}

// at reports a fault at the field or, where the file does not hold it, at the
// nearest one around it. Fields that were refused are passed over.
func (d *decoder) at(path, found, wanted string) {
	for around := path; ; around = parent(around) {
		if d.refused[around] {
			return
		}
		if around == "" {
			break
		}
	}
	d.add(d.nearest(path), path, found, wanted)
}

func (d *decoder) nearest(path string) place {
	for around := path; around != ""; around = parent(around) {
		if where, known := d.places[around]; known {
			return where
		}
	}
	if path == "" {
		return d.places[""]
	}
	return place{} // of the whole file: no line is more wrong than another
}

// parent is the path around a path: "a.b[2]" is in "a.b", that in "a".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
