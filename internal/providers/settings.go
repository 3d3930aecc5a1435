package providers

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"reconciler/internal/payment"
	"reconciler/internal/secret"
)

// URLProblem says what is wrong with a base URL setting and what is wanted, or
// "" if it may be used: an absolute https URL (http for a loopback address
// only, because credentials travel with every request) without user, query or
// fragment. It never repeats the value.
func URLProblem(value string) string {
	if value == "" {
		return "is missing; wanted an absolute URL such as https://api.example.com"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "is not an absolute URL such as https://api.example.com"
	case u.Scheme != "https" && u.Scheme != "http":
		return "begins with neither https:// nor http://"
	case u.User != nil:
		return "holds a user name or password; credentials have settings of their own"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a query or a fragment; wanted scheme, host and path only"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "is plain http; wanted https (http is for loopback addresses only)"
	}
	return ""
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// Printable reports whether s holds nothing but printable ASCII, the space included.
func Printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// KeyProblem says what is wrong with a signing key, or "" if it may be used.
// White space around a key is a slip of copying, and would make every signature
// wrong. "wanted" names the key, "exactly" the key as it is written where it is from.
func KeyProblem(key secret.Text, wanted, exactly string) string {
	switch text := key.Reveal(); {
	case text == "":
		return "is empty; wanted " + wanted
	case text != strings.TrimSpace(text):
		return "begins or ends with white space; wanted " + exactly
	}
	return ""
}

// Faults collects what is wrong with a provider's settings.
type Faults []payment.FieldError

// Add notes what is wrong with a field; an empty problem is none.
func (f *Faults) Add(field, problem string) {
	if problem != "" {
		*f = append(*f, payment.FieldError{Field: field, Problem: problem})
	}
}

// ClientOf makes the HTTP client of an account over a transport of its own, and
// refuses settings with faults: the error then joins all of them, and each can be
// found with errors.As as a *payment.FieldError.
func ClientOf(provider string, faults []payment.FieldError, transport http.RoundTripper) (*http.Client, error) {
	if err := refuseSettings(provider, faults); err != nil {
		return nil, err
	}
	if transport == nil {
		// net/http would fall back to the default one, which everybody shares.
		return nil, fmt.Errorf("configure %s: no transport was given", provider)
	}
	return NewClient(transport), nil
}

// refuseSettings makes one error of all faults in a provider's settings, nil
// if there are none.
func refuseSettings(provider string, faults []payment.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	all := make([]error, len(faults))
	for i := range faults {
		all[i] = &faults[i]
	}
	return fmt.Errorf("configure %s: %w", provider, errors.Join(all...))
}
