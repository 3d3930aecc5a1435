package ecommpay

import (
	"errors"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// whole is an answer with every field that is read; each value is there once.
const whole = `{"project_id":4711,
"payment":{"id":"own-1","type":"purchase","status":"success","date":"2026-02-03T10:05:00+0000",
"sum":{"amount":2599,"currency":"EUR"},"sum_real":{"amount":2811,"currency":"USD"}},
"operations":[{"type":"sale","status":"Success","created_date":"2026-02-03T10:00:00+0000","request_id":"rq-1","code":"0",
"sum_initial":{"amount":2600,"currency":"EUR "}},
{"type":"capture","status":" success","created_date":"2026-02-03T10:00:01+0000","sum":{"amount":2601,"currency":" EUR"}}],
"errors":[{"code":"1"}]}`

// The types of fields: what is in them, and what is not.
func texts() []string { return []string{`5`, `1.5`, `true`, `[]`, `["a"]`, `{}`, `{"a":1}`} }
func integers() []string {
	return []string{`"5"`, `5.0`, `5e1`, `true`, `[]`, `{}`, `99999999999999999999`}
}
func codes() []string   { return []string{`5.5`, `5e1`, `false`, `[]`, `{"code":"1"}`} }
func objects() []string { return []string{`"a"`, `5`, `true`, `[]`, `[{}]`} }
func lists() []string   { return []string{`"a"`, `5`, `true`, `{}`, `["a"]`, `[5]`, `[[]]`} }

// fieldRow is one field that the adapter reads.
type fieldRow struct {
	path, member string
	wrong        []string
	// required fields may be neither null nor missing.
	required bool
}

func fieldRows() []fieldRow {
	return []fieldRow{
		{"$.project_id", `"project_id":4711`, integers(), false},
		{"$.payment", whole[strings.Index(whole, `"payment"`):strings.Index(whole, ",\n\"operations\"")], objects(), true},
		{"$.payment.id", `"id":"own-1"`, codes(), false},
		{"$.payment.type", `"type":"purchase"`, texts(), false},
		{"$.payment.status", `"status":"success"`, texts(), true},
		{"$.payment.date", `"date":"2026-02-03T10:05:00+0000"`, texts(), false},
		{"$.payment.sum", `"sum":{"amount":2599,"currency":"EUR"}`, objects(), false},
		{"$.payment.sum.amount", `"amount":2599`, append(integers(), `-1`), true},
		{"$.payment.sum.currency", `"currency":"EUR"`, texts(), true},
		{"$.payment.sum_real", `"sum_real":{"amount":2811,"currency":"USD"}`, objects(), false},
		{"$.payment.sum_real.amount", `"amount":2811`, append(integers(), `-1`), true},
		{"$.payment.sum_real.currency", `"currency":"USD"`, texts(), true},
		{"$.operations", whole[strings.Index(whole, `"operations"`):strings.Index(whole, ",\n\"errors\"")], lists(), false},
		{"$.operations[0].type", `"type":"sale"`, texts(), false},
		{"$.operations[0].status", `"status":"Success"`, texts(), false},
		{"$.operations[0].created_date", `"created_date":"2026-02-03T10:00:00+0000"`, texts(), false},
		{"$.operations[0].request_id", `"request_id":"rq-1"`, texts(), false},
		{"$.operations[0].code", `"code":"0"`, codes(), false},
		{"$.operations[0].sum_initial", `"sum_initial":{"amount":2600,"currency":"EUR "}`, objects(), false},
		{"$.operations[0].sum_initial.amount", `"amount":2600`, append(integers(), `-1`), true},
		{"$.operations[0].sum_initial.currency", `"currency":"EUR "`, texts(), true},
		{"$.operations[1].sum", `"sum":{"amount":2601,"currency":" EUR"}`, objects(), false},
		{"$.operations[1].sum.amount", `"amount":2601`, append(integers(), `-1`), true},
		{"$.operations[1].sum.currency", `"currency":" EUR"`, texts(), true},
		{"$.errors", `"errors":[{"code":"1"}]`, lists(), false},
		{"$.errors[0].code", `"code":"1"`, codes(), true},
	}
}

// readSigned observes an answer that is signed, whatever it says.
func readSigned(t *testing.T, body string) error {
	t.Helper()
	lines, err := flatten([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	key := secret.New(testKey)
	signed := strings.TrimSuffix(body, "}") + `,"signature":"` + encode(sign(key, canonical(lines, byPath))) + `"}`
	r := reader{config: Config{ProjectID: testProject, Secret: key}}
	_, err = r.observe(questionOf(byPayment("own-1")), providers.Answer{Status: 200, Body: []byte(signed)})
	return err
}

// unreadableAt is the path of the field because of which an answer is not read.
func unreadableAt(err error) string {
	var problem *providers.FieldProblem
	if !errors.Is(err, providers.Unreadable) || !errors.As(err, &problem) {
		return ""
	}
	return problem.Path
}

func TestObserve_NamesTheFieldThatIsNotAsDocumented(t *testing.T) {
	// The spaced currencies are no money, so that each value is found once.
	good := strings.NewReplacer(`"EUR "`, `"EUR"`, `" EUR"`, `"EUR"`)
	if err := readSigned(t, good.Replace(whole)); err != nil {
		t.Fatal(err)
	}
	for _, row := range fieldRows() {
		t.Run(row.path, func(t *testing.T) {
			if strings.Count(whole, row.member) != 1 {
				t.Fatalf("%s is not there once", row.member)
			}
			name, value, _ := strings.Cut(row.member, ":")
			with := func(member string) string { return good.Replace(strings.Replace(whole, row.member, member, 1)) }
			wrong := row.wrong
			if row.required {
				wrong = append(wrong, "null")
			} else if err := readSigned(t, with(name+":null")); unreadableAt(err) != "" {
				t.Errorf("null: %v", err)
			}
			for _, bad := range wrong {
				if err := readSigned(t, with(name+":"+bad)); unreadableAt(err) != row.path {
					t.Errorf("%s: %v", bad, err)
				}
				// Of a key that is there twice the last one counts, as for the signature.
				if err := readSigned(t, with(name+":"+value+","+name+":"+bad)); unreadableAt(err) != row.path {
					t.Errorf("%s behind a good one: %v", bad, err)
				}
				if err := readSigned(t, with(name+":"+bad+","+name+":"+value)); err != nil {
					t.Errorf("%s before a good one: %v", bad, err)
				}
			}
			err := readSigned(t, with(`"was_`+name[1:]+":"+value))
			if got := unreadableAt(err); (got == row.path) != row.required || !row.required && got != "" {
				t.Errorf("missing: %v", err)
			}
		})
	}
}

func TestObserve_NamesMoneyThatIsNone(t *testing.T) {
	rows := []struct{ body, path string }{
		{`{"payment":{"status":"processing","sum":{"amount":1,"currency":"EURO"}}}`, "$.payment.sum"},
		{`{"payment":{"status":"processing","sum":{"amount":1,"currency":""}}}`, "$.payment.sum"},
		{`{"payment":{"status":"success"},"operations":[{"type":"sale","status":"decline"},{"type":"sale","status":"success","sum_initial":{"amount":1,"currency":"eur"}}]}`, "$.operations[1].sum_initial"},
		{`{"payment":{"status":"success"},"operations":[{"type":"sale","status":"success","sum":{"amount":1,"currency":"EUR"}},null]}`, "$.operations[1]"},
		{`{"payment":{"status":"success"},"operations":[{"type":"sale","status":"success","sum":{"amount":9223372036854775807,"currency":"EUR"}},{"type":"sale","status":"success","sum":{"amount":1,"currency":"EUR"}}]}`, "$.operations"},
		{`{"payment":{"status":"error"},"errors":[{"code":"3061"},{}]}`, "$.errors[1].code"},
		// A channel's currency may be one that is none of ours; it is not compared.
		{`{"payment":{"status":"processing","sum_real":{"amount":1,"currency":"USDT"}}}`, ""},
		// What did not move money is not read for its sum.
		{`{"payment":{"status":"processing"},"operations":[{"type":"sale","status":"decline","sum":{"amount":"1"}},{"type":"commission","status":"success","sum":5}]}`, ""},
	}
	for _, row := range rows {
		if err := readSigned(t, row.body); unreadableAt(err) != row.path || row.path == "" && err != nil {
			t.Errorf("%s\ngives %v, want %q", row.body, err, row.path)
		}
	}
}

// 1 MiB is read and not a byte more, whoever signed it.
func TestPoll_RefusesAnAnswerOverTheLimit(t *testing.T) {
	body := func(size int) string {
		text := `{"payment":{"status":"processing"},"signature":"` + mac(testKey, "payment:status:processing") + `"}`
		return text + strings.Repeat(" ", size-len(text))
	}
	for size, want := range map[int]providers.Kind{1 << 20: 0, 1<<20 + 1: providers.TooLarge} {
		server := &fake{reply: reply{Body: body(size)}}
		obs, err := overHTTP(t, server, nil).Poll(t.Context(), byPayment("own-1"))
		if want == 0 && (err != nil || obs.Status != payment.Processing) || want != 0 && !errors.Is(err, want) {
			t.Errorf("%d bytes: %s, %v", size, obs.Status, err)
		}
	}
}
