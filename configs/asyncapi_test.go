package configs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/broker"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/ops"
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
	case "status", "outcome", "stage", "reason", "digest", "change", "replay":
		return name
	case "alias":
		return aliasDigest("order:1")
	}
	return name + ".ü *"
}

// aliasDigest is worked out as the document says.
func aliasDigest(alias string) string {
	sum := sha256.Sum256([]byte(alias))
	return hex.EncodeToString(sum[:16])
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
		"jobs":       broker.WebhookDue(of.Merchant, of.Endpoint, of.Payment, 7),
		"jobTimers":  broker.WebhookTimer(of.Merchant, of.Endpoint, of.Payment, 7),
		"looks":      broker.PollDue(p("provider"), of.Merchant, of.Payment),
		"lookTimers": broker.PollTimer(p("provider"), of.Merchant, of.Payment),
		"references": broker.ReferenceSubject(broker.PaymentRef{Account: p("provider"), Merchant: of.Merchant, Payment: of.Payment}, "order:1"),
		"replays":    "$KV." + ops.BucketReplays + ".replay",
		"endpoints":  "$KV." + endpoint.Bucket + ".merchant." + broker.Token(of.Merchant),

		"endpointStanding": "$KV." + endpoint.Bucket + ".state." + broker.Token(of.Merchant) + "." + broker.Token(of.Endpoint),
	}
	filters := map[string]string{
		"created": broker.FilterCreated, "status": broker.FilterStatus, "attempts": broker.FilterWebhookLog, "endpointState": broker.FilterWebhookLog, "dead": broker.FilterDead,
		"jobs": broker.FilterDue, "jobTimers": broker.FilterTimers, "looks": broker.FilterDue, "lookTimers": broker.FilterTimers, "references": broker.FilterReferences,
		"replays": "$KV." + ops.BucketReplays + ".>", "endpoints": "$KV." + endpoint.Bucket + ".>", "endpointStanding": "$KV." + endpoint.Bucket + ".>",
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
	const id, stream, trace = "Nats-Msg-Id", "Nats-Expected-Stream", "traceparent"
	expected := append(brokerConstants(t, "publish.go", "headerExpected"), stream) // the stream's name is twice there, which is one
	timer := []string{"Nats-Schedule", "Nats-Schedule-Target"}
	fired := []string{"Nats-Scheduler", "Nats-Schedule-Next"}
	signed := []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature, "content-type", "user-agent"}
	letter := slices.DeleteFunc(brokerConstants(t, "dead.go", "header"), func(h string) bool { return strings.HasSuffix(h, "-") })
	tests := map[string][]string{
		"createdHeaders":       {trace, id},
		"eventHeaders":         slices.Concat(constants(t, "headers.go", "header"), []string{id}, expected),
		"webhookHeaders":       append(signed, webhook.HeaderReplay, trace),
		"webhookTestHeaders":   signed,
		"attemptHeaders":       {"Recon-Replay", "ce-id", trace, id, stream},
		"letterHeaders":        append(letter, expected...),
		"jobHeaders":           append([]string{"Recon-Job", trace, id, stream}, fired...),
		"jobTimerHeaders":      append([]string{"Recon-Job", trace, stream}, timer...),
		"lookHeaders":          slices.Concat([]string{"Recon-Due", "Recon-Trigger", trace}, fired, expected),
		"lookTimerHeaders":     append([]string{"Recon-Due", "Recon-Trigger", trace, stream}, timer...),
		"referenceHeaders":     {stream},
		"endpointStateHeaders": {"ce-id", "ce-type", "ce-source", "ce-subject", "ce-time", "ce-specversion", "content-type", id, stream},
	}
	for name, want := range tests {
		properties, _ := at(t, doc, "components", "schemas", name, "properties").(map[string]any)
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(properties)); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("%s: %v, want %v", name, got, slices.Compact(want))
		}
	}
	for name := range headerSchemas(t, doc) {
		if tests[name] == nil {
			t.Errorf("nothing says what %s should have", name)
		}
	}
}

// headerSchemas are the schemas of headers.
func headerSchemas(t *testing.T, doc any) map[string]any {
	t.Helper()
	all, _ := at(t, doc, "components", "schemas").(map[string]any)
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(name string, _ any) bool { return !strings.HasSuffix(name, "Headers") })
	return all
}

func TestAsyncAPI_HasEveryHeaderThatStandsInTheCode(t *testing.T) {
	doc := asyncAPI(t)
	known := map[string]bool{}
	for name := range headerSchemas(t, doc) {
		properties, _ := at(t, doc, "components", "schemas", name, "properties").(map[string]any)
		for header := range properties {
			known[header] = true
		}
	}
	names := headerNames(t)
	for _, sure := range []string{"Recon-Job", "Recon-Due", "Recon-Trigger", webhook.HeaderReplay, "ce-id", "traceparent"} {
		if names[sure] == "" {
			t.Errorf("%s was not found in the code: the search misses something", sure)
		}
	}
	for header, file := range names {
		if !known[header] {
			t.Errorf("header %s (%s) is not in the document", header, file)
		}
	}
}

func TestAsyncAPI_HasTheFieldsOfTheCode(t *testing.T) {
	doc := asyncAPI(t)
	for _, of := range []struct{ schema, file, name string }{
		{"attempt", "consumer/attempt.go", "attemptRecord"},
		{"job", "consumer/job.go", "job"},
		{"watch", "consumer/watch.go", "watch"},
		{"endpointState", "notify/endpoint/event.go", "eventBody"},
		{"endpoints", "notify/endpoint/document.go", "Document"},
		{"endpoint", "notify/endpoint/document.go", "Record"},
		{"sealedSecret", "notify/endpoint/document.go", "Sealed"},
		{"sealedHeader", "notify/endpoint/document.go", "SealedHeader"},
		{"sealedCertificate", "notify/endpoint/document.go", "SealedCertificate"},
		{"endpointStanding", "notify/endpoint/state.go", "State"},
		{"owedEvent", "notify/endpoint/event.go", "Event"},
		{"replay", "ops/replayrecord.go", "replayRecord"},
		{"replaySelection", "ops/replayselect.go", "Selection"},
		{"replayCounts", "ops/replay.go", "ReplayCounts"},
	} {
		checkFields(t, of.schema, at(t, doc, "components", "schemas", of.schema), structFields(t, of.file, of.name))
	}
	state := at(t, doc, "components", "schemas", "endpointState", "properties", "data")
	checkFields(t, "endpointState.data", state, structFields(t, "notify/endpoint/event.go", "eventData"))
}

func checkFields(t *testing.T, name string, schema any, want map[string]bool) {
	t.Helper()
	properties, _ := at(t, schema, "properties").(map[string]any)
	var required []string
	if list, _ := schema.(map[string]any)["required"]; list != nil {
		required = words(t, schema, "required")
	}
	if len(want) == 0 || len(properties) != len(want) {
		t.Errorf("%s: properties %v, want %v", name, slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(want)))
	}
	for field, always := range want {
		if properties[field] == nil || slices.Contains(required, field) != always {
			t.Errorf("%s.%s: in the document %t, required there %t, want %t", name, field, properties[field] != nil, slices.Contains(required, field), always)
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
	for _, e := range examples(t, doc, "webhookThin") {
		if err := errors.Join(validate(part(t, doc, "thinEvent"), e.Payload), validate(part(t, doc, "webhookHeaders"), e.Headers)); err != nil {
			t.Errorf("webhookThin: %v", err)
		}
		full := examples(t, doc, "webhook")[0].Payload
		if thin, err := notify.FormatThin.Render(full); err != nil || !sameJSON(t, thin, e.Payload) {
			t.Errorf("webhookThin: %s, the code makes %s, %v", e.Payload, thin, err)
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

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := errors.Join(json.Unmarshal(a, &left), json.Unmarshal(b, &right)); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(encode(t, left), encode(t, right))
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
