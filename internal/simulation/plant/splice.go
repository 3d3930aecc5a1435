package plant

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// cut is the place of an edit in its file.
type cut struct {
	from, to int
	text     string
	by       string // the plant's name
}

// splice makes the text of a file with all edits in it.
func splice(file, source string, edits []owned) (string, error) {
	var cuts []cut
	for _, e := range edits {
		from, err := e.find(source)
		if err != nil {
			return "", fmt.Errorf("plant %q: %s: %w", e.by, file, err)
		}
		to := from + len(e.Old)
		at := slices.IndexFunc(cuts, func(c cut) bool { return c.from < to && from < c.to })
		switch {
		case at < 0:
			cuts = append(cuts, cut{from, to, e.apply(e.Old), e.by})
		case cuts[at].from == from && cuts[at].to == to:
			cuts[at].text = e.apply(cuts[at].text)
		default:
			return "", fmt.Errorf("plant %q: %s: its place overlaps that of plant %q", e.by, file, cuts[at].by)
		}
	}
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a.from, b.from) })
	var out strings.Builder
	done := 0
	for _, c := range cuts {
		out.WriteString(source[done:c.from])
		out.WriteString(c.text)
		done = c.to
	}
	out.WriteString(source[done:])
	if _, err := parser.ParseFile(token.NewFileSet(), file, out.String(), parser.SkipObjectResolution); err != nil {
		return "", fmt.Errorf("with its plants it is no Go: %w", err)
	}
	return out.String(), nil
}

// owned is an edit and its plant's name.
type owned struct {
	Edit
	by string
}

// apply gives the new text, where right is what it replaces.
func (e owned) apply(right string) string {
	text := strings.ReplaceAll(e.New, switchWord, "planted("+fmt.Sprintf("%q", e.by)+")")
	return strings.ReplaceAll(text, rightWord, right)
}

// find gives the offset of Old in the source.
func (e Edit) find(source string) (int, error) {
	from, to, err := declaration(source, e.In)
	if err != nil {
		return 0, err
	}
	switch found := strings.Count(source[from:to], e.Old); found {
	case 1:
		return from + strings.Index(source[from:to], e.Old), nil
	case 0:
		return 0, fmt.Errorf("%q is not in the declaration %q", e.Old, e.In)
	default:
		return 0, fmt.Errorf("%q is %d times in the declaration %q", e.Old, found, e.In)
	}
}

// declaration gives where the declaration lies whose first line begins like this:
// up to the first line that begins with a closing bracket, as gofmt has it.
func declaration(source, begins string) (from, to int, err error) {
	lines := strings.SplitAfter(source, "\n")
	found, inside, offset := 0, false, 0
	for _, line := range lines {
		if strings.HasPrefix(line, begins) {
			found++
			from, inside = offset, true
		}
		offset += len(line)
		if ends := strings.HasPrefix(line, "}") || strings.HasPrefix(line, ")"); inside && (ends || oneLine(line, begins)) {
			to, inside = offset, false
		}
	}
	switch {
	case found == 0:
		return 0, 0, fmt.Errorf("no line begins with %q", begins)
	case found > 1:
		return 0, 0, fmt.Errorf("%d lines begin with %q", found, begins)
	}
	return from, to, nil
}

// oneLine reports whether a line is a whole declaration.
func oneLine(line, begins string) bool {
	return strings.HasPrefix(line, begins) && strings.HasSuffix(strings.TrimRight(line, "\n"), "}")
}
