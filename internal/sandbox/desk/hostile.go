package desk

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
)

// Sizes of the answers that are too large.
const (
	oversize   = 2 << 20
	bombMember = 1 << 20
	bombTimes  = 16
)

// moved are the ways to send a client elsewhere, in turn.
var moved = []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}

// twist is what somebody who means ill makes of a right answer. It tells no
// word. other is another payment's answer, nil where there is none to take.
func (c *call) twist(kind fault.Kind, other *Answer) Answer {
	right := c.answer
	a := Answer{Status: right.Status, Type: right.Type, Header: right.Header}
	switch kind {
	case fault.Blank:
	case fault.Bare:
		a.Body = []byte("{}")
	case fault.Stump:
		a.Body = right.Body[:len(right.Body)/2]
	case fault.Types:
		a.Body = retyped(right.Body)
	case fault.Oversize:
		a.Body = append(bytes.Repeat([]byte(" "), oversize), right.Body...)
	case fault.Bomb:
		a.Header, a.Body = map[string]string{"Content-Encoding": "gzip"}, bomb(right.Body)
	case fault.Elsewhere:
		a.Status, a.Header = moved[c.place%len(moved)], map[string]string{"Location": c.desk.Elsewhere}
	case fault.Doubled:
		// An answer that knows nothing has no member of the other's to be overwritten:
		// it would still say what is true.
		if other != nil && right.Told != life.NotKnown {
			a.Body = doubled(right.Body, other.Body)
		}
	case fault.Swapped:
		if other != nil {
			a.Status, a.Type, a.Header, a.Body = other.Status, other.Type, other.Header, other.Body
		}
	case fault.Forged:
		a.Body = forged(right.Body)
	}
	if a.Body == nil && kind != fault.Blank && kind != fault.Elsewhere {
		return garbage[0] // the kind that can always be made: fault.Page
	}
	return a
}

// retyped puts every value of a JSON text into a list; nil where it is none.
func retyped(body []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil {
		return nil
	}
	out, err := json.Marshal(listed(value))
	if err != nil {
		return nil
	}
	return out
}

func listed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = listed(v[key])
		}
		return v
	case []any:
		for i := range v {
			v[i] = listed(v[i])
		}
		return v
	}
	return []any{value}
}

// doubled is one object with the members of both; nil where they are no objects.
func doubled(one, other []byte) []byte {
	one, other = bytes.TrimSpace(one), bytes.TrimSpace(other)
	if len(one) < 3 || len(other) < 3 || one[0] != '{' || other[0] != '{' {
		return nil
	}
	return bytes.Join([][]byte{one[:len(one)-1], other[1:]}, []byte(","))
}

// bomb packs a text behind a mass of white space. It is packed in pieces, which
// a reader puts together, so that making it costs little.
func bomb(body []byte) []byte {
	space := packed(bytes.Repeat([]byte(" "), bombMember))
	return append(bytes.Repeat(space, bombTimes), packed(body)...)
}

func packed(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	// Writing to memory does not fail.
	_, _ = w.Write(text)
	_ = w.Close()
	return out.Bytes()
}

// forged changes one letter of the signature in an answer: of its member
// "signature", or of the last part of the JWT in its member "token". nil where
// nothing is signed.
func forged(body []byte) []byte {
	at := -1
	if _, after, ok := bytes.Cut(body, []byte(`"signature":"`)); ok {
		at = len(body) - len(after)
	} else if _, after, ok := bytes.Cut(body, []byte(`"token":"`)); ok {
		token, _, _ := bytes.Cut(after, []byte(`"`))
		if dot := bytes.LastIndexByte(token, '.'); dot > 0 {
			at = len(body) - len(after) + dot + 1
		}
	}
	const inside = 8 // the last letter of base64 may hold bits that mean nothing
	if at < 0 || at+inside >= len(body) {
		return nil
	}
	wrong := bytes.Clone(body)
	wrong[at+inside] = 'A'
	if body[at+inside] == 'A' {
		wrong[at+inside] = 'B'
	}
	return wrong
}

// keep remembers a right answer for Swapped and Doubled, if it names its payment
// by a number that the merchant was given: else no client could see that it is
// another's. Of each endpoint the last two payments' are enough.
func (d *Desk) keep(a Answer) {
	if a.Payment == nil || a.Told == "" || a.Told == life.NotKnown || !names(a.Body, a.Payment) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.kept[a.Endpoint]
	if kept[0].Payment != a.Payment {
		kept[1] = kept[0]
	}
	kept[0] = a
	d.kept[a.Endpoint] = kept
}

// another gives an answer of the endpoint about another payment, nil: there is none.
func (d *Desk) another(endpoint string, than *life.Payment) *Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.kept[endpoint] {
		if a.Payment != nil && a.Payment != than {
			return &a
		}
	}
	return nil
}

// names reports whether an answer, or the JWT in it, holds one of the numbers
// that the payment's merchant was given.
func names(body []byte, p *life.Payment) bool {
	texts := [][]byte{body}
	if _, after, ok := bytes.Cut(body, []byte(`"token":"`)); ok {
		if parts := bytes.SplitN(after, []byte("."), 3); len(parts) == 3 {
			claims := make([]byte, base64.RawURLEncoding.DecodedLen(len(parts[1])))
			if _, err := base64.RawURLEncoding.Decode(claims, parts[1]); err == nil {
				texts = append(texts, claims)
			}
		}
	}
	for field, number := range p.Reference {
		for _, text := range texts {
			if field != "kind" && bytes.Contains(text, []byte(`"`+number+`"`)) {
				return true
			}
		}
	}
	return false
}
