package providertest

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// CheckProfile fails on a profile that can't be relied on or shown to people.
func CheckProfile(t testing.TB, p providers.Provider, name string) {
	t.Helper()
	profile := p.Profile()
	if profile.Name != name || profile.Floor <= 0 || !strings.HasPrefix(profile.MappingVersion, name+"/") {
		t.Errorf("profile of %s: name %q, floor %s, mapping version %q", name, profile.Name, profile.Floor, profile.MappingVersion)
	}
	seen := map[[3]string]bool{}
	for _, row := range profile.Table {
		checkRow(t, row)
		key := [3]string{row.Field, row.Raw, row.Case}
		if seen[key] {
			t.Errorf("row %+v is there twice; two rows of one word differ in their case", row)
		}
		seen[key] = true
	}
	if len(profile.Table) == 0 {
		t.Fatal("the table is empty")
	}
	profile.Table[0].Raw = "changed by a caller"
	if p.Profile().Table[0].Raw == "changed by a caller" {
		t.Error("a caller can change the table")
	}
}

// marks are how far a row's source can be trusted; see docs/providers.md.
var marks = []string{"documented", "client", "inferred", "unconfirmed"}

func checkRow(t testing.TB, row providers.Row) {
	t.Helper()
	if row.Raw == "" || row.Field == "" || strings.TrimSpace(row.Words) == "" || !slices.Contains(marks, row.Mark) {
		t.Errorf("row %+v is not whole", row)
	}
	known := slices.Contains(providers.Kinds(), row.Kind)
	if row.Status.Valid() == known || row.Status.Valid() != (row.Status != "") || known != (row.Kind != 0) {
		t.Errorf("row %+v must name a status or a kind, and not both", row)
	}
	if row.Status == payment.Unknown {
		t.Errorf("row %+v is a giving up, which no provider says", row)
	}
}

// CheckRules fails on a table in which a word could not be found, or would have
// no meaning in some case. spell brings a word into the table's spelling.
func CheckRules[F any](t *testing.T, rules providers.Rules[F], spell func(string) string) {
	t.Helper()
	last := map[[2]string]providers.Rule[F]{}
	for _, r := range rules {
		if spell(r.Raw) != r.Raw {
			t.Errorf("%s %s can't be found: it is not in the table's spelling", r.Field, r.Raw)
		}
		word := [2]string{r.Field, r.Raw}
		if before, ok := last[word]; ok && before.When == nil {
			t.Errorf("a row of %s %s is hidden by the one above it", r.Field, r.Raw)
		}
		last[word] = r
	}
	for word, r := range last {
		if r.When != nil {
			t.Errorf("the last row of %v holds in some cases only", word)
		}
	}
}

// SettingsRow is a change of good settings, and the fields that are then wrong.
type SettingsRow[C any] struct {
	Name   string
	Change func(*C)
	Fields []string
}

// CheckSettings fails if the check of changed settings names other fields than a
// row says, or shows a setting's value.
func CheckSettings[C interface{ Check() []payment.FieldError }](t *testing.T, good C, rows []SettingsRow[C], hidden ...string) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			settings := good
			row.Change(&settings)
			var fields []string
			for _, fault := range settings.Check() {
				fields = append(fields, fault.Field)
				if fault.Problem == "" {
					t.Errorf("nothing is said about %s", fault.Field)
				}
				CheckHidden(t, hidden, fault.Problem)
			}
			if !slices.Equal(fields, row.Fields) {
				t.Errorf("faults in %v, want %v", fields, row.Fields)
			}
		})
	}
}

// ReferenceRow is a reference, and the field that is wrong; empty: none.
type ReferenceRow struct {
	Name  string
	Ref   payment.Reference
	Field string
}

// CheckReferences fails if an adapter takes or refuses another reference than a
// row says, or refuses it for another field.
func CheckReferences(t *testing.T, p providers.Provider, rows []ReferenceRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			err := p.CheckReference(row.Ref)
			if row.Field == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if fault := fieldError(t, err); fault.Field != row.Field {
				t.Errorf("error %v, want a fault in %s", err, row.Field)
			}
		})
	}
}
