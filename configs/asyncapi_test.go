package configs_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/broker"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/payment"
)

// asyncAPI reads the AsyncAPI document as JSON values.
func asyncAPI(t *testing.T) any {
	t.Helper()
	data, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var read any
	if err := yaml.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, read)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// parameter is a value for the parameter of that name: one that needs encoding
// where it comes from outside.
func parameter(name string) string {
	switch name {
	case "version", "sequence":
		return "7"
	case "status", "outcome", "stage", "reason", "digest", "change":
		return name
	}
	return name + ".ü *"
}

func TestAsyncAPI_AddressesAreTheSubjectsOfTheCode(t *testing.T) {
	p := parameter
	of := broker.WebhookRef{Merchant: p("merchant"), Endpoint: p("endpoint"), Payment: p("payment"), Version: 7}
	subjects := map[string]string{
		"created":       broker.CreatedSubject(p("merchant"), p("payment")),
		"status":        broker.StatusSubject(p("status"), p("provider"), p("merchant"), p("payment")),
		"attempts":      broker.WebhookLogSubject(p("outcome"), of),
		"endpointState": endpoint.EventSubject("webhook.endpoint_change", p("merchant"), p("endpoint")),
		"dead": broker.DeadSubject(broker.DeadRef{
			Stage: p("stage"), Reason: p("reason"), Merchant: p("merchant"), Payment: p("payment"),
			Stream: p("stream"), Seq: 7, Digest: p("digest"),
		}),
	}
	filters := map[string]string{
		"created": broker.FilterCreated, "status": broker.FilterStatus, "attempts": broker.FilterWebhookLog, "endpointState": broker.FilterWebhookLog, "dead": broker.FilterDead,
	}
	doc := asyncAPI(t)
	channels, _ := at(t, doc, "channels").(map[string]any)
	placeholder := regexp.MustCompile(`\{(\w+)\}`)
	for name, want := range subjects {
		address, _ := at(t, doc, "channels", name, "address").(string)
		var used []string
		got := placeholder.ReplaceAllStringFunc(address, func(s string) string {
			used = append(used, strings.Trim(s, "{}"))
			return broker.Token(parameter(strings.Trim(s, "{}")))
		})
		if got != want {
			t.Errorf("%s: %s, the code publishes to %s", name, got, want)
		}
		if !strings.HasPrefix(want, strings.TrimSuffix(filters[name], ">")) {
			t.Errorf("%s is not below %s", want, filters[name])
		}
		parameters, _ := at(t, doc, "channels", name, "parameters").(map[string]any)
		if !same(used, slices.Collect(maps.Keys(parameters))) {
			t.Errorf("%s: the address uses %v, the parameters are %v", name, used, slices.Sorted(maps.Keys(parameters)))
		}
	}
	if len(channels) != len(subjects)+1 || channels["webhook"] == nil {
		t.Errorf("%d channels, want those of the code and webhook", len(channels))
	}
}

func TestAsyncAPI_HasTheClosedListsOfTheCode(t *testing.T) {
	doc := asyncAPI(t)
	var statuses, classes, causes []string
	for _, s := range payment.Statuses() {
		statuses = append(statuses, string(s))
	}
	for _, c := range webhook.Classes() {
		classes = append(classes, string(c))
	}
	for _, r := range webhook.Reasons() {
		causes = append(causes, string(r))
	}
	outcomes := constants(t, "attempt.go", "outcome")
	for name, pair := range map[string]struct{ got, want []string }{
		"statuses": {words(t, doc, "components", "parameters", "status", "enum"), statuses},
		"outcomes": {words(t, doc, "components", "parameters", "outcome", "enum"), outcomes},
		"recorded": {words(t, doc, "components", "schemas", "attempt", "properties", "outcome", "enum"), outcomes},
		"classes":  {words(t, doc, "components", "schemas", "attempt", "properties", "class", "enum"), classes},
		"causes":   {words(t, doc, "components", "schemas", "attempt", "properties", "reason", "enum"), causes},
		"stages":   {words(t, doc, "components", "parameters", "stage", "enum"), constants(t, "intake.go", "stage")},
		"reasons":  {words(t, doc, "components", "parameters", "reason", "enum"), constants(t, "intake.go", "reason")},
	} {
		if len(pair.want) == 0 || !slices.Equal(pair.got, pair.want) {
			t.Errorf("%s: %v, want %v", name, pair.got, pair.want)
		}
	}
}

func TestAsyncAPI_HasTheHeadersOfTheCode(t *testing.T) {
	doc := asyncAPI(t)
	const id = "Nats-Msg-Id"
	tests := map[string][]string{
		"eventHeaders":   append(constants(t, "headers.go", "header"), id),
		"webhookHeaders": {webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderReplay, "traceparent"},
		"createdHeaders": {"traceparent", id},
		"attemptHeaders": {"Recon-Replay", "ce-id", "traceparent", id},
		"letterHeaders":  append(slices.DeleteFunc(brokerConstants(t, "dead.go", "header"), func(h string) bool { return strings.HasSuffix(h, "-") }), id),
	}
	for name, want := range tests {
		properties, _ := at(t, doc, "components", "schemas", name, "properties").(map[string]any)
		if got := slices.Collect(maps.Keys(properties)); !same(got, want) {
			t.Errorf("%s: %v, want %v", name, slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
		}
	}
}

func TestAsyncAPI_HasTheFieldsOfAnAttempt(t *testing.T) {
	doc := asyncAPI(t)
	want := structFields(t, "attempt.go", "attemptRecord")
	properties, _ := at(t, doc, "components", "schemas", "attempt", "properties").(map[string]any)
	required := words(t, doc, "components", "schemas", "attempt", "required")
	if len(want) == 0 || len(properties) != len(want) {
		t.Errorf("%d properties, want %d", len(properties), len(want))
	}
	for name, always := range want {
		if properties[name] == nil || slices.Contains(required, name) != always {
			t.Errorf("%s: in the document %t, required there %t, want %t", name, properties[name] != nil, slices.Contains(required, name), always)
		}
	}
}

// references calls visit for each $ref below a value.
func references(value any, visit func(string)) {
	switch v := value.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			visit(ref)
		}
		for _, inner := range v {
			references(inner, visit)
		}
	case []any:
		for _, inner := range v {
			references(inner, visit)
		}
	}
}

func TestAsyncAPI_RefersOnlyToWhatIsThere(t *testing.T) {
	doc := asyncAPI(t)
	used := map[string]bool{}
	references(doc, func(ref string) {
		used[ref] = true
		if path, ok := strings.CutPrefix(ref, "#/"); ok {
			at(t, doc, strings.Split(path, "/")...)
			return
		}
		document(t, ref)
	})
	for _, schema := range []string{"./" + createdSchema, "./" + eventSchema} {
		if !used[schema] {
			t.Errorf("%s is not referred to", schema)
		}
	}
	for _, kind := range []string{"parameters", "messages", "schemas"} {
		parts, _ := at(t, doc, "components", kind).(map[string]any)
		for name := range parts {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("%s is not referred to", ref)
			}
		}
	}
}

// example is one example of a message.
type example struct {
	Headers json.RawMessage
	Payload json.RawMessage
}

func examples(t *testing.T, doc any, message string) []example {
	t.Helper()
	var all []example
	if err := json.Unmarshal(encode(t, at(t, doc, "components", "messages", message, "examples")), &all); err != nil || len(all) == 0 {
		t.Fatalf("no examples of %s: %v", message, err)
	}
	return all
}

func TestAsyncAPI_ShowsValidExamples(t *testing.T) {
	doc := asyncAPI(t)
	for _, e := range examples(t, doc, "created") {
		if err := validate(schema(t, createdSchema), e.Payload); err != nil {
			t.Errorf("created: %v", err)
		}
		if _, err := payment.ParseCreated(e.Payload, readAt()); err != nil {
			t.Errorf("created: %v", err)
		}
	}
	for message, headers := range map[string]string{"event": "eventHeaders", "webhook": "webhookHeaders"} {
		compiled := part(t, doc, headers)
		for _, e := range examples(t, doc, message) {
			if err := validate(schema(t, eventSchema), e.Payload); err != nil {
				t.Errorf("%s: %v", message, err)
			}
			event, err := payment.ParseEvent(e.Payload)
			if err != nil {
				t.Errorf("%s: %v", message, err)
			}
			if err := validate(compiled, e.Headers); err != nil {
				t.Errorf("%s: %v", message, err)
			}
			if message == "event" {
				checkOrigin(t, e.Headers)
			}
			if !bytes.Contains(e.Headers, []byte(`"`+event.ID()+`"`)) {
				t.Errorf("%s: the id should be %s", message, event.ID())
			}
		}
	}
}

// checkOrigin checks that an example's Recon-Origin is what the code writes.
func checkOrigin(t *testing.T, headers json.RawMessage) {
	t.Helper()
	var h map[string]string
	if err := json.Unmarshal(headers, &h); err != nil {
		t.Fatal(err)
	}
	var origin payment.Origin
	if err := json.Unmarshal([]byte(h["Recon-Origin"]), &origin); err != nil {
		t.Fatal(err)
	}
	if got := string(encode(t, origin)); got != h["Recon-Origin"] {
		t.Errorf("the origin is %s, the code writes %s", h["Recon-Origin"], got)
	}
}

// part compiles a schema of the AsyncAPI document.
func part(t *testing.T, doc any, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("asyncapi.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("asyncapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
