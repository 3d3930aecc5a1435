package ecommpay

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// figure is a sample of the status page, as it is printed there: with comments,
// and with a signature that was shortened.
type figure struct {
	number  int
	printed string
	// http is the status of an answer, 0 for a request.
	http int
}

// goldenOf is the golden file of each figure.
func goldenOf() map[int]string {
	return map[int]string{
		1: "documented_request_by_payment", 2: "documented_completed", 3: "documented_in_progress",
		4: "documented_incorrect_request", 5: "documented_declined", 6: "documented_not_registered",
		7: "documented_request_by_request",
	}
}

// figures reads the page's samples.
func figures(t testing.TB) []figure {
	t.Helper()
	text, err := os.ReadFile("testdata/documented.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []figure
	heads := regexp.MustCompile(`(?m)^Figure (\d+)\..*\n(?:HTTP/1\.1 (\d+) .*\n\.\.\..*\n)?`)
	places := heads.FindAllSubmatchIndex(text, -1)
	for i, at := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		f := figure{printed: string(text[at[1]:end])}
		f.number, _ = strconv.Atoi(string(text[at[2]:at[3]]))
		if at[4] >= 0 {
			f.http, _ = strconv.Atoi(string(text[at[4]:at[5]]))
		}
		all = append(all, f)
	}
	return all
}

// plain is the sample without its comments.
func (f figure) plain() string {
	return regexp.MustCompile(`(?m)[ \t]*//.*$`).ReplaceAllString(f.printed, "")
}

// content is what a text says, its signature left out.
func content(t *testing.T, text string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	strip(fields)
	return fields
}

func TestGoldens_CoverEverySampleOfTheStatusPage(t *testing.T) {
	all, cases := figures(t), goldens(t)
	if len(all) != len(goldenOf()) {
		t.Fatalf("%d figures", len(all))
	}
	for i, f := range all {
		name := goldenOf()[f.number]
		body, err := os.ReadFile("testdata/golden/" + name + ".json")
		if err != nil || f.number != i+1 {
			t.Fatalf("figure %d in place %d: %v", f.number, i, err)
		}
		if got, want := content(t, string(body)), content(t, f.plain()); !reflect.DeepEqual(got, want) {
			t.Errorf("%s holds  %v\nfigure %d holds %v", name, got, f.number, want)
		}
		at := slices.IndexFunc(cases, func(g providertest.Golden[account]) bool { return g.Name == name })
		if (at >= 0) != (f.http != 0) || at >= 0 && max(cases[at].Want.HTTP, 200) != f.http {
			t.Errorf("figure %d came under HTTP %d; its golden case is %d", f.number, f.http, at)
		}
	}
}

// Nothing of a payer in a sample may be forgotten in its golden file's list.
func TestGoldens_NameEveryPersonalValueOfTheSamples(t *testing.T) {
	for _, g := range goldens(t) {
		if !strings.HasPrefix(g.Name, "documented_") && g.Name != "personal_data_everywhere" {
			continue
		}
		fields := content(t, string(g.Body))
		values := append(leaves(fields["customer"]), leaves(fields["account"])...)
		for _, key := range []string{"recurring", "acs", "threeds2", "avs_result", "clarification_fields", "provider_extra_fields", "display_data", "return_url"} {
			values = append(values, leaves(fields[key])...)
		}
		if about, ok := fields["payment"].(map[string]any); ok {
			values = append(values, leaves(about["description"])...)
		}
		operations, _ := fields["operations"].([]any)
		for _, o := range operations {
			if provider, ok := o.(map[string]any)["provider"].(map[string]any); ok {
				values = append(values, leaves(provider["payment_id"])...)
				values = append(values, leaves(provider["auth_code"])...)
			}
		}
		for _, value := range values {
			// A type such as visa, a month or an internal number is found anywhere.
			if !slices.Contains([]string{"visa", "qr_data", "8899", "2034"}, value) && len(value) > 2 && !slices.Contains(g.Want.Personal, value) {
				t.Errorf("%s does not list %q", g.Name, value)
			}
		}
	}
}

// leaves are the texts and numbers of a JSON value.
func leaves(value any) (all []string) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			all = append(all, leaves(inner)...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, leaves(inner)...)
		}
	case string:
		all = append(all, v)
	case json.Number:
		all = append(all, v.String())
	}
	return all
}

// As printed, no sample is an answer: comments are no JSON, and the signatures
// were shortened.
func TestObserve_BelievesNoSampleAsPrinted(t *testing.T) {
	r := reader{config: Config{ProjectID: 50, Secret: secret.New(testKey)}}
	ask := questionOf(providers.Query{Reference: payment.Reference{"payment_id": "ORDER_ID_302bis"}})
	for _, f := range figures(t) {
		if f.http != 200 {
			continue
		}
		for body, want := range map[string]providers.Kind{f.printed: providers.Unreadable, f.plain(): providers.SignatureInvalid} {
			if _, err := r.observe(ask, providers.Answer{Status: 200, Body: []byte(body)}); !errors.Is(err, want) {
				t.Errorf("figure %d: %v, want %s", f.number, err, want)
			}
		}
	}
}

func TestBody_IsThatOfTheSamples(t *testing.T) {
	a, err := New(Config{ProjectID: 50, Secret: secret.New(testKey)}, providertest.RoundTrip(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]payment.Reference{
		"documented_request_by_payment": {"payment_id": "ORDER_ID_302bis"},
		"documented_request_by_request": {"request_id": "2336565"},
	} {
		want, err := os.ReadFile("testdata/golden/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.body(questionOf(providers.Query{Reference: ref}))
		if err != nil || string(got)+"\n" != string(want) {
			t.Errorf("%s\nsends %s, %v\nwant  %s", name, got, err, want)
		}
	}
}
