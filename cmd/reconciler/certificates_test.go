package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker/brokertest"
	"reconciler/internal/notify/webhook/webhooktest"
)

// withCertificate writes a good file whose endpoint has a client certificate that is
// valid until then, and gives its path.
func withCertificate(t *testing.T, until time.Time) string {
	t.Helper()
	made := webhooktest.Make(t, "caller", until)
	listen := brokertest.Addresses(t, 1)[0]
	path := write(t, "reconciler.yaml", goodFile+"    certificate_file: caller.pem\n    key_file: caller.key\n"+
		fmt.Sprintf("nats: {listen: %q, data_dir: %q}\n", listen, t.TempDir()))
	for name, value := range map[string]string{
		"password": "geheim-123", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "caller.pem": made.Chain, "caller.key": made.Key,
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestCheck_TellsOfClientCertificates(t *testing.T) {
	expired, soon := time.Now().UTC().Add(-time.Hour), time.Now().UTC().AddDate(0, 0, 3)
	for name, row := range map[string]struct {
		until time.Time
		code  int
		want  string
	}{
		"expired": {expired, 1, ":14:23: endpoints[0].certificate_file: found a value that has expired at " + expired.Format(time.RFC3339) + ", wanted one that is valid now\n"},
		"soon":    {soon, 0, ":14:23: warning: endpoints[0].certificate_file: found a value that expires at " + soon.Format(time.RFC3339) + ", wanted its successor before that\n"},
		"fine":    {time.Now().AddDate(0, 1, 0), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := withCertificate(t, row.until)
			got := execLine(t, "check", "--config", path)
			want := ""
			if row.want != "" {
				want = path + row.want
			}
			if got.code != row.code || got.err != "" || !strings.HasPrefix(got.out, want) || row.code == 1 != !strings.Contains(got.out, "is fine") {
				t.Errorf("ended with %d, %q and\n%s\nwant %d and %q", got.code, got.err, got.out, row.code, want)
			}
		})
	}
}

func TestRun_WarnsOfAClientCertificateAndStarts(t *testing.T) {
	for event, until := range map[string]time.Time{
		"endpoint.certificate_expired": time.Now().Add(-time.Hour), "endpoint.certificate_expires": time.Now().AddDate(0, 0, 3),
		"endpoint.certificate_early": time.Now().AddDate(2, 0, 0),
	} {
		t.Run(event, func(t *testing.T) {
			r := &rung{T: t, path: withCertificate(t, until)}
			said := strings.Join(r.run(), "\n")
			for _, want := range []string{`"level":"warn","event":"` + event + `","merchant":"m-1","endpoint":"orders","at":"`, `"line":14,`, "start the workers again"} {
				if strings.Count(said, want) != 1 {
					t.Errorf("logged\n%s\nwant %q once", said, want)
				}
			}
		})
	}
}
