package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"reconciler/internal/secret"
)

// Lookup finds the secrets that a file names.
type Lookup struct {
	// Env gives an environment variable. Nil: none is set.
	Env func(name string) (string, bool)
	// Dir is what relative paths of files to read are relative to.
	Dir string
}

// maxSecret bounds a secret file, in bytes: a larger one is the wrong file.
const maxSecret = 64 << 10

// secret reads {env: NAME} or {file: PATH}. A secret written into the file is a
// fault, and no fault repeats what stands there: a secret in place of its name
// is as likely a mistake.
func (d *decoder) secret(s spot, into *secret.Text) {
	const wanted = "{env: NAME} or {file: PATH}"
	pairs, ok := mapping(s.node)
	if !ok {
		d.refuse(s.path, "a value written into the file", wanted+": secrets are named here, not written")
		return
	}
	if len(pairs) != 1 {
		d.refuse(s.path, "a mapping that has not one key", wanted)
		return
	}
	key, _ := keyText(pairs[0].Key)
	name, ok := pairs[0].Value.(*ast.StringNode)
	if !ok || name.Value == "" || (key != "env" && key != "file") {
		d.refuse(s.path, "something else", wanted)
		return
	}
	value, problem := d.lookup.find(key, name.Value)
	if problem != nil {
		d.refuse(s.path, problem.Error(), wanted+" that holds a value")
		return
	}
	*into = secret.New(value)
}

// find gives the value. The error says what stands there instead; it never
// holds a value, nor a name that could be one.
func (l Lookup) find(kind, name string) (string, error) {
	if kind == "file" {
		return l.readSecret(name)
	}
	if l.Env != nil {
		if value, ok := l.Env(name); ok && value != "" {
			return value, nil
		}
	}
	return "", errors.New(variable(name) + ", which is not set or empty")
}

// variable names an environment variable if it looks like one: no secret that
// is worth the name has only capitals, digits and underscores.
func variable(name string) string {
	odd := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' }
	if len(name) > maxShown || strings.ContainsFunc(name, odd) || !strings.Contains(name, "_") && len(name) > 16 {
		return "an environment variable"
	}
	return "the environment variable " + name
}

func (l Lookup) readSecret(name string) (string, error) {
	path := l.resolve(name)
	if problem := unreadable(path); problem != "" {
		return "", errors.New(problem)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", errors.New("a file that can't be opened")
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	switch {
	case err != nil:
		return "", errors.New("a file that can't be read")
	case len(data) > maxSecret:
		return "", errors.New("a file of over 64 KiB")
	}
	value := strings.TrimRight(string(data), "\r\n") // editors end files with a line break
	if value == "" {
		return "", errors.New("a file that is empty")
	}
	return value, nil
}

// resolve makes a path that the file names absolute or relative to the working folder.
func (l Lookup) resolve(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.Dir, name)
}

// unreadable says what stands at a path instead of a file that can be read, or
// "". Devices and pipes are refused before they are opened: they may never end.
func unreadable(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "a file that does not exist"
	case err != nil:
		return "a file that can't be read"
	case !info.Mode().IsRegular():
		return "something that is not a file"
	}
	file, err := os.Open(path)
	if err != nil {
		return "a file that can't be opened"
	}
	_ = file.Close()
	return ""
}
