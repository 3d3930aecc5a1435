package providertest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
)

// answerTo polls once and gives the provider's own answer.
func answerTo(t testing.TB, w *world, l *line, q providers.Query) Reply {
	t.Helper()
	l.put(nil)
	if _, err := w.adapter.Poll(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.Body == "" {
		t.Fatal("no answer came over the line")
	}
	return l.last
}

// survivesHostileAnswers: whatever a good answer is twisted into, a poll ends
// and tells nothing but what providers.Provider allows. What is no answer any
// more must not become a status.
func (s Subject) survivesHostileAnswers(t *testing.T) {
	w, l := s.onLine(t, sandbox.Options{Seed: 15})
	for _, made := range w.charged(t, 3) { // not all are asked for in the same way
		q := question(t, made)
		good := answerTo(t, w, l, q)
		plain, err := w.adapter.Poll(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, media := range []string{"", "text/html; charset=windows-1251", "image/png", "application/json; charset=utf-16", "\x7f"} {
			l.put(replies(Reply{Status: good.Status, Header: http.Header{"Content-Type": {media}}, Body: good.Body}))
			obs, err := w.adapter.Poll(t.Context(), q)
			w.checkPoll(t, q, obs, err)
			if err == nil && obs != plain {
				t.Errorf("as %q the answer gives %+v, else %+v", media, obs, plain)
			}
		}
		for name, body := range hostileBodies(good.Body) {
			l.put(replies(Reply{Status: good.Status, Header: good.Header, Body: body}))
			obs, err := w.adapter.Poll(t.Context(), q)
			w.checkPoll(t, q, obs, err)
			if err == nil && !json.Valid([]byte(body)) {
				t.Errorf("%s: an answer that is no JSON gave %+v", name, obs)
			}
			if t.Failed() {
				t.Fatalf("%s: the answer was %.500s", name, body)
			}
		}
		l.put(nil)
		if _, err := w.adapter.Poll(t.Context(), q); err != nil {
			t.Errorf("after hostile answers: %v", err)
		}
	}
}

// hostileBodies are twisted forms of an answer, by name: each value replaced by
// each of the strange ones, each beginning, and some that are like no answer.
func hostileBodies(good string) map[string]string {
	const deep = 20_000
	all := map[string]string{
		"deep lists":        strings.Repeat("[", deep),
		"deep objects":      strings.Repeat(`{"data":`, deep) + "1" + strings.Repeat("}", deep),
		"not UTF-8":         strings.ReplaceAll(good, ":", ":\xff\xfe"),
		"a byte order mark": "\xef\xbb\xbf" + good,
		"twice":             good + good,
		"many fields":       strings.Replace(good, "{", "{"+strings.Repeat(`"x":[],`, 10_000), 1),
		"its keys in capitals": strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r - 'a' + 'A'
			}
			return r
		}, good),
	}
	for n := range len(good) {
		all[fmt.Sprintf("its first %d bytes", n)] = good[:n]
	}
	var whole any
	dec := json.NewDecoder(strings.NewReader(good))
	dec.UseNumber()
	if dec.Decode(&whole) != nil {
		return all
	}
	for _, value := range strange() {
		twist(whole, "$", func(path string) {
			if text, err := json.Marshal(whole); err == nil {
				all[fmt.Sprintf("%.40s at %s", value, path)] = string(text)
			}
		}, value)
	}
	return all
}

// strange are values that belong to no field, as JSON.
func strange() []json.RawMessage {
	return []json.RawMessage{
		json.RawMessage(`null`), json.RawMessage(`""`), json.RawMessage(`0`), json.RawMessage(`-1`), json.RawMessage(`1e999999999`),
		json.RawMessage(`0.` + strings.Repeat("1", 5000)), json.RawMessage(`9223372036854775808`), json.RawMessage(`true`), json.RawMessage(`[]`),
		json.RawMessage(`{}`), json.RawMessage(`[null]`), json.RawMessage(`[[]]`), json.RawMessage(`{"":null}`), json.RawMessage(`"\u0000\r\n\u202e"`),
		json.RawMessage(`"\ud800"`), json.RawMessage(`"` + strings.Repeat("A", 70_000) + `"`),
	}
}

// twist puts a value into each place of a JSON document in turn, and takes it
// out again after each.
func twist(at any, path string, then func(path string), value json.RawMessage) {
	switch node := at.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			was := node[key]
			node[key] = value
			then(path + "." + key)
			node[key] = was
			twist(was, path+"."+key, then, value)
		}
	case []any:
		for i, was := range node {
			node[i] = value
			then(fmt.Sprintf("%s[%d]", path, i))
			node[i] = was
			twist(was, fmt.Sprintf("%s[%d]", path, i), then, value)
		}
	}
}

// believesNoAnswerAboutAnother: the answer to a question about one payment is
// none about another one, wherever the answer says whom it is about.
func (s Subject) believesNoAnswerAboutAnother(t *testing.T) {
	w, l := s.onLine(t, sandbox.Options{Seed: 16})
	all := w.charged(t, 12)
	named := 0
	for i, made := range all {
		q, others := question(t, made), question(t, all[(i+1)%len(all)])
		answer := answerTo(t, w, l, q)
		if !names(answer.Body, q.Reference) || !sameKeys(q.Reference, others.Reference) {
			continue
		}
		named++
		l.put(replies(answer))
		obs, err := w.adapter.Poll(t.Context(), others)
		w.checkPoll(t, others, obs, err)
		if !errors.Is(err, providers.IdentityMismatch) {
			t.Errorf("asked about %v, answered about %v: %+v, %v; want identity_mismatch", others.Reference, q.Reference, obs, err)
		}
	}
	if named == 0 {
		t.Error("no answer named its payment, so nothing was tested")
	}
}

// names reports whether an answer holds one of the reference's values, as text or
// in a token's base64.
func names(body string, ref payment.Reference) bool {
	for _, part := range strings.FieldsFunc(body, func(r rune) bool { return strings.ContainsRune(`".{}[]:,`, r) }) {
		if raw, err := base64.RawURLEncoding.DecodeString(part); err == nil && len(part) > 64 {
			body += string(raw)
		}
	}
	for key, value := range ref {
		if key != "kind" && strings.Contains(body, value) {
			return true
		}
	}
	return false
}

func sameKeys(a, b payment.Reference) bool {
	return slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
}

// bomb is an answer of 64 MiB of spaces, which takes 64 KiB on the wire.
func bomb() (Reply, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		if _, err := w.Write(spaces); err != nil {
			return Reply{}, err
		}
	}
	if err := w.Close(); err != nil {
		return Reply{}, err
	}
	return Reply{Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {providers.JSON}}, Body: packed.String()}, nil
}

// unpacksNoBomb: an answer that is small on the wire and endless unpacked is
// read to the limit and no further.
func (s Subject) unpacksNoBomb(t *testing.T) {
	packed, err := bomb()
	if err != nil {
		t.Fatal(err)
	}
	base, transport := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A client that does not ask for it unpacks nothing.
		if r.Header.Get("Accept-Encoding") == "gzip" {
			packed.Write(w)
		}
	}))
	w, l := s.onLine(t, sandbox.Options{Seed: 17})
	q := question(t, w.charged(t, 1)[0])
	for _, state := range []string{"first", "later"} {
		l.put(func(r *http.Request) (*http.Response, error) {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, base, nil)
			if err != nil {
				return nil, err
			}
			for _, own := range []string{"Accept-Encoding", "Range"} { // with either, the transport unpacks nothing
				if v := r.Header.Get(own); v != "" {
					req.Header.Set(own, v)
				}
			}
			return transport.RoundTrip(req)
		})
		obs, err := w.adapter.Poll(t.Context(), q)
		w.checkPoll(t, q, obs, err)
		if !errors.Is(err, providers.TooLarge) {
			t.Errorf("%s: error %v, want %s", state, err, providers.TooLarge)
		}
		l.put(nil)
		if _, err := w.adapter.Poll(t.Context(), q); err != nil {
			t.Errorf("%s: then %v", state, err)
		}
	}
}
