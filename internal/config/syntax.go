package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// syntax parses the file into its one document; nil for an empty one. ok is
// false where nothing of it can be read.
func (d *decoder) syntax(data []byte) (root ast.Node, ok bool) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // the parser would make it part of the first key
	if fault, bad := unprintable(data); bad {
		d.faults = append(d.faults, fault)
		return nil, false
	}
	data = d.tabs(data)
	// Repeated keys are allowed here and refused by the decoder, because the
	// parser would stop at the first one.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.faults = append(d.faults, syntaxFault(err))
		return nil, false
	}
	return d.document(file.Docs), true
}

// tabs refuses tabs outside of comments and puts spaces in their place, so that
// the rest can be read. YAML forbids them only in places; the parser loses
// characters elsewhere too ("1<tab>0s" would be 10s).
func (d *decoder) tabs(data []byte) []byte {
	if !bytes.ContainsRune(data, '\t') {
		return data
	}
	clean := bytes.Clone(data)
	at, comment := place{1, 1}, false
	for i, c := range data {
		switch {
		case c == '\n', c == '\r' && !bytes.HasPrefix(data[i:], []byte("\r\n")):
			at, comment = place{at.line + 1, 0}, false
		case c == '#' && (at.column == 1 || data[i-1] == ' ' || data[i-1] == '\t'):
			comment = true
		case c == '\t' && !comment:
			clean[i] = ' '
			d.add(at, "", "a tab", `spaces, or \t in double quotes`)
		}
		if utf8.RuneStart(c) {
			at.column++
		}
	}
	return clean
}

// document takes the first document and refuses further ones and directives.
func (d *decoder) document(docs []*ast.DocumentNode) ast.Node {
	var bodies []*ast.DocumentNode
	for _, doc := range docs {
		if _, ok := doc.Body.(*ast.DirectiveNode); ok {
			d.add(placeOf(doc.Body), "", "a directive (%)", "none: plain YAML needs no directives")
			continue
		}
		bodies = append(bodies, doc)
	}
	if len(bodies) > 1 {
		where := placeOf(bodies[1].Body)
		if start := bodies[1].Start; start != nil {
			where = place{start.Position.Line, start.Position.Column}
		}
		d.add(where, "", "a second document", "one")
	}
	if len(bodies) == 0 || bodies[0].Body == nil {
		return nil
	}
	return bodies[0].Body
}

// syntaxFault is the parser's error in one line, with its place. The parser's
// text quotes the file here and there; quotations are left out.
func syntaxFault(err error) Fault {
	f := Fault{Field: wholeFile, Found: "text that is not YAML", Wanted: "YAML: look at the indentation, colons and quotes here and above"}
	var fault yaml.Error
	if !errors.As(err, &fault) {
		return f
	}
	if t := fault.GetToken(); t != nil && t.Position != nil {
		f.Line, f.Column = t.Position.Line, t.Position.Column
	}
	message := fault.GetMessage()
	switch {
	case strings.Contains(message, "escape character"):
		message = `an escape (\) that double quotes do not know`
	default:
		message, _, _ = strings.Cut(message, `"`)
	}
	f.Found += " (" + strings.TrimSpace(message) + ")"
	return f
}

// unprintable finds the first character that YAML does not allow anywhere
// (1.2.2 section 5.1), or bytes that are not UTF-8: what a parser makes of them
// is anybody's guess, and an editor does not show them.
func unprintable(data []byte) (Fault, bool) {
	at := place{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return Fault{Line: at.line, Column: at.column, Field: wholeFile, Found: "a byte that is not UTF-8", Wanted: "text in UTF-8"}, true
		case r == '\n', r == '\r' && !bytes.HasPrefix(data, []byte("\r\n")):
			at = place{at.line + 1, 0}
		case r == '\t', r == '\r', r == '\u0085':
		case r < ' ', r >= 0x7F && r < 0xA0, r == '\uFEFF', r == '\uFFFE', r == '\uFFFF':
			return Fault{Line: at.line, Column: at.column, Field: wholeFile, Found: "a control character", Wanted: "text without control characters"}, true
		}
		at.column++
		data = data[size:]
	}
	return Fault{}, false
}
