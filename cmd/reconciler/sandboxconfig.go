package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"reconciler/internal/demo"
	"reconciler/internal/retry"
	"reconciler/internal/sandbox"
)

//go:embed sandbox.yaml.tmpl
var sandboxTemplate string

// sandboxConfig is what the template of a sandbox's configuration is filled with.
type sandboxConfig struct {
	Accounts []sandbox.Account
	Hooks    []configuredHook
	Pace     demo.Pace
	// Watch is the length of each phase's watch.
	Watch map[string]time.Duration
	// URL is the broker's. Empty: it is embedded, keeps its store in DataDir and
	// takes clients at Listen, unless that is empty too.
	URL, DataDir, Listen string
	// Callbacks is where callbacks are taken; empty: nowhere.
	Callbacks string
	// AckWait is when the work of a worker that died is done again; 0: 30 s.
	AckWait time.Duration
}

// configuredHook is an endpoint with what the sandbox knows of it.
type configuredHook struct {
	demo.Hook
	URL string
}

// writeSandboxConfig writes dir/reconciler.yaml and dir/secrets/*, with which a
// worker watches the sandbox's payments, and gives the configuration's path.
func writeSandboxConfig(dir string, s *sandbox.Sandbox, c sandboxConfig) (string, error) {
	secrets := filepath.Join(dir, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return "", fmt.Errorf("make the folder for the sandbox's secrets: %w", err)
	}
	values := map[string]string{}
	for _, a := range s.Accounts() {
		for _, name := range []string{"password", "client_secret", "secret"} {
			if value, ok := a.Settings[name]; ok {
				values[a.Provider+"-"+name] = value
			}
		}
	}
	for _, h := range s.Hooks() {
		values["hook-"+h.Name] = h.Secret
	}
	for name, value := range values {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(value+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write the sandbox's secrets: %w", err)
		}
	}
	text, err := renderSandboxConfig(s, c)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "reconciler.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the sandbox's configuration: %w", err)
	}
	return path, nil
}

func renderSandboxConfig(s *sandbox.Sandbox, c sandboxConfig) ([]byte, error) {
	c.Accounts, c.AckWait = s.Accounts(), cmp.Or(c.AckWait, 30*time.Second)
	urls := map[string]string{}
	for _, h := range s.Hooks() {
		urls[h.Name] = h.URL
	}
	for i := range c.Hooks {
		c.Hooks[i].URL = urls[c.Hooks[i].Name]
	}
	c.Watch = map[string]time.Duration{}
	for _, phase := range retry.Phases() {
		c.Watch[phase.String()] = c.Pace.Watch(phase)
	}
	t, err := template.New("sandbox.yaml").Parse(sandboxTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the template of the sandbox's configuration: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, c); err != nil {
		return nil, fmt.Errorf("fill in the sandbox's configuration: %w", err)
	}
	return text.Bytes(), nil
}
