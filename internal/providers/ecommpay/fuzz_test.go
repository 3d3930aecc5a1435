package ecommpay

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/secret"
)

// FuzzDecode reads any answer, as it comes and as if its signature held: never
// a panic, always an observation that makes sense or an *Error, and never a
// status of an answer that is not signed.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.Body, max(g.Want.HTTP, 200), g.Want.Reference[keyPayment], g.Want.Reference[keyRequest], g.Want.Bound, false)
	}
	f.Add([]byte(`{"status":"error","code":"3261"}`), 400, "a", "", "", true)
	f.Add([]byte(`<html>`), 502, "a", "", "", true)
	f.Fuzz(func(t *testing.T, body []byte, status int, id, request, bound string, options bool) {
		q := byPayment(id)
		if id == "" {
			q.Reference = payment.Reference{keyRequest: request}
		}
		q.Bound = bound
		r := reader{config: Config{
			ProjectID: testProject, Secret: secret.New(testKey), TwoStage: true,
			AmountUnverified: options, AwaitingCustomerDeclined: options, ErrorMayBePaid: options,
		}}
		got, err := r.observe(questionOf(q), providers.Answer{Status: status, Body: body})
		providertest.CheckOutcome(t, mappingVersion, got, err)
		answer, unread := providers.ReadObject(body)
		if err == nil && (unread != nil || verify(r.config.Secret, body, signatureOf(answer)) != nil) {
			t.Errorf("%s was believed", body)
		}
		if unread == nil {
			got, err := r.interpret(questionOf(q), answer)
			providertest.CheckOutcome(t, mappingVersion, got, err)
		}
	})
}

// FuzzCallback reads any callback, as it comes and as if its signature held:
// never a panic, always names that a payment of ours may have, or an *Error.
func FuzzCallback(f *testing.F) {
	for _, g := range goldenCallbacks(f) {
		f.Add(g.body)
	}
	a := goldenCallback{}.adapter()
	f.Fuzz(func(t *testing.T, body []byte) {
		hint, err := a.ReadCallback(providers.Callback{Body: body})
		if err != nil {
			checkNoHint(t, hint, err)
		} else {
			checkAliases(t, hint.Aliases)
		}
		object, err := providers.ReadObject(body)
		if err != nil {
			return
		}
		if aliases, err := a.reader.aliasesIn(object); err == nil {
			checkAliases(t, aliases)
		} else if len(aliases) > 0 || unreadableAt(providers.Unreadably(readingCallback, err)) == "" {
			t.Errorf("%q with the error %v", aliases, err)
		}
	})
}

func checkAliases(t *testing.T, aliases []string) {
	t.Helper()
	for i, alias := range aliases {
		kind, id, _ := strings.Cut(alias, ":")
		if kind != "payment" && kind != "request" || !isID(id) || slices.Contains(aliases[:i], alias) {
			t.Errorf("alias %q of %q", alias, aliases)
		}
	}
	if len(aliases) == 0 {
		t.Error("no alias")
	}
}

// FuzzVerify signs any object: what was signed is believed, in every order;
// under another key, or with any of its leaves changed or taken out, it is not.
func FuzzVerify(f *testing.F) {
	for _, v := range vectors() {
		f.Add([]byte(v.body), v.key, uint(0))
	}
	for i, g := range goldens(f) {
		f.Add(g.Body, testKey, uint(i))
	}
	f.Add([]byte(`{"a:signature":{"signature":[1,{"signature":{}}]},"":{"":null}}`), "", uint(1))
	f.Add([]byte(`{"a02":1,"a2":2,"a002":[true,false,null,"",{}]}`), "k", uint(2))
	f.Fuzz(func(t *testing.T, body []byte, key string, at uint) {
		lines, err := flatten(body)
		if err != nil || len(body) > 1<<16 {
			return
		}
		var signatures []string
		for _, by := range orders() {
			signature := encode(sign(secret.New(key), canonical(lines, by)))
			signatures = append(signatures, signature)
			if err := verify(secret.New(key), body, signature); err != nil {
				t.Errorf("%s, signed: %v", body, err)
			}
			if verify(secret.New(key+"x"), body, signature) == nil {
				t.Errorf("%s is believed under another key", body)
			}
		}
		for what, other := range changed(t, body, at) {
			for _, signature := range signatures {
				if verify(secret.New(key), other, signature) == nil {
					t.Errorf("%s is believed, %s: %s", body, what, other)
				}
			}
		}
	})
}

// leaf is a signed leaf of a document. Texts are made longer, so that the signed
// text can't be the same by chance whatever stands in it.
type leaf struct {
	value any
	set   func(any)
	drop  func()
}

// changed are the ways in which one leaf of a document may change.
func changed(t *testing.T, body []byte, at uint) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, what := range []string{"longer", "another type", "left out"} {
		var whole map[string]any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&whole); err != nil {
			t.Fatal(err)
		}
		leaves := signedLeaves(whole)
		if len(leaves) == 0 {
			return nil
		}
		l := leaves[at%uint(len(leaves))]
		switch {
		case what == "longer":
			l.set(textOf(l.value) + "x")
		case what == "another type":
			l.set([]any{l.value, l.value})
		case l.drop == nil:
			continue
		default:
			l.drop()
		}
		text, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		all[what] = text
	}
	return all
}

func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "1", false: "0"}[v]
	}
	return ""
}

func signedLeaves(value any) []leaf {
	var all []leaf
	add := func(inner any, set func(any), drop func()) {
		switch inner.(type) {
		case map[string]any, []any:
			all = append(all, signedLeaves(inner)...)
		default:
			all = append(all, leaf{inner, set, drop})
		}
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != "signature" && key != "frame_mode" {
				add(v[key], func(to any) { v[key] = to }, func() { delete(v, key) })
			}
		}
	case []any:
		for i := range v {
			add(v[i], func(to any) { v[i] = to }, nil)
		}
	}
	return all
}

// FuzzCanonical: the text to sign is the same however often it is made and
// however the document is written; the orders only permute its lines; no
// signature is ever among them.
func FuzzCanonical(f *testing.F) {
	for _, v := range vectors() {
		f.Add([]byte(v.body))
	}
	for _, g := range goldens(f) {
		f.Add(g.Body)
	}
	f.Add([]byte(`{"a:signature":{"signature":[1,{"signature":{}}]},"":{"":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, err := flatten(body)
		if err != nil {
			return
		}
		size := 0
		for _, l := range lines {
			size += len(l.text()) + 1
		}
		if size > maxSigned {
			t.Fatalf("%d bytes are to be signed", size)
		}
		for i, by := range orders() {
			// Reordering may only permute: compare as sorted sets of lines.
			sorted := slices.SortedFunc(slices.Values(lines), by)
			slices.SortFunc(sorted, byPath)
			if !slices.Equal(sorted, slices.SortedFunc(slices.Values(lines), byPath)) {
				t.Errorf("order %d changes the lines", i)
			}
			text := canonical(lines, by)
			if len(lines) > 0 && len(text) != size-1 {
				t.Errorf("order %d changes the text's length", i)
			}
			checkRewritten(t, body, by, text)
		}
	})
}

// checkRewritten takes every signature out by other means, writes the document
// anew and expects the same text, and again with a signature put in.
func checkRewritten(t *testing.T, body []byte, by order, want string) {
	t.Helper()
	var whole map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&whole); err != nil {
		t.Fatal(err)
	}
	strip(whole)
	for _, signature := range []string{"", "c2lnbmF0dXJl"} {
		if signature != "" {
			whole["signature"] = signature
		}
		text, err := json.MarshalIndent(whole, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := flatten(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := canonical(lines, by); got != want {
			t.Errorf("with signature %q: %q\nwant %q", signature, got, want)
		}
	}
}

func strip(value any) {
	switch v := value.(type) {
	case map[string]any:
		delete(v, "signature")
		for _, inner := range v {
			strip(inner)
		}
	case []any:
		for _, inner := range v {
			strip(inner)
		}
	}
}

// FuzzNatural: two texts compare as each other's opposite, and with themselves
// as equal.
func FuzzNatural(f *testing.F) {
	for _, pair := range [][2]string{{"a:10:b", "a:9:b"}, {"x 1", "x01"}, {"007", "7"}, {"", "0"}, {"1.010", "1.02"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if natural(a, a) != 0 || natural(b, b) != 0 {
			t.Error("a text is not equal to itself")
		}
		if there, back := natural(a, b), natural(b, a); there > 0 != (back < 0) || there < 0 != (back > 0) {
			t.Errorf("%q and %q: %d and back %d", a, b, there, back)
		}
	})
}
