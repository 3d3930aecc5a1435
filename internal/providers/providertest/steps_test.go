package providertest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// step is a block of the document: a file, changes of one (lang "diff"), or
// commands (lang "sh", no file).
type step struct{ file, lang, text string }

// heading names the file of the block that follows it.
var heading = regexp.MustCompile(`^\*\*([\w./-]+/[\w.-]+)\*\*$`)

// readSteps reads the blocks that have the name of a file above them, and those
// of commands. Others are only shown.
func readSteps(document string) ([]step, error) {
	var steps []step
	var s step
	in := false
	for i, line := range strings.Split(document, "\n") {
		fence, fenced := strings.CutPrefix(line, "```")
		switch {
		case fenced && !in:
			in, s.lang, s.text = true, fence, ""
		case fenced && fence == "":
			if s.file != "" || s.lang == "sh" {
				steps = append(steps, s)
			}
			in, s = false, step{}
		case in:
			s.text += line + "\n"
		case heading.MatchString(line):
			if s.file != "" {
				return nil, fmt.Errorf("line %d: %s has no block", i+1, s.file)
			}
			s.file = heading.FindStringSubmatch(line)[1]
		case line != "" && s.file != "":
			return nil, fmt.Errorf("line %d: %s has text between its name and its block", i+1, s.file)
		}
	}
	if in || s.file != "" {
		return nil, fmt.Errorf("the last block does not end")
	}
	return steps, nil
}

// apply writes or changes the step's file in a folder; commands it leaves alone.
func (s step) apply(folder string) error {
	if s.file == "" {
		return nil
	}
	name := filepath.Join(folder, filepath.FromSlash(s.file))
	old, err := os.ReadFile(name)
	switch {
	case s.lang == "diff" && err != nil:
		return fmt.Errorf("the document changes %s, which can't be read: %w", s.file, err)
	case s.lang == "diff":
		text, err := change(string(old), s.text)
		if err != nil {
			return fmt.Errorf("the document's change of %s: %w", s.file, err)
		}
		return os.WriteFile(name, []byte(text), 0o600)
	case err == nil:
		return fmt.Errorf("the document writes %s, which is there already", s.file)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(s.text), 0o600)
}

// change makes the changes of a diff whose parts begin with "@@" alone: each says
// by its lines where it belongs, so these must be found exactly once.
func change(text, diff string) (string, error) {
	text = "\n" + text
	for _, part := range strings.Split(diff, "@@\n")[1:] {
		before, after := "\n", "\n"
		for line := range strings.Lines(part) {
			switch line[0] {
			case '+':
				after += line[1:]
			case '-':
				before += line[1:]
			case ' ':
				before, after = before+line[1:], after+line[1:]
			default:
				return "", fmt.Errorf("%q is no line of a diff", line)
			}
		}
		if n := strings.Count(text, before); n != 1 {
			return "", fmt.Errorf("found %d times, want once:%s", n, before)
		}
		text = strings.Replace(text, before, after, 1)
	}
	return text[1:], nil
}

func TestReadSteps(t *testing.T) {
	const f = "```"
	rows := []struct {
		name, text string
		want       []step
		problem    string
	}{
		{"a file", "x\n\n**a/b.go**\n\n" + f + "go\npackage b\n\n// `x`\n" + f + "\nx", []step{{"a/b.go", "go", "package b\n\n// `x`\n"}}, ""},
		{"commands", f + "sh\ngo vet\n" + f, []step{{"", "sh", "go vet\n"}}, ""},
		{"only shown", f + "yaml\na: b\n" + f, nil, ""},
		{"bold text is no name", "**not a file**\n**also**\n", nil, ""},
		{"two names", "**a/b.go**\n**a/c.go**\n" + f + "go\n" + f, nil, "a/b.go has no block"},
		{"text between", "**a/b.go**\nas follows\n" + f + "go\n" + f, nil, "text between"},
		{"no end", "**a/b.go**\n" + f + "go\npackage b\n", nil, "does not end"},
		{"no block", "**a/b.go**\n", nil, "does not end"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := readSteps(row.text)
			if fmt.Sprint(got) != fmt.Sprint(row.want) || (err == nil) != (row.problem == "") || err != nil && !strings.Contains(err.Error(), row.problem) {
				t.Errorf("%q, %v; want %q, %q", got, err, row.want, row.problem)
			}
		})
	}
}

func TestChange_WantsEachPlaceOnce(t *testing.T) {
	const text = "a\n\tb\nc\na\n"
	rows := []struct{ name, diff, want, problem string }{
		{"added", "@@\n \tb\n+x\n", "a\n\tb\nx\nc\na\n", ""},
		{"replaced", "@@\n-c\n+d\n", "a\n\tb\nd\na\n", ""},
		{"at the top", "@@\n+x\n a\n \tb\n", "x\na\n\tb\nc\na\n", ""},
		{"two parts", "@@\n \tb\n+x\n@@\n c\n-a\n", "a\n\tb\nx\nc\n", ""},
		{"gone", "@@\n-d\n", "", "found 0 times"},
		{"twice", "@@\n-a\n", "", "found 2 times"},
		{"a part of a line", "@@\n-b\n", "", "found 0 times"},
		{"no diff", "@@\nb\n", "", "no line of a diff"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := change(text, row.diff)
			if got != row.want || (err == nil) != (row.problem == "") || err != nil && !strings.Contains(err.Error(), row.problem) {
				t.Errorf("%q, %v; want %q, %q", got, err, row.want, row.problem)
			}
		})
	}
}

func TestStep_OverwritesNothing(t *testing.T) {
	folder := t.TempDir()
	s := step{file: "a/b.txt", lang: "text", text: "x\n"}
	if err := s.apply(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.apply(folder); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("error %v, want that it is there already", err)
	}
	if err := (step{file: "a/c.txt", lang: "diff", text: "@@\n-x\n"}).apply(folder); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("error %v, want that it can't be read", err)
	}
}
