package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestImports_FollowTheTable(t *testing.T) {
	pkgs := list(t)
	for _, problem := range slices.Concat(checkLines(pkgs), checkReserves(pkgs), checkBans(pkgs)) {
		t.Error(problem)
	}
}

func TestImportTable_NamesOnlyWhatIsThere(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkNames(list(t), string(mod)) {
		t.Error(problem)
	}
}

// lineOf finds the line of a package: its own before one of a pattern.
func lineOf(name string) (line, bool) {
	var found line
	for _, l := range importTable() {
		if l.pkg == name {
			return l, true
		}
		if among([]string{l.pkg}, name) {
			found = l
		}
	}
	return found, found.pkg != ""
}

func checkLines(pkgs []listed) []string {
	var problems []string
	for _, p := range pkgs {
		name := short(p.ImportPath)
		l, ok := lineOf(name)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s has no line in the import table; decide what it may import, and write down why", name))
			continue
		}
		imports := p.Imports
		if l.closed {
			imports = p.Deps
		}
		for _, imported := range imports {
			if ours(imported) && !among(l.may, short(imported)) {
				problems = append(problems, fmt.Sprintf("%s imports %s, which its line in the import table does not allow: %s", name, short(imported), l.why))
			}
		}
	}
	return problems
}

func checkReserves(pkgs []listed) []string {
	var problems []string
	for _, p := range pkgs {
		name := short(p.ImportPath)
		for _, imported := range p.Imports {
			for _, r := range reserves() {
				if r.covers(imported) && !among(r.by, name) {
					problems = append(problems, fmt.Sprintf("%s imports %s, which only %v and tests may: %s", name, short(imported), r.by, r.why))
				}
			}
		}
	}
	return problems
}

func (r reserve) covers(importPath string) bool {
	if r.ours {
		return ours(importPath) && among(r.pkgs, short(importPath))
	}
	return slices.ContainsFunc(r.pkgs, func(prefix string) bool { return below(importPath, prefix) })
}

func checkBans(pkgs []listed) []string {
	var problems []string
	for _, p := range pkgs {
		name := short(p.ImportPath)
		for _, b := range bans() {
			if !among(b.in, name) {
				continue
			}
			for _, dep := range p.Deps {
				if slices.ContainsFunc(b.out, func(prefix string) bool { return below(dep, prefix) }) {
					problems = append(problems, fmt.Sprintf("%s is built from %s: %s", name, dep, b.why))
				}
			}
		}
	}
	return problems
}

// checkNames finds what the tables name and is gone: a rule about it would hold for ever.
func checkNames(pkgs []listed, goMod string) []string {
	var names, others []string
	for _, l := range importTable() {
		names = append(append(names, l.pkg), l.may...)
	}
	for _, r := range reserves() {
		names = append(names, r.by...)
		if r.ours {
			names = append(names, r.pkgs...)
		} else {
			others = append(others, r.pkgs...)
		}
	}
	for _, b := range bans() {
		names, others = append(names, b.in...), append(others, b.out...)
	}
	var problems []string
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !slices.ContainsFunc(pkgs, func(p listed) bool { return among([]string{name}, short(p.ImportPath)) }) {
			problems = append(problems, fmt.Sprintf("the tables name %s, and there is no such package", name))
		}
	}
	slices.Sort(others)
	for _, prefix := range slices.Compact(others) {
		inGoMod := strings.Contains(goMod, "\t"+prefix+"/") || strings.Contains(goMod, "\t"+prefix+" ")
		if strings.Contains(prefix, ".") && !inGoMod {
			problems = append(problems, fmt.Sprintf("the tables name %s, and go.mod does not", prefix))
		}
	}
	return problems
}
