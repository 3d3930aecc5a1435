package plant

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// switchFile is the file that an overlay adds to each package with plants.
const switchFile = "planted_switch.go"

// switchSource reads the environment once: a switch must not change under a test.
const switchSource = `package %s

import (
	"os"
	"slices"
	"strings"
)

var plantedNames = strings.Split(os.Getenv(%q), ",")

func planted(name string) bool { return slices.Contains(plantedNames, name) }
`

// Overlay writes into dir the source files of the module at root with every
// plant in them, and the file that tells the go command of them: the value of its
// flag -overlay. The error names the plant that has no place any more.
func Overlay(root, dir string) (overlayFile string, err error) { return overlay(root, dir, All()) }

func overlay(root, dir string, plants []Plant) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("plant faults: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("plant faults: %w", err)
	}
	o := writer{root: root, dir: dir, replace: map[string]string{}, packages: map[string]bool{}}
	files, edits := byFile(plants)
	for _, file := range files {
		if err := o.write(file, edits[file]); err != nil {
			return "", fmt.Errorf("plant faults: %w", err)
		}
	}
	index, err := json.MarshalIndent(struct{ Replace map[string]string }{o.replace}, "", "\t")
	if err != nil {
		return "", fmt.Errorf("plant faults: encode the overlay: %w", err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, index, 0o600); err != nil {
		return "", fmt.Errorf("plant faults: %w", err)
	}
	return overlayFile, nil
}

// byFile gives the files in the order in which they come first, and their edits.
func byFile(plants []Plant) ([]string, map[string][]owned) {
	var files []string
	edits := map[string][]owned{}
	for _, p := range plants {
		for _, e := range p.Edits {
			if !slices.Contains(files, e.File) {
				files = append(files, e.File)
			}
			edits[e.File] = append(edits[e.File], owned{e, p.Name})
		}
	}
	return files, edits
}

// writer writes the files of one overlay.
type writer struct {
	root, dir string
	replace   map[string]string // by the path of the file that is replaced
	packages  map[string]bool   // that have their switch
}

// write writes one file with its edits, and the switch of its package.
func (w *writer) write(file string, edits []owned) error {
	source, err := os.ReadFile(filepath.Join(w.root, filepath.FromSlash(file)))
	if err != nil {
		return fmt.Errorf("plant %q: %w", edits[0].by, err)
	}
	text, err := splice(file, string(source), edits)
	if err != nil {
		return err
	}
	if err := w.put(file, text); err != nil {
		return err
	}
	folder := path.Dir(file)
	if w.packages[folder] {
		return nil
	}
	w.packages[folder] = true
	return w.put(path.Join(folder, switchFile), fmt.Sprintf(switchSource, packageName(source), Variable))
}

// put keeps a text for the file of that path. Its own name is a number, because
// files of two packages may have one name.
func (w *writer) put(file, text string) error {
	name := filepath.Join(w.dir, strconv.Itoa(len(w.replace))+"_"+path.Base(file))
	w.replace[filepath.Join(w.root, filepath.FromSlash(file))] = name
	return os.WriteFile(name, []byte(text), 0o600)
}

// packageName gives what the package clause names.
func packageName(source []byte) string {
	clause := regexp.MustCompile(`(?m)^package (\w+)$`).FindSubmatch(source)
	if clause == nil {
		return ""
	}
	return string(clause[1])
}
