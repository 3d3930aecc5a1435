package uapay

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
)

// asking is what a golden case says of the requests.
type asking struct {
	// Requests are the methods to be asked; default: a session, then checkStatus.
	Requests []string `json:"requests"`
}

func goldens(t testing.TB) []providertest.Golden[asking] {
	t.Helper()
	return providertest.Goldens[asking](t, 59)
}

func TestPoll_ReadsGoldenAnswersOverHTTP(t *testing.T) {
	for _, g := range goldens(t) {
		for _, form := range []string{"plain", "signed"} {
			t.Run(g.Name+" "+form, func(t *testing.T) {
				reply := g.Reply()
				server := &fake{wrap: form == "signed", answer: func(string, string) providertest.Reply { return reply }}
				got, err := providertest.Poll(t, overHTTP(t, server), g.Query())
				g.Check(t, mappingVersion, got, err)
				providertest.CheckHidden(t, tokens(t, reply.Body), got, err)
				want := g.Case.Requests
				if want == nil {
					want = []string{"sessions/create", "invoicer/payments/checkStatus"}
				}
				if asked := server.asked(); !slices.Equal(asked, want) {
					t.Errorf("asked %v, want %v", asked, want)
				}
			})
		}
	}
}

// tokens are the parts of the token that an answer is wrapped in; each holds, or
// proves, all that is in it.
func tokens(t *testing.T, body string) []string {
	t.Helper()
	_, token, ok := strings.Cut(wrapped(t, body), `"token":"`)
	if !ok {
		return nil
	}
	token, _, _ = strings.Cut(token, `"`)
	return strings.Split(token, ".")
}

// A wrapped answer and a plain one mean the same: only the path of a fault says
// where it was.
func TestObserve_ReadsWrappedAnswersLikePlainOnes(t *testing.T) {
	for _, g := range goldens(t) {
		read := func(body string) (any, *providers.Error) {
			got, err := reader{key: testSecret()}.observe(methodFor(g.Want.Reference), providers.Answer{Status: 200, Body: []byte(body)}, g.Query())
			var e *providers.Error
			errors.As(err, &e)
			return got, e
		}
		plain, plainErr := read(string(g.Body))
		signed, signedErr := read(wrapped(t, string(g.Body)))
		if plain != signed || (plainErr == nil) != (signedErr == nil) {
			t.Errorf("%s: plain %+v, %v; signed %+v, %v", g.Name, plain, plainErr, signed, signedErr)
		}
		if plainErr != nil && signedErr != nil && (plainErr.Kind != signedErr.Kind || plainErr.Raw != signedErr.Raw) {
			t.Errorf("%s: plain %v, signed %v", g.Name, plainErr, signedErr)
		}
	}
}
