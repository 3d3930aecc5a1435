package notify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
	"reconciler/internal/retry"
	"reconciler/internal/secret"
)

// guide is the merchants' guide. Merchants build on its tables and copy its
// samples, so the tests below hold it against the program.
type guide string

func readGuide(t *testing.T) guide {
	t.Helper()
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	return guide(text)
}

// table gives the rows of the one table whose head begins with that cell.
func (g guide) table(t *testing.T, first string) [][]string {
	t.Helper()
	_, rest, ok := strings.Cut(string(g), "\n| "+first+" |")
	if !ok {
		t.Fatalf("the guide has no table of %q", first)
	}
	var rows [][]string
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // what is left of the head, and the line below it
			continue
		}
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// code gives the one block of code in that language.
func (g guide) code(t *testing.T, language string) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(g), "\n```"+language+"\n")
	code, _, ok := strings.Cut(rest, "\n```\n")
	if !ok || strings.Contains(rest, "\n```"+language+"\n") {
		t.Fatalf("the guide must have one block of %s", language)
	}
	return code + "\n"
}

var inTicks = regexp.MustCompile("`([^`]+)`")

// words gives what stands in backticks.
func words(text string) []string {
	var all []string
	for _, match := range inTicks.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// wantSame compares two sets, and says what is missing on which side.
func wantSame(t *testing.T, what string, guide, program []string) {
	t.Helper()
	for _, word := range program {
		if !slices.Contains(guide, word) {
			t.Errorf("the guide does not name the %s %q", what, word)
		}
	}
	for _, word := range guide {
		if !slices.Contains(program, word) {
			t.Errorf("the guide names the %s %q, which does not exist", what, word)
		}
	}
}

// eventSchema is the schema of the body, as JSON.
func eventSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../../configs/schema/event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// typeOf says a property's type in the guide's words.
func typeOf(property map[string]any) string {
	if ref, ok := property["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		if name == "money" || name == "time" {
			return name
		}
		return "string"
	}
	if name, ok := property["type"].(string); ok {
		return name
	}
	if _, ok := property["const"].(bool); ok {
		return "boolean"
	}
	if _, ok := property["const"]; ok {
		return "integer"
	}
	return "string" // an enum
}

func TestGuide_NamesEveryFieldOfTheBody_WithTypeAndWhenItIsAbsent(t *testing.T) {
	data := eventSchema(t)["$defs"].(map[string]any)["data"].(map[string]any)
	fields := data["properties"].(map[string]any)
	required := data["required"].([]any)
	var named []string
	for _, row := range readGuide(t).table(t, "Field") {
		name := strings.Trim(row[0], "`")
		named = append(named, name)
		field, ok := fields[name].(map[string]any)
		if !ok {
			continue
		}
		if want := typeOf(field); row[1] != want {
			t.Errorf("%s: the guide says %q, the schema %q", name, row[1], want)
		}
		if never := row[2] == "never"; never != slices.Contains(required, any(name)) {
			t.Errorf("%s: the guide says absent: %q; required by the schema: %t", name, row[2], !never)
		}
		if row[3] == "" {
			t.Errorf("%s: the guide does not say what it means", name)
		}
		if triggers, ok := field["enum"].([]any); ok && name == "trigger" {
			for _, trigger := range triggers {
				if !slices.Contains(words(row[3]), trigger.(string)) {
					t.Errorf("the guide does not name the trigger %q", trigger)
				}
			}
		}
	}
	wantSame(t, "field", named, slices.Collect(maps.Keys(fields)))
}

func TestGuide_NamesEveryStatusAndReason(t *testing.T) {
	text := readGuide(t)
	var statuses, reasons, named []string
	for _, s := range payment.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, row := range text.table(t, "Status") {
		named = append(named, words(row[0])...)
	}
	wantSame(t, "status", named, statuses)

	for _, r := range payment.Reasons() {
		reasons = append(reasons, string(r))
	}
	_, section, _ := strings.Cut(string(text), "\n### Reasons\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named = slices.DeleteFunc(words(section), func(word string) bool { return word == string(payment.Review) })
	wantSame(t, "reason", named, reasons)
}

func TestGuide_ShowsARealBody(t *testing.T) {
	body := []byte(readGuide(t).code(t, "json"))
	event, err := payment.ParseEvent(body)
	if err != nil {
		t.Fatal(err)
	}
	move := payment.Route(event.Data.PreviousStatus, event.Data.Status)
	if !move.Legal || !slices.Equal(move.Implied, event.Data.Implied) {
		t.Errorf("implied is %v in the guide, %v by the table of moves", event.Data.Implied, move.Implied)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event", eventSchema(t)); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("event").Validate(value); err != nil {
		t.Error(err)
	}
}

func TestGuide_SaysWhatThinLeaves(t *testing.T) {
	text := readGuide(t)
	body, err := notify.FormatThin.Render([]byte(text.code(t, "json")))
	if err != nil {
		t.Fatal(err)
	}
	var event struct {
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "In the format **thin**")
	_, section, _ = strings.Cut(section, "`data` has")
	section, _, _ = strings.Cut(section, " only.")
	wantSame(t, "field of thin events", words(section), slices.Collect(maps.Keys(event.Data)))
}

func TestGuide_NamesEveryHeaderThatIsSent(t *testing.T) {
	seen := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer server.Close()
	sender, err := webhook.New(webhook.Options{Policy: webhook.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	result := sender.Send(t.Context(), webhook.Request{
		URL: server.URL, AllowHTTP: true, ID: "evt_1_1", Body: []byte("{}"), Secrets: []secret.Text{newSecret(t)}, Replay: true,
		Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	if result.Class != webhook.ClassDelivered {
		t.Fatalf("the webhook did not arrive: %s", result.Class)
	}
	sent := <-seen
	for _, plain := range []string{"Content-Length", "Accept-Encoding"} { // of every HTTP client
		sent.Del(plain)
	}
	var named []string
	for _, row := range readGuide(t).table(t, "Header") {
		name := http.CanonicalHeaderKey(strings.Trim(row[0], "`"))
		named = append(named, name)
		if example := strings.Trim(row[1], "`"); (name == "Content-Type" || name == "User-Agent") && example != sent.Get(name) {
			t.Errorf("%s: the guide shows %q, sent is %q", name, example, sent.Get(name))
		}
	}
	wantSame(t, "header", named, slices.Collect(maps.Keys(sent)))
}

func TestGuide_SaysWhatEachAnswerLeadsTo(t *testing.T) {
	says := map[string]string{} // what the guide says, by status or class of statuses
	for _, row := range readGuide(t).table(t, "Answer") {
		for _, word := range words(row[0]) {
			says[word] = row[1]
		}
	}
	for status := 200; status < 600; status++ {
		text, ok := says[strconv.Itoa(status)]
		if !ok {
			text = says[strconv.Itoa(status/100)+"xx"]
		}
		verdict := notify.Judge(webhook.Result{Class: webhook.ClassOf(status), RetryAfter: 24 * time.Hour})
		want := map[notify.Action]string{notify.Delivered: "delivered", notify.Disable: "switched off", notify.Retry: "tried again"}[verdict.Action]
		switch {
		case verdict.NotBefore > 0:
			want = fmt.Sprintf("`Retry-After` (seconds or a date) says, up to %.0f hours", verdict.NotBefore.Hours())
		case status < 400 && verdict.Action == notify.Retry:
			want = "a failure: redirects are not followed"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%d: the guide says %q and not %q", status, text, want)
		}
	}
}

func TestGuide_GivesTheScheduleAndTheLimits(t *testing.T) {
	text, schedule, inAll := readGuide(t), retry.Webhooks(), time.Duration(0)
	rows := text.table(t, "Attempt")
	if len(rows) != len(schedule) {
		t.Fatalf("the guide has %d attempts, the schedule %d", len(rows), len(schedule))
	}
	for i, row := range rows {
		wait, _ := time.ParseDuration(row[1])
		sum, _ := time.ParseDuration(row[2])
		inAll += schedule[i]
		if row[0] != strconv.Itoa(i+1) || wait != schedule[i] || sum != inAll {
			t.Errorf("attempt %d: the guide says %v, the schedule %s and in all %s", i+1, row, schedule[i], inAll)
		}
	}
	example, err := os.ReadFile("../../configs/reconciler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	after := regexp.MustCompile(`disable_after: (\d+)d`).FindSubmatch(example)
	if after == nil {
		t.Fatal("the example of a configuration has no disable_after in days")
	}
	said := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("does nothing but fail for %s days", after[1]),
		fmt.Sprintf("`410` and %s days of failures", after[1]),
		fmt.Sprintf("up to %d headers of your own", webhook.MaxHeaders),
		fmt.Sprintf("You have %.0f seconds for the whole attempt, %.0f of them to be connected to", webhook.DefaultTimeLimit.Seconds(), webhook.DefaultConnectLimit.Seconds()),
		fmt.Sprintf("up to %.0f %% longer", 100*(retry.AttemptJitter().High-1)),
		fmt.Sprintf("read to %d KiB", webhook.DefaultMaxAnswer>>10),
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the guide does not say %q", want)
		}
	}
}

func TestGuide_WorksOneExampleOut(t *testing.T) {
	_, section, _ := strings.Cut(string(readGuide(t)), "\n### If nothing verifies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	values := map[string]string{}
	for _, line := range strings.Split(section, "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			values[strings.Trim(cells[1], " `")] = strings.Trim(cells[2], " `")
		}
	}
	seconds, err := strconv.ParseInt(values["webhook-timestamp"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	got, err := webhook.Sign(values["webhook-id"], time.Unix(seconds, 0), []byte(values["body"]), []secret.Text{secret.New(values["secret"])})
	if err != nil || got != values["webhook-signature"] {
		t.Errorf("signed: %q, %v; the guide says %q", got, err, values["webhook-signature"])
	}
}
