package layout

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guarantees is the document that says which test shows which promise.
const guarantees = "docs/guarantees.md"

// A promise whose test was renamed or taken out is one that nobody shows any more.
func TestGuarantees_NameTestsThatAreThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, guarantees))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string][]string{} // of a folder, as far as asked for
	declared := func(folder, name string) bool {
		if _, ok := there[folder]; !ok {
			there[folder] = testsIn(t, folder)
		}
		return slices.Contains(there[folder], name)
	}
	named, problems := checkGuarantees(guarantees, string(text), declared)
	for _, problem := range problems {
		t.Error(problem)
	}
	if named < 50 {
		t.Errorf("%s names %d tests: this is not the whole document, or it is not read", guarantees, named)
	}
}

// pointer is a folder between backticks, or the name of a test wherever it stands.
var pointer = regexp.MustCompile("`((?:internal|cmd)(?:/[\\w.-]+)+)/?`|\\b((?:Test|Benchmark|Fuzz)[A-Z]\\w*)")

// shownBy heads the column that says what shows a promise.
const shownBy = "Shown by"

// checkGuarantees counts the tests that a document names. A test is in the folder
// named last before it in the same line of text or row of a table.
func checkGuarantees(name, text string, declared func(folder, test string) bool) (named int, problems []string) {
	note := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: ", name, line+1)+fmt.Sprintf(format, args...))
	}
	shown, columns := false, 0 // whether the table's last column is shownBy
	for i, line := range strings.Split(text, "\n") {
		folder, before := "", named
		for _, m := range pointer.FindAllStringSubmatch(line, -1) {
			if m[1] != "" {
				folder = m[1]
				continue
			}
			named++
			if folder == "" {
				note(i, "%s stands behind no folder", m[2])
			} else if !declared(folder, m[2]) {
				note(i, "%s declares no %s: say what shows this promise, or that nothing does", folder, m[2])
			}
		}
		row := cells(line)
		switch {
		case row == nil:
			shown = false
		case row[len(row)-1] == shownBy:
			shown, columns = true, len(row)
		case shown && len(row) != columns:
			note(i, "%d cells where the table has %d columns", len(row), columns)
		case shown && !ruler(row) && named == before && !strings.Contains(row[len(row)-1], "not shown"):
			note(i, "a promise without a test: name one, or say that it is not shown")
		}
	}
	return named, problems
}

// cells are those of a table's row, or nil for another line.
func cells(line string) []string {
	inner, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	all := strings.Split(strings.TrimSuffix(inner, "|"), "|")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// ruler is the line under a table's head.
func ruler(row []string) bool { return strings.Trim(strings.Join(row, ""), "-: ") == "" }

// testsIn are the tests, benchmarks and fuzz targets that a folder declares.
func testsIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		t.Error(err)
		return nil
	}
	var all []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		s, err := parse(path.Join(folder, e.Name()), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && pointer.MatchString(f.Name.Name) {
				all = append(all, f.Name.Name)
			}
		}
	}
	return all
}

func TestGuaranteesCheck_FindsWhatItForbids(t *testing.T) {
	declared := func(folder, test string) bool { return folder == "internal/a" && test == "TestOne_IsThere" }
	const head = "| Promise | Shown by |\n| --- | --- |\n"
	for _, c := range []struct {
		name, text string
		want       string // words of the only problem; empty for none
	}{
		{"there", head + "| p | `internal/a`: `TestOne_IsThere` |", ""},
		{"there, in a sentence", "it runs (`internal/a`: `TestOne_IsThere`)", ""},
		{"gone", head + "| p | `internal/a`: `TestTwo` |", "doc:3: internal/a declares no TestTwo"},
		{"gone, in a sentence", "it runs (`internal/a`: TestTwo)", "declares no TestTwo"},
		{"in another folder", head + "| p | `internal/a`: `TestOne_IsThere`; `internal/b`: `TestOne_IsThere` |", "internal/b declares no TestOne_IsThere"},
		{"a benchmark that is gone", "`internal/a`: `BenchmarkOne`", "declares no BenchmarkOne"},
		{"without a folder", "`internal/a`\nand `TestOne_IsThere`", "doc:2: TestOne_IsThere stands behind no folder"},
		{"a promise of nothing", head + "| p | we are careful |", "doc:3: a promise without a test"},
		{"a promise that says so", head + "| p | not shown |", ""},
		{"a promise that says so elsewhere", head + "| p, not shown | believe us |", "a promise without a test"},
		{"a row that is cut", head + "| `internal/a`: `TestOne_IsThere` |", "1 cells where the table has 2 columns"},
		{"another table", head + "\n| What | Why |\n| --- | --- |\n| p | so |", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := checkGuarantees("doc", c.text, declared)
			if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.want)) {
				t.Errorf("found %q, want %q", problems, c.want)
			}
		})
	}
}
