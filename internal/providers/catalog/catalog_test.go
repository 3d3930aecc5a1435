package catalog

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/sandbox"
)

func TestAll_AreTheSimulatedProviders_AndKeepTheContract(t *testing.T) {
	var names []string
	for _, e := range All() {
		names = append(names, e.Name)
		text, err := os.ReadFile(filepath.Join("..", e.Name, "contract_test.go"))
		if err != nil || !strings.Contains(string(text), "providertest.Exercise(t, ") {
			t.Errorf("%s is not exercised against its simulator: %v", e.Name, err)
		}
		if found, ok := Find(e.Name); !ok || found.Name != e.Name {
			t.Errorf("%s is not found", e.Name)
		}
	}
	simulated := sandbox.Providers()
	slices.Sort(names)
	slices.Sort(simulated)
	if !slices.Equal(names, simulated) {
		t.Errorf("providers %v, simulated are %v", names, simulated)
	}
	if _, ok := Find("paypal"); ok {
		t.Error("a provider was found that does not exist")
	}
}

func TestEntry_TakesItsOwnSettingsOnly(t *testing.T) {
	for _, e := range All() {
		settings := e.Settings()
		if faults := e.Check(settings); len(faults) == 0 {
			t.Errorf("%s: empty settings have no fault", e.Name)
		}
		if _, err := e.New(settings, &http.Transport{}); err == nil || !strings.Contains(err.Error(), e.Name) {
			t.Errorf("%s: error %v of empty settings, want one that names the provider", e.Name, err)
		}
		foreign := &struct{}{}
		if faults := e.Check(foreign); len(faults) != 1 || faults[0].Field != "settings" {
			t.Errorf("%s: faults %v of foreign settings", e.Name, faults)
		}
		if _, err := e.New(foreign, &http.Transport{}); err == nil {
			t.Errorf("%s takes foreign settings", e.Name)
		}
	}
}
