package endpoint

import (
	"errors"
	"strings"

	"reconciler/internal/broker"
)

// Bucket is the key-value bucket of what is kept of endpoints.
const Bucket = "RECON_ENDPOINTS"

// history is how many values of a key are kept: who changed an endpoint by
// mistake finds what stood there.
const history = 5

// Keys of the bucket: a merchant's endpoints, and an endpoint's state, which
// endpoints of the configuration have too.
const (
	merchantKeys = "merchant."
	stateKeys    = "state."
)

func merchantKey(merchant string) string { return merchantKeys + broker.Token(merchant) }

func stateKey(of name) string {
	return stateKeys + broker.Token(of.merchant) + "." + broker.Token(of.id)
}

// name names an endpoint: ids are unique per merchant.
type name struct{ merchant, id string }

var errKey = errors.New("it is no key of ours")

// parseKey undoes merchantKey and stateKey; a merchant's key has no id.
func parseKey(key string) (name, error) {
	if token, ok := strings.CutPrefix(key, merchantKeys); ok {
		merchant, err := broker.ParseToken(token)
		if err == nil && merchant == "" {
			err = errKey
		}
		return name{merchant: merchant}, err
	}
	rest, ok := strings.CutPrefix(key, stateKeys)
	if !ok {
		return name{}, errKey
	}
	merchant, id, ok := strings.Cut(rest, ".")
	if !ok {
		return name{}, errKey
	}
	var of name
	var err error
	if of.merchant, err = broker.ParseToken(merchant); err != nil {
		return name{}, err
	}
	of.id, err = broker.ParseToken(id)
	if err == nil && (of.id == "" || of.merchant == "") {
		err = errKey
	}
	return of, err
}

// The fields that are sealed.
const (
	fieldSecret = "secret"
	fieldHeader = "header"
	fieldClient = "client"
)

// about says where a sealed value belongs. A token holds no "/", nor does an
// endpoint's id or a header's name, so no two places read the same.
func (n name) about(field, which string) string {
	return broker.Token(n.merchant) + "/" + n.id + "/" + field + "/" + strings.ToLower(which)
}
