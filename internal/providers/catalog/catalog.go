// Package catalog is the list of payment providers: one line each. It stands
// above the adapters because the port can't import them, and it is an explicit
// list because a registry that fills itself can't be read.
package catalog

//go:generate go test -count=1 -run ^TestDocument_IsFresh$ -update .

import (
	"fmt"
	"net/http"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/ecommpay"
	"reconciler/internal/providers/finipay"
	"reconciler/internal/providers/halyk"
	"reconciler/internal/providers/uapay"
)

// All lists the providers, in the order in which people are shown them.
func All() []Entry {
	return []Entry{
		entry("finipay", finipay.New),
		entry("halyk", halyk.New),
		entry("uapay", uapay.New),
		entry("ecommpay", ecommpay.New),
	}
}

// Find gives the provider of that name.
func Find(name string) (Entry, bool) {
	for _, e := range All() {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Entry is one provider: its name in configuration and how an account of it is made.
type Entry struct {
	Name string
	// Settings makes an empty settings struct with the defaults in it and gives
	// the pointer that the configuration is decoded into (yaml tags).
	Settings func() any
	// Check names every fault of decoded settings, by field.
	Check func(settings any) []payment.FieldError
	// New makes the account's provider of decoded settings over a transport of its own.
	New func(settings any, transport http.RoundTripper) (providers.Provider, error)
}

// settings is what an adapter's Config can do.
type settings[C any] interface {
	Defaults() C
	Check() []payment.FieldError
}

func entry[C settings[C], P providers.Provider](name string, build func(C, http.RoundTripper) (P, error)) Entry {
	return Entry{
		Name: name,
		Settings: func() any {
			var zero C
			c := zero.Defaults()
			return &c
		},
		Check: func(s any) []payment.FieldError {
			c, ok := s.(*C)
			if !ok {
				return []payment.FieldError{{Field: "settings", Problem: fmt.Sprintf("are not those of %s", name)}}
			}
			return (*c).Defaults().Check()
		},
		New: func(s any, transport http.RoundTripper) (providers.Provider, error) {
			c, ok := s.(*C)
			if !ok {
				return nil, fmt.Errorf("the settings are not those of %s", name)
			}
			p, err := build((*c).Defaults(), transport)
			if err != nil {
				return nil, fmt.Errorf("set up %s: %w", name, err)
			}
			return p, nil
		},
	}
}
