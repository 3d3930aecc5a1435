package main

import (
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"reconciler/internal/config"
)

// warnOfCertificates tells which endpoints have a client certificate that is not
// valid, or not for much longer. No reason to stop: the others' webhooks go out.
func warnOfCertificates(log zerolog.Logger, all []config.Certificate) {
	const remedy = "put another into certificate_file and key_file and start the workers again"
	for _, c := range all {
		event, text := "endpoint.certificate_expired", "the endpoint's client certificate has expired, receivers that ask for it refuse every attempt: "+remedy
		switch {
		case c.Valid:
			event, text = "endpoint.certificate_expires", "the endpoint's client certificate expires soon: "+remedy+" before that"
		case c.Early:
			event, text = "endpoint.certificate_early", "the endpoint's client certificate is not valid yet, receivers that ask for it refuse every attempt until then: "+remedy
		}
		log.Warn().Str("event", event).Str("merchant", c.Merchant).Str("endpoint", c.Endpoint).Time("at", c.At).
			Int("line", c.Line).Msg(text)
	}
}

// printCertificates prints them as faults of the file or, where they are valid as
// yet, as warnings, and reports whether there was a fault.
func printCertificates(out io.Writer, path string, all []config.Certificate) (faulty bool) {
	for _, c := range all {
		kind := ""
		if c.Valid {
			kind = "warning: "
		}
		faulty = faulty || !c.Valid
		_, _ = fmt.Fprintf(out, "%s:%d:%d: %s%s: found %s, wanted %s\n", path, c.Line, c.Column, kind, c.Field, c.Found, c.Wanted)
	}
	return faulty
}
