package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/notify/webhook/webhooktest"
)

func TestEndpoints_TakeCertificatesFromFilesBesideTheConfiguration(t *testing.T) {
	now := time.Now()
	good, other := webhooktest.Make(t, "shop", now.AddDate(0, 1, 0)), webhooktest.Make(t, "other", now.AddDate(0, 1, 0))
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.pem": good.Chain, "good.key": good.Key,
		"other.pem": other.Chain, "both.pem": good.Chain + good.Key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(settings string) (*config.Config, error) {
		look := lookup(dir)
		return config.Parse("a.yaml", []byte(account+
			"endpoints: [{merchant: shop, id: orders, url: 'https://shop.example', secrets: [{env: HOOK}], "+settings+"}]"), look)
	}
	c, err := load("certificate_file: good.pem, key_file: good.key, ca_file: other.pem, headers: [{name: X-Api-Key, value: {env: PASSWORD}}], format: thin, schedule: [0s, 1d]")
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.WorkerOptions(transport)
	if err != nil {
		t.Fatal(err)
	}
	e := o.Endpoints[0]
	trim := strings.TrimSpace
	if e.Client.Chain.Reveal() != trim(good.Chain) || e.Client.Key.Reveal() != trim(good.Key) || e.CAs.Reveal() != trim(other.Chain) {
		t.Error("the files are not what the endpoint has")
	}
	if len(e.Headers) != 1 || e.Headers[0].Name != "X-Api-Key" || e.Headers[0].Value.Reveal() != environment()["PASSWORD"] ||
		e.Format != "thin" || len(e.Schedule) != 2 || e.Schedule[1] != 24*time.Hour {
		t.Errorf("%+v", e)
	}
	for settings, want := range map[string]string{
		"certificate_file: other.pem, key_file: good.key": "endpoints[0].key_file: found a value that does not belong to the certificate",
		"certificate_file: both.pem, key_file: good.key":  "endpoints[0].certificate_file: found a value that holds a private key",
		"certificate_file: good.pem":                      "endpoints[0].key_file: found nothing, wanted the certificate's key",
	} {
		_, err := load(settings)
		var faults *config.FaultsError
		if !errors.As(err, &faults) || len(faults.Faults) != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one fault: %s", settings, err, want)
		}
		for _, secret := range []string{"BEGIN", good.Key[40:80], good.Chain[40:80]} {
			if strings.Contains(err.Error(), secret) || strings.Contains(c.Describe(), secret) {
				t.Error("PEM shows")
			}
		}
	}
}

func TestCertificates_AreTheirEndpointsTroubleAlone(t *testing.T) {
	now, dir := time.Now().UTC().Truncate(time.Second), t.TempDir()
	ends := map[string]time.Time{
		"expired": now.Add(-time.Hour), "soon": now.AddDate(0, 0, 13), "good": now.AddDate(0, 0, 15), "early": now.AddDate(2, 0, 0),
	}
	var file strings.Builder
	file.WriteString(account + "endpoints:\n")
	for _, id := range []string{"good", "soon", "expired", "early"} {
		made := webhooktest.Make(t, id, ends[id])
		write(t, filepath.Join(dir, id+".pem"), made.Chain)
		write(t, filepath.Join(dir, id+".key"), made.Key)
		fmt.Fprintf(&file, "- {merchant: m, id: %s, url: 'https://shop.example', secrets: [{env: HOOK}],\n   certificate_file: %[1]s.pem, key_file: %[1]s.key}\n", id)
	}
	c, err := config.Parse("a.yaml", []byte(file.String()), lookup(dir))
	if err != nil {
		t.Fatalf("%v, want the others to work", err)
	}
	stamp := func(t time.Time) string { return t.Format(time.RFC3339) }
	begins := ends["early"].AddDate(-1, 0, 0)
	at := func(line int, found, wanted string) config.Fault {
		return config.Fault{Line: line, Column: 22, Field: fmt.Sprintf("endpoints[%d].certificate_file", line/2-2), Found: found, Wanted: wanted}
	}
	want := []config.Certificate{
		{Merchant: "m", Endpoint: "soon", At: ends["soon"], Valid: true, Fault: at(6, "a value that expires at "+stamp(ends["soon"]), "its successor before that")},
		{Merchant: "m", Endpoint: "expired", At: ends["expired"], Fault: at(8, "a value that has expired at "+stamp(ends["expired"]), "one that is valid now")},
		{Merchant: "m", Endpoint: "early", At: begins, Early: true, Fault: at(10, "something else", "one that is valid now")},
	}
	if got := c.Certificates(); !reflect.DeepEqual(got, want) {
		t.Errorf("certificates\n%+v, want\n%+v", got, want)
	}
	// A file with another fault is told of whole.
	_, err = config.Parse("a.yaml", []byte("colour: red\n"+file.String()), lookup(dir))
	var faults *config.FaultsError
	if !errors.As(err, &faults) || len(faults.Faults) != 3 || strings.Contains(err.Error(), "endpoints[1]") {
		t.Errorf("%v, want the unknown key and the two certificates that are not valid", err)
	}
}
