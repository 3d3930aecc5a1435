package catalog

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// update makes TestDocument_IsFresh write the document in place of comparing it.
var update = flag.Bool("update", false, "write docs/providers.md")

// documentFile is where the document is kept.
var documentFile = filepath.Join("..", "..", "..", "docs", "providers.md")

func TestDocument_IsFresh(t *testing.T) {
	want := document(t)
	if *update {
		if err := os.WriteFile(documentFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	is, should := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(is), len(should)) {
		if at(is, i) != at(should, i) {
			t.Fatalf("docs/providers.md is stale: run make generate. Line %d is\n%s\nand should be\n%s", i+1, at(is, i), at(should, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no such line)"
}

// What people look up must be there, whatever the form.
func TestDocument_ShowsEveryRowOfEveryTable(t *testing.T) {
	text := string(document(t))
	for _, e := range All() {
		_, section, _ := strings.Cut(text, "\n## "+e.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		profile := made(t, e).Profile()
		if lines := strings.Count(section, "\n| `"); lines < len(profile.Table) {
			t.Errorf("%s: %d lines for %d rows", e.Name, lines, len(profile.Table))
		}
		for _, row := range profile.Table {
			if !strings.Contains(section, rowLine(row)) || !strings.Contains(section, code(profile.MappingVersion)) {
				t.Errorf("%s does not show %+v", e.Name, row)
			}
		}
	}
	for _, kind := range providers.Kinds() {
		if !strings.Contains(text, "\n| "+code(kind.String())+" | ") {
			t.Errorf("%s is not explained", kind)
		}
	}
	for _, status := range payment.Statuses() {
		if !strings.Contains(text, "\n| "+code(string(status))+" | ") {
			t.Errorf("%s is not explained", status)
		}
	}
	for _, secretly := range []string{"sandbox-password", "sandbox-client-secret", "c2FuZGJveC11YXBheS1zZWNyZXQ=", "sandbox-ecommpay-secret"} {
		if strings.Contains(text, secretly) {
			t.Errorf("it shows the credential %q", secretly)
		}
	}
}

func TestCell_KeepsATableATable(t *testing.T) {
	rows := []struct{ text, plain, code string }{
		{"paid", "paid", "`paid`"},
		{"", "", ""},
		{"a|b", `a\|b`, "`a\\|b`"},
		{"a\nb\r\n c", "a b c", "`a b c`"},
		{"\u0421REATED", `\\u0421REATED`, "`\\u0421REATED`"},
		{"a\u00a0b \U0001F600", `a\\u00a0b \\U0001f600`, "`a\\u00a0b \\U0001f600`"},
		{"a\x00b", `a\\x00b`, "`a\\x00b`"},
		{"`x` *y* _z_ <b> [c]", "\\`x\\` \\*y\\* \\_z\\_ \\<b\\> \\[c\\]", "`` `x` *y* _z_ <b> [c] ``"},
		{`C:\d`, `C:\\d`, "`C:\\d`"},
	}
	for _, row := range rows {
		if got := plain(row.text); got != row.plain {
			t.Errorf("plain(%q) = %q, want %q", row.text, got, row.plain)
		}
		if got := code(row.text); got != row.code {
			t.Errorf("code(%q) = %q, want %q", row.text, got, row.code)
		}
	}
}
