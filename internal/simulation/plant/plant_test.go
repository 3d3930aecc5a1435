package plant

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

func TestOverlay_HasAPlaceForEveryPlant_AndCompiles(t *testing.T) {
	file, err := Overlay(root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", file}
	for _, p := range All() {
		for _, e := range p.Edits {
			if folder := "./" + filepath.Dir(e.File); !slices.Contains(args, folder) {
				args = append(args, folder)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAll_SaysOfEachPlantWhatItIs(t *testing.T) {
	names := map[string]bool{"": true}
	for _, p := range All() {
		if names[p.Name] || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(p.Name) {
			t.Errorf("the name %q is empty, taken or no words with hyphens", p.Name)
		}
		names[p.Name] = true
	}
	for _, p := range All() {
		if p.Says == "" || strings.Contains(p.Says, "\n") || len(p.Rules) == 0 || len(p.Edits) == 0 {
			t.Errorf("plant %q is not whole: %+v", p.Name, p)
		}
		for _, rule := range p.Rules {
			if rule < 1 || rule > 9 {
				t.Errorf("plant %q: there is no rule %d", p.Name, rule)
			}
		}
		for _, with := range p.With {
			if !names[with] || with == p.Name {
				t.Errorf("plant %q needs the plant %q, which is none", p.Name, with)
			}
		}
		// A part of a fault may be a declaration; a fault without a switch would be
		// in every binary.
		if !slices.ContainsFunc(p.Edits, func(e Edit) bool { return strings.Contains(e.New, switchWord) }) {
			t.Errorf("plant %q has no switch", p.Name)
		}
	}
}

func TestFind_KnowsPlantsAndNothingElse(t *testing.T) {
	if p, err := Find("ack-first"); err != nil || p.Name != "ack-first" || p.planted() != "ack-first,sweep-ignores-missing" {
		t.Errorf("Find gave %+v, %v", p, err)
	}
	if _, err := Find("ack-last"); err == nil {
		t.Error("Find found a plant that is none")
	}
}

const garden = `package garden

import (
	"errors"
)

func short() bool { return true }

func first(n int) error {
	if n > 1 {
		return errors.New("more")
	}
	if n > 2 {
		return errors.New("many")
	}
	return nil
}

func second(n int) error {
	return first(n)
}
`

func TestOverlay_NamesThePlantThatHasNoPlace(t *testing.T) {
	in := func(begins, old, changed string) Edit {
		return Edit{File: "garden/garden.go", In: begins, Old: old, New: changed}
	}
	right := in("func second(", `return first(n)`, `if PLANTED { return nil }; RIGHT`)
	for _, c := range []struct {
		name  string
		edits []Edit // of the second plant; the first has the edit right
		want  string // words of the error, beside the plant's name
	}{
		{"the text is gone", []Edit{in("func first(", `n > 3`, `RIGHT`)}, "is not in the declaration"},
		{"the text is in another declaration", []Edit{in("func first(", `first(n)`, `RIGHT`)}, "is not in the declaration"},
		{"the text is behind a short declaration", []Edit{in("func short(", `n > 1`, `RIGHT`)}, "is not in the declaration"},
		{"the text is there twice", []Edit{in("func first(", `errors.New(`, `RIGHT`)}, "is 2 times in"},
		{"the declaration is gone", []Edit{in("func third(", `n > 1`, `RIGHT`)}, "no line begins with"},
		{"the declaration is there twice", []Edit{in("func ", `n > 1`, `RIGHT`)}, "3 lines begin with"},
		{"the file is gone", []Edit{{File: "garden/tree.go", In: "func ", Old: "n", New: "n"}}, "no such file"},
		{"it overlaps", []Edit{in("func second(", `first(n)`, `RIGHT`)}, `overlaps that of plant "rose"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := overlay(tree(t), t.TempDir(), []Plant{{Name: "rose", Edits: []Edit{right}}, {Name: "weed", Edits: c.edits}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `plant "weed"`) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, err := overlay(tree(t), t.TempDir(), []Plant{{Name: "weed", Edits: []Edit{in("func first(", `n > 1`, `if PLANTED`)}}})
	if err == nil || !strings.Contains(err.Error(), "garden.go") {
		t.Errorf("text that is no Go: %v", err)
	}
}

// tree is a module with one package.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module garden\n\ngo 1.26\n", "garden/garden.go": garden} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSplice_PutsSeveralPlantsIntoOnePlace_EachBehindItsSwitch(t *testing.T) {
	edit := func(by, changed string) owned {
		return owned{Edit{In: "func first(", Old: `n > 1`, New: changed}, by}
	}
	text, err := splice("garden.go", garden, []owned{
		{Edit{In: "func second(", Old: `return first(n)`, New: "if PLANTED {\n\t\treturn nil\n\t}\n\tRIGHT"}, "late"},
		edit("rose", `RIGHT && !PLANTED`), edit("weed", `(RIGHT) || PLANTED`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(garden, "n > 1", `(n > 1 && !planted("rose")) || planted("weed")`, 1)
	want = strings.Replace(want, "\treturn first(n)", "\tif planted(\"late\") {\n\t\treturn nil\n\t}\n\treturn first(n)", 1)
	if text != want {
		t.Errorf("got\n%s", text)
	}
}
