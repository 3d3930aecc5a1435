package config

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/retry"
)

// exampleFile is the complete, commented configuration.
const exampleFile = "../../configs/reconciler.yaml"

func example(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// anyEnvironment holds every secret: one that fits a webhook too.
func anyEnvironment(string) (string, bool) {
	return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true
}

// uncommented takes the "#" off the settings that the example leaves out.
func uncommented(data []byte) []byte {
	return regexp.MustCompile(`(?m)^( *)#([a-z_]+:|- )`).ReplaceAll(data, []byte("$1$2"))
}

// decode walks the example without the checks of meaning.
func decode(t *testing.T, data []byte) (*decoder, *Config) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets", "nats-token"), []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &decoder{lookup: Lookup{Env: anyEnvironment, Dir: dir}, places: map[string]place{}, given: map[string]bool{}, refused: map[string]bool{}}
	root, ok := d.syntax(data)
	if !ok {
		t.Fatalf("not YAML: %v", d.faults)
	}
	c := &Config{File: defaults()}
	d.value(spot{node: root}, reflect.ValueOf(&c.File).Elem())
	for _, a := range c.Accounts {
		entry, ok := catalog.Find(a.Provider)
		if !ok {
			t.Fatalf("no provider %q", a.Provider)
		}
		d.settings(a.Settings, entry.Settings())
	}
	return d, c
}

func TestExampleFile_HasNoFault(t *testing.T) {
	c, err := Load(exampleFile, anyEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	var providers []string
	for _, a := range c.Accounts {
		providers = append(providers, a.Provider)
	}
	if want := providerNames(); !slices.Equal(providers, want) {
		t.Errorf("accounts of %v, want one of each: %v", providers, want)
	}
	if len(c.Endpoints) == 0 {
		t.Error("no endpoint")
	}
}

func TestExampleFile_ShowsEverySetting(t *testing.T) {
	d, c := decode(t, uncommented(example(t)))
	if len(d.faults) > 0 {
		t.Fatalf("with every setting in use: %v", d.faults)
	}
	shown := map[string]bool{}
	index := regexp.MustCompile(`\[\d+\]`)
	for path := range d.places {
		shown[index.ReplaceAllString(path, "[]")] = true
	}
	var want []string
	walk("", reflect.TypeFor[File](), &want)
	for _, path := range want {
		// An account's cadence is written like the watch's, which is shown whole.
		if !shown[path] && !shown[strings.Replace(path, "accounts[].cadence.", "watch.cadence.", 1)] {
			t.Errorf("%s is not shown", path)
		}
	}
	for i, a := range c.Accounts {
		entry, _ := catalog.Find(a.Provider)
		for _, key := range keys(reflect.TypeOf(entry.Settings()).Elem()) {
			if path := item("accounts", i) + ".settings." + key; !d.given[path] {
				t.Errorf("%s of %s is not shown", path, a.Provider)
			}
		}
	}
}

// walk lists the paths of all settings of a type.
func walk(path string, t reflect.Type, paths *[]string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if path != "" {
		*paths = append(*paths, path)
	}
	switch {
	case t.Kind() == reflect.Slice:
		walk(path+"[]", t.Elem(), paths)
	case t.Kind() == reflect.Struct && len(keys(t)) > 0:
		for i := range t.NumField() {
			if name, ok := tag(t.Field(i)); ok {
				walk(join(path, name), t.Field(i).Type, paths)
			}
		}
	}
}

// What the example calls a default must be one.
func TestExampleFile_LeavesOutWhatIsTheDefault(t *testing.T) {
	plain, err := Load(exampleFile, anyEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	// Settings for a server, and those whose comment says that they are examples.
	examples := regexp.MustCompile(`(?m)^ *#(url|credentials_file|nkey_file|user|password|token|tls|ca_file|cert_file|certificate_file|key_file|headers|allow_networks|allow_ports|store|events|min_interval):.*\n`)
	data := uncommented(examples.ReplaceAll(example(t), nil))
	data = bytes.Replace(data, []byte("    cadence:\n      open:\n        - {until: 72h, every: 1m}\n"), nil, 1)
	data = bytes.Replace(data, []byte("    schedule: [0s, 30s, 10m, 2h, 12h, 24h]\n"), nil, 1)
	full, err := Parse("full", data, Lookup{Env: anyEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain.schedule(), full.schedule()) {
		t.Errorf("webhooks.schedule: %v, want %v", full.schedule(), plain.schedule())
	}
	for i, a := range full.accounts {
		b := plain.accounts[i]
		if !reflect.DeepEqual(a.cadence, b.cadence) || !reflect.DeepEqual(a.guard, b.guard) || !reflect.DeepEqual(a.settings, b.settings) {
			t.Errorf("account %s:\n%+v %+v %+v\nwant\n%+v %+v %+v", a.Name, a.cadence, a.guard, a.settings, b.cadence, b.guard, b.settings)
		}
	}
	if full.Webhooks.DisableAfter != endpoint.DefaultDisableAfter {
		t.Errorf("webhooks.disable_after: %v, want %v", full.Webhooks.DisableAfter, endpoint.DefaultDisableAfter)
	}
	if w := full.Webhooks; w.ConnectLimit != webhook.DefaultConnectLimit || w.TLSLimit != w.ConnectLimit {
		t.Errorf("webhooks: %v to connect, %v for TLS", w.ConnectLimit, w.TLSLimit)
	}
	if full.endpoints[0].Format != notify.FormatFull {
		t.Errorf("endpoints[0].format: %q", full.endpoints[0].Format)
	}
	full.endpoints[0].Format = plain.endpoints[0].Format // left out means the same
	if !reflect.DeepEqual(full.endpoints, plain.endpoints) {
		t.Errorf("endpoints: %+v, want %+v", full.endpoints, plain.endpoints)
	}
	if !reflect.DeepEqual(full.accounts[0].cadence, retry.Default()) {
		t.Error("watch.cadence is not the default")
	}
	nats, worker := full.NATS, full.Worker
	nats.LogRetention, nats.DeadRetention = 0, 0
	worker.Concurrency, worker.PullWait = 0, 0
	if nats != plain.NATS || worker != plain.Worker || full.Log != plain.Log {
		t.Errorf("%+v %+v %+v, want %+v %+v %+v", nats, worker, full.Log, plain.NATS, plain.Worker, plain.Log)
	}
}

func TestExampleFile_NamesEverySecretByItsEnvironmentVariable(t *testing.T) {
	asked := map[string]bool{}
	_, err := Load(exampleFile, func(name string) (string, bool) {
		asked[name] = true
		return anyEnvironment(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ECOMMPAY_SECRET", "FINIPAY_PASSWORD", "HALYK_CLIENT_SECRET", "SHOP_A_WEBHOOK_SECRET", "UAPAY_SECRET"}
	if got := slices.Sorted(maps.Keys(asked)); !slices.Equal(got, want) {
		t.Errorf("asked for %v, want %v", got, want)
	}
}

func TestDescribe_ShowsWhatTheExampleFileMeans(t *testing.T) {
	c, err := Load(exampleFile, anyEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/describe.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Describe(); got != string(want) {
		t.Errorf("Describe():\n%s\nwant:\n%s", got, want)
	}
	if strings.Contains(c.Describe(), "whsec_") {
		t.Error("the description holds a secret")
	}
}
