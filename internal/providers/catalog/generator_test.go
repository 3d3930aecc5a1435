package catalog

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/consumer"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

// opening says how to read the document, to somebody who has no time.
const opening = `<!-- Made by "make generate" from the code. A change here is lost, and a test fails until it is. -->

# Providers: what their words become

What each provider's answers mean here: every documented word, code and error, with the document's own words beside
it. The tables are those the program decides by, not a copy.

## How to read it

**At 3 a.m., with one payment:** take ` + "`provider_status`" + ` (the provider's raw word), ` + "`provider_code`" + ` and ` + "`mapping_version`" + `
from the payment's last event, or the raw word in quotation marks from the log line of a failed poll. Find the word in
the provider's table; the version must be the one named there, or the event was made by another table. The first row
whose case holds is the one that counted.

**A word that is in no row** changes nothing. The poll fails as ` + "`unknown_status`" + `, the raw word is reported as it came,
and the payment is looked at again: nobody guesses. The same holds for a word in a field it is not listed for.

**Columns**

- *Field* is where the word stands in the answer. *Raw value* is the provider's word in the spelling that words are
  compared in. What is not printable ASCII is escaped: ` + "`\\u0421REATED`" + ` begins with the Cyrillic letter that looks
  like a C.
- *Case* says when the row holds, where the word alone does not decide; empty: always, or where no row above it holds.
- *Becomes* is our status, or the kind of error that the poll fails with. An error never changes a status by itself.
- *Class* is what may follow the status (below), or "error".
- *The document's words* are the provider's own or, where *Mark* says that there are none, the reason for the row.

**Marks** say how far a row can be trusted:

| Mark | Source |
| --- | --- |
| documented | the provider's own pages say so |
| client | seen in public code that talks to the provider |
| inferred | concluded from the above; nobody says it in so many words |
| unconfirmed | nobody says; the row is the careful reading, and a setting where there are two |

An **unconfirmed** or **inferred** row is the first suspect when a payment and the provider's cabinet disagree. Ask
the provider, and let the answer change the table.
`

// document is docs/providers.md, made of the code's tables and comments.
func document(t testing.TB) []byte {
	t.Helper()
	var out strings.Builder
	out.WriteString(opening)
	writeStatuses(t, &out)
	writeKinds(t, &out)
	writeOutcomes(&out)
	for _, e := range All() {
		writeProvider(t, &out, e)
	}
	return []byte(out.String())
}

func writeStatuses(t testing.TB, out *strings.Builder) {
	t.Helper()
	comments := constComments(parsed(t, filepath.Join("..", "..", "payment")))
	out.WriteString("\n## Our statuses\n\n" +
		"Classes: *open* is not decided; *settled*: money was taken, refunds and disputes may follow; *closed*: no money was\n" +
		"taken, a late success may follow; *over*: nothing can follow; *parked* waits for a person.\n\n" +
		head("Status", "Class", "Meaning"))
	for _, s := range payment.Statuses() {
		out.WriteString(line(code(string(s)), class(s), plain(comments[camel(string(s))])))
	}
}

// class is what may follow a status, in one word.
func class(s payment.Status) string {
	switch {
	case s.Open():
		return "open"
	case s.Parked():
		return "parked"
	case s.Closed():
		return "closed"
	case s.ClosedForGood():
		return "over"
	}
	return "settled"
}

func writeKinds(t testing.TB, out *strings.Builder) {
	t.Helper()
	comments := constComments(parsed(t, ".."))
	out.WriteString("\n## Kinds of errors\n\n" +
		"Where the answer holds none of a table's codes, it fails in the ways common to all: HTTP 408, 425 and 429 are\n" +
		"`throttled`, 401 and 403 `misconfigured`, a redirect is `misconfigured` (it is not followed), 5xx and everything that\n" +
		"goes wrong on the wire `unavailable`, an answer over 1 MiB `too_large`, one in another form `unreadable`.\n\n" +
		head("Kind", "Meaning"))
	for _, k := range providers.Kinds() {
		name := camel(k.String())
		out.WriteString(line(code(k.String()), plain(strings.TrimPrefix(comments[name], name+": "))))
	}
}

// writeOutcomes shows what follows from each kind: one table for all providers.
func writeOutcomes(out *strings.Builder) {
	out.WriteString("\n## What follows from an answer\n\n" +
		"One table for all providers. The *give-up clock* is the time watched while the provider answered: it ends the watch, and\n" +
		"no outage moves it. Only a known status changes a payment's status; what else becomes a change is named in the last\n" +
		"column. While an account's breaker is open nobody is asked: the due payment waits, nothing is counted or spent.\n\n" +
		head("What came back", "Give-up clock", "Breaker", "Looked at again", "Alarm", "Becomes, if it lasts"))
	for _, o := range consumer.Outcomes() {
		came, lasts := "a known status", ""
		if o.Kind != 0 {
			came = code(o.Kind.String())
		}
		if o.Doubt != "" {
			lasts = "`review`, " + code(string(o.Doubt))
		}
		if o.Kind == providers.NotFound {
			lasts = "`expired` or `unknown`: see each provider"
		}
		out.WriteString(line(came, word(o.Answered, "runs", "stands"), o.Breaker, o.Next, word(o.Alarm, "yes", ""), lasts))
	}
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// camel is a name in Go: NotFound for not_found.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func writeProvider(t testing.TB, out *strings.Builder, e Entry) {
	t.Helper()
	p := made(t, e)
	profile := p.Profile()
	fmt.Fprintf(out, "\n## %s\n\n", e.Name)
	fmt.Fprintf(out, "- Mapping version: %s. Every event carries the version that made it.\n", code(profile.MappingVersion))
	fmt.Fprintf(out, "- Two requests for one payment are at least %s apart.\n", profile.Floor)
	fmt.Fprintf(out, "- A payment that the provider does not know: %s.\n", absence(profile.Absence))
	callbacks := "none are read; everything is polled"
	if _, ok := p.(providers.CallbackReader); ok {
		callbacks = "read as hints: one makes a payment's poll due now and is never believed"
	}
	fmt.Fprintf(out, "- Callbacks: %s.\n\n", callbacks)
	fmt.Fprintf(out, "### Settings of %s\n\n", e.Name)
	out.WriteString(head("Setting", "Holds", "Default", "Meaning"))
	writeSettings(t, out, e)
	fmt.Fprintf(out, "\n### Words of %s\n\n", e.Name)
	out.WriteString(head("Field", "Raw value", "Case", "Becomes", "Class", "Mark", "The document's words"))
	for _, row := range profile.Table {
		out.WriteString(rowLine(row))
	}
}

func rowLine(row providers.Row) string {
	becomes, what := string(row.Status), class(row.Status)
	if row.Kind != 0 {
		becomes, what = row.Kind.String(), "error"
	}
	return line(code(row.Field), code(row.Raw), plain(row.Case), code(becomes), what, plain(row.Mark), plain(row.Words))
}

func absence(a providers.Absence) string {
	switch a {
	case providers.AbsenceAfterExpiry:
		return "is `expired` once its own `expires_at` and the grace after it (`watch.expiry_grace`) have passed; without an `expires_at`, `unknown` at the end of the watch"
	case providers.AbsenceFinal:
		return "is `expired` at the end of the watch"
	}
	return "is `unknown` at the end of the watch, since no document calls that final"
}

func writeSettings(t testing.TB, out *strings.Builder, e Entry) {
	t.Helper()
	empty := e.Settings()
	var required []string
	for _, f := range e.Check(empty) {
		required = append(required, f.Field)
	}
	value := reflect.ValueOf(empty).Elem()
	comments := fieldComments(parsed(t, filepath.Join("..", e.Name)), value.Type().Name())
	for i := range value.NumField() {
		name := value.Type().Field(i).Tag.Get("yaml")
		usual := standard(value.Field(i))
		if slices.Contains(required, name) {
			usual = "required"
		}
		if comments[name] == "" {
			t.Errorf("%s: nothing is said about the setting %s; write a comment at its field", e.Name, name)
		}
		out.WriteString(line(code(name), holds(value.Field(i).Type()), usual, plain(comments[name])))
	}
}

// holds names a setting's type as YAML has it.
func holds(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[secret.Text]():
		return "secret"
	case t.Kind() == reflect.Pointer:
		return holds(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + holds(t.Elem())
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.String() == "time.Duration":
		return "duration"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "number"
	}
	return "text"
}

// standard is a setting's default; a secret has none.
func standard(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return "not set"
	case v.Kind() == reflect.Pointer:
		return standard(v.Elem())
	case v.Type() == reflect.TypeFor[secret.Text]() || v.IsZero() && v.Kind() != reflect.Bool:
		return "not set"
	}
	return code(fmt.Sprint(v.Interface()))
}
