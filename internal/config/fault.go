package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong in a file.
type Fault struct {
	// Line and Column count from 1; 0 where the fault is of the whole file.
	Line, Column int
	// Field is the path: "accounts[0].settings.base_url"; "(file)" for the whole.
	Field string
	// Found is what stands there, Wanted what would be right. Neither holds a secret.
	Found, Wanted string
}

// String is one line: "12:5: accounts[0].name: found nothing, wanted a name".
func (f Fault) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, f.Column)
	}
	fmt.Fprintf(&b, "%s: found %s, wanted %s", f.Field, f.Found, f.Wanted)
	return b.String()
}

// FaultsError is everything wrong in one file, in the order of the file.
type FaultsError struct {
	// Name is the file's.
	Name   string
	Faults []Fault
}

// Error lists all faults, one a line.
func (e *FaultsError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return fmt.Sprintf("%s has %d fault(s):\n%s", e.Name, len(e.Faults), strings.Join(lines, "\n"))
}

// sorted orders faults as the file does; those of the whole file come first.
func sorted(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return faults
}
