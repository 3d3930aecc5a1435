package catalog

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
	"reconciler/internal/secret"
)

// startSandbox starts the simulated providers on loopback and gives the settings
// of the account of each.
func startSandbox(t testing.TB, o sandbox.Options) (*sandbox.Sandbox, map[string]map[string]string) {
	t.Helper()
	box, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := box.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	settings := map[string]map[string]string{}
	for _, a := range box.Accounts() {
		settings[a.Provider] = maps.Clone(a.Settings)
	}
	return box, settings
}

// configure makes an account's provider as the configuration does: values by
// their names in YAML.
func configure(t testing.TB, e Entry, values map[string]string) providers.Provider {
	t.Helper()
	settings := e.Settings()
	for name, value := range values {
		if err := set(reflect.ValueOf(settings).Elem(), name, value); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p, err := e.New(settings, transport)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func set(settings reflect.Value, name, value string) error {
	for i := range settings.NumField() {
		if settings.Type().Field(i).Tag.Get("yaml") != name {
			continue
		}
		field := settings.Field(i)
		switch field.Interface().(type) {
		case secret.Text:
			field.Set(reflect.ValueOf(secret.New(value)))
		case string:
			field.SetString(value)
		case int64:
			n, err := strconv.ParseInt(value, 10, 64)
			field.SetInt(n)
			return err
		default:
			return fmt.Errorf("the setting %s has a type that no text is read into here: %s", name, field.Type())
		}
		return nil
	}
	return fmt.Errorf("no setting %s", name)
}

// made is a provider with the account of a sandbox.
func made(t testing.TB, e Entry) providers.Provider {
	t.Helper()
	_, settings := startSandbox(t, sandbox.Options{})
	return configure(t, e, settings[e.Name])
}
