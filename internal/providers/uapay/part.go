package uapay

import (
	"fmt"
	"strings"

	"reconciler/internal/providers"
)

// part is an object of an answer that knows where it stands, for errors.
type part struct {
	providers.Object
	m method
	// at is the object's path; inside a token paths begin anew.
	at     string
	signed bool
}

// item is an element of the part's payments.
func (p part) item(o providers.Object, i int) part {
	return part{Object: o, m: p.m, at: fmt.Sprintf("%s.payments[%d]", p.at, i), signed: p.signed}
}

// unreadable makes an error of a problem that the reading of a field found. Those
// inside a token say so, because the envelope has fields of the same names.
func (p part) unreadable(err error) *providers.Error {
	e := providers.Unreadably(p.m.doing(), err)
	if p.signed {
		e.Detail = "inside the token: " + e.Detail
	}
	return e
}

// problem makes an error of a field that is not as documented.
func (p part) problem(key, problem string) *providers.Error {
	return p.unreadable(&providers.FieldProblem{Path: p.at + "." + key, Problem: problem})
}

// uuid reads a required id.
func (p part) uuid(key string) (string, error) {
	id, err := p.String(key)
	if err != nil {
		return "", p.unreadable(err)
	}
	if !isUUID(id) {
		return "", p.problem(key, "is no UUID")
	}
	return id, nil
}

// checkID refuses a part that names another id than ours. An absent field says
// nothing.
func (p part) checkID(key, ours string) error {
	id, err := p.OptionalString(key)
	if err != nil {
		return p.unreadable(err)
	}
	if id != "" && !sameID(id, ours) {
		return p.m.fail(providers.IdentityMismatch, "field "+key+" is another payment's")
	}
	return nil
}

// sameID compares two of UAPAY's ids, which are UUIDs and so have no case.
func sameID(a, b string) bool { return strings.EqualFold(a, b) }
