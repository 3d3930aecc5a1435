package providertest

import (
	"os"
	"path/filepath"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

type settings struct {
	TwoStage bool `json:"two_stage"`
}

// writeCase makes testdata of one case the current one.
func writeCase(t *testing.T, want string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join("testdata", "golden"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"paid.json": `{"name":"Aida"}`, "paid.want.json": want} {
		if err := os.WriteFile(filepath.Join("testdata", "golden", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGoldens_ReadBothForms(t *testing.T) {
	for _, want := range []string{
		`{"reference":{"id":"1"},"expected":"1.50 EUR","two_stage":true,"http":400,"observation":{"status":"pending"}}`,
		`{"reference":{"id":"1"},"expected":{"amount":"1.50","currency":"EUR"},"two_stage":true,"http":400,"want":{"status":"pending"}}`,
	} {
		writeCase(t, want)
		g := Goldens[settings](t, 1)[0]
		q, reply := g.Query(), g.Reply()
		if g.Name != "paid" || !g.Case.TwoStage || q.Expected.String() != "1.50 EUR" || q.Last != payment.Pending || q.Reference["id"] != "1" {
			t.Errorf("case %+v", g)
		}
		if reply.Status != 400 || reply.Body != `{"name":"Aida"}` || g.Want.Observation.Status != payment.Pending {
			t.Errorf("case %+v", g)
		}
	}
}

func TestGoldens_RefuseCasesThatSayNothingCertain(t *testing.T) {
	rows := []struct{ name, text, want string }{
		{"a key of nobody", `{"colour":"red","error":{"kind":"not_found"}}`, "colour"},
		{"a key of nobody inside", `{"error":{"kind":"not_found","colour":"red"}}`, "colour"},
		{"nothing wanted", `{"reference":{"id":"1"}}`, "one observation or an error"},
		{"two things wanted", `{"observation":{},"error":{"kind":"not_found"}}`, "one observation or an error"},
		{"two observations wanted", `{"observation":{},"want":{}}`, "one observation or an error"},
		{"no money", `{"expected":"1.5.0 EUR","error":{}}`, "amount"},
		{"no JSON", `[]`, "array"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			writeCase(t, row.text)
			wantFailure(t, failuresOf(t, func(t testing.TB) { Goldens[settings](t, 1) }), row.want)
		})
	}
	wantFailure(t, failuresOf(t, func(t testing.TB) { Goldens[settings](t, 2) }), "want at least 2")
}

func TestGolden_FindsEveryDifference(t *testing.T) {
	const plain = `{"expected":"1.50 EUR","observation":{"status":"succeeded","amount":"1.50 EUR","captured":"1.50 EUR"},"applied":"succeeded","personal":["Aida"]}`
	money := Money(t, "1.50 EUR")
	good := payment.Observation{Status: payment.Succeeded, Amount: money, Captured: money, MappingVersion: "acme/1"}
	rows := []struct {
		name, text string
		change     func(*payment.Observation)
		err        error
		want       string
	}{
		{name: "none", text: plain},
		{name: "another status", text: plain, change: func(o *payment.Observation) { o.Status = payment.Processing }, want: "processing"},
		{name: "other money", text: plain, change: func(o *payment.Observation) { o.Captured = payment.Money{} }, want: "got"},
		{name: "a code", text: plain, change: func(o *payment.Observation) { o.ProviderCode = "7" }, want: "got"},
		{name: "a personal value", text: plain, change: func(o *payment.Observation) { o.ProviderMessage = "Aida" }, want: "Aida"},
		{name: "an error", text: plain, err: &providers.Error{Kind: providers.NotFound, Doing: "ask"}, want: "not_found"},
		{name: "another end", text: `{"expected":"1.50 EUR","observation":{"status":"succeeded","amount":"1.50 EUR","captured":"1.50 EUR"},"applied":"same"}`, want: "becomes"},
		{name: "a personal value that is not there", text: `{"error":{"kind":"not_found"},"personal":["Bakyt"]}`, err: &providers.Error{Kind: providers.NotFound, Doing: "ask"}, want: "proves nothing"},
		{name: "another kind", text: `{"error":{"kind":"unreadable"}}`, err: &providers.Error{Kind: providers.NotFound, Doing: "ask"}, want: "unreadable"},
		{name: "no error", text: `{"error":{"kind":"unreadable"}}`, want: "unreadable"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			writeCase(t, row.text)
			obs := good
			if row.err != nil {
				obs = payment.Observation{}
			}
			if row.change != nil {
				row.change(&obs)
			}
			g := Goldens[settings](t, 1)[0]
			wantFailure(t, failuresOf(t, func(t testing.TB) { g.Check(t, "acme/1", obs, row.err) }), row.want)
		})
	}
}
