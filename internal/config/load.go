package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 4 << 20

// Load reads and checks the file at path, which may be a pipe. The error is a
// *FaultsError with everything that is wrong, or says why the file can't be read.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, Lookup{Env: env, Dir: filepath.Dir(path)})
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the configuration %s is over %d bytes", path, maxFile)
	}
	return data, nil
}

// Parse reads and checks a configuration. name is for the error, which is
// always a *FaultsError. A client certificate that is not valid is no reason for
// one (see Config.Certificates), but is in one with other reasons.
func Parse(name string, data []byte, lookup Lookup) (*Config, error) {
	d := &decoder{lookup: lookup, places: map[string]place{}, given: map[string]bool{}, refused: map[string]bool{}}
	c := &Config{File: defaults(), dir: lookup.Dir}
	root, ok := d.syntax(data)
	if ok && root != nil {
		d.value(spot{path: "", node: root}, reflect.ValueOf(&c.File).Elem())
	}
	if ok { // else nothing was read, and checks would only say so once more
		c.check(d)
	}
	if len(d.faults) > 0 { // then all that is wrong is told
		return nil, &FaultsError{Name: name, Faults: sorted(append(d.faults, c.unusable()...))}
	}
	return c, nil
}

// spot is a place in the file that is being decoded.
type spot struct {
	path string
	node ast.Node
	// key is the key before the value, nil for items of a list.
	key ast.Node
}
