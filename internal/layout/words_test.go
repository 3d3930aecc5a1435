package layout

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unwanted are words that must not be in any file. They are written in halves
// here, or this file would be the first to fail.
func unwanted() map[string]string {
	return map[string]string{
		"TO" + "DO":         "do it, leave it out whole, or open an issue",
		"FIX" + "ME":        "do it, leave it out whole, or open an issue",
		"/wo" + "rk/":       "a path of one machine helps nobody elsewhere",
		"proxy.go" + "lang": "which registry a module comes from is the business of whoever builds",
		"DESI" + "GN.md":    "it is not in this repository: say the reason itself",
		"STY" + "LE.md":     "it is not in this repository: say the reason itself",
		"BRI" + "EF.md":     "it is not in this repository: say the reason itself",
	}
}

func TestFiles_HoldNoUnwantedWords(t *testing.T) {
	for _, name := range files(t) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range checkWords(name, text) {
			t.Error(problem)
		}
	}
}

func checkWords(name string, text []byte) []string {
	if name == "go.sum" || bytes.IndexByte(text, 0) >= 0 {
		return nil // hashes and pictures have no words
	}
	var problems []string
	for i, line := range strings.Split(string(text), "\n") {
		for word, why := range unwanted() {
			if strings.Contains(line, word) && !strings.Contains(line, "context."+word) {
				problems = append(problems, fmt.Sprintf("%s:%d: %q: %s", name, i+1, word, why))
			}
		}
	}
	return problems
}

// Prose that names files rots unless a test reads it.
func TestDocuments_NameOnlyFilesThatAreThere(t *testing.T) {
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range checkPaths(name, string(text)) {
			t.Error(problem)
		}
	}
}

// named finds paths of ours between backticks and the targets of links.
var named = regexp.MustCompile("`(?:\\./)?((?:internal|cmd|configs|docs|\\.ci)(?:/[\\w.-]+)+)/?`|\\]\\(([^)#:\\s]+)(?:#[^)]*)?\\)")

func checkPaths(name, text string) []string {
	var problems []string
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		target := filepath.Join(root, m[1])
		if m[1] == "" {
			target = filepath.Join(root, filepath.Dir(name), m[2])
		}
		if _, err := os.Stat(target); err != nil {
			problems = append(problems, fmt.Sprintf("%s names %s, which is not there", name, m[1]+m[2]))
		}
	}
	return problems
}
