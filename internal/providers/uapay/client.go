package uapay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// floor is our own: no document of UAPAY names a least time between requests.
const floor = 5 * time.Second

// mostSessions is how many of the account's sessions one poll may try: the one
// in memory, its successor, and a fresh one.
const mostSessions = 3

// Adapter asks one UAPAY account. It keeps nothing but the session.
type Adapter struct {
	// A pointer, so that printing an adapter prints an address and no credentials.
	config   *Config
	client   *http.Client
	reader   reader
	sessions *sessions
}

var (
	_ providers.Provider       = (*Adapter)(nil)
	_ providers.CallbackReader = (*Adapter)(nil)
)

// New makes the adapter of one account over a transport; fields that are not
// set get their defaults. The error joins every fault of the configuration.
func New(cfg Config, transport http.RoundTripper) (*Adapter, error) {
	cfg = cfg.Defaults()
	client, err := providers.ClientOf("uapay", cfg.Check(), transport)
	if err != nil {
		return nil, err
	}
	a := &Adapter{
		config: &cfg,
		client: client,
		reader: reader{key: cfg.Secret, requireSigned: *cfg.RequireSigned},
	}
	a.sessions = &sessions{fetch: a.createSession}
	return a, nil
}

// Profile tells the worker what it must know: a floor of 5 s, and that not
// knowing a payment is documented as final nowhere.
func (a *Adapter) Profile() providers.Profile {
	return providers.Profile{
		Name:           "uapay",
		Floor:          floor,
		Absence:        providers.AbsenceUnsettled,
		MappingVersion: mappingVersion,
		Table:          table(),
	}
}

// Poll asks for one payment; see the package comment for which method is asked.
// It makes one request when all is well, two after a refused time stamp or
// session, and one more each where the reference's own session is refused too
// and where the first session's successor died while we waited.
func (a *Adapter) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	if own := q.Reference[keySession]; own != "" {
		// The payment's own session is tried first; any of the account's may ask too.
		seen, err := a.ask(ctx, own, q)
		if !errors.Is(err, errSessionRefused) {
			return seen, err
		}
	}
	refused := ""
	for asked := 1; ; asked++ {
		session, fresh, err := a.sessions.get(ctx, refused)
		if err != nil {
			return payment.Observation{}, err
		}
		seen, err := a.ask(ctx, session, q)
		// A new session that is refused after another was: the error says
		// misconfigured, and we do not go on asking. One that others had fetched
		// may have died of their use, which says nothing about the account.
		if !errors.Is(err, errSessionRefused) || refused != "" && fresh || asked == mostSessions {
			return seen, err
		}
		refused = session
	}
}

// ask asks with a session.
func (a *Adapter) ask(ctx context.Context, session string, q providers.Query) (payment.Observation, error) {
	m := methodFor(q.Reference)
	return twice(func() (payment.Observation, error) {
		answer, err := a.send(ctx, m, m.params(session, q.Reference))
		if err != nil {
			return payment.Observation{}, err
		}
		return a.reader.observe(m, answer, q)
	})
}

// createSession fetches a new session.
func (a *Adapter) createSession(ctx context.Context) (string, error) {
	id, err := twice(func() (string, error) {
		answer, err := a.send(ctx, sessionsCreate, params{ClientID: a.config.ClientID})
		if err != nil {
			return "", err
		}
		return a.reader.session(answer)
	})
	return id, asSessionError(err)
}

// send sends one signed request.
func (a *Adapter) send(ctx context.Context, m method, p params) (providers.Answer, error) {
	address := strings.TrimRight(a.config.BaseURL, "/") + "/" + m.path
	req, err := providers.NewRequest(ctx, providers.Request{
		Doing: m.doing(), Setting: "base_url", Method: http.MethodPost, Address: address, Type: providers.JSON,
	})
	if err != nil {
		return providers.Answer{}, err
	}
	if err := a.attachBody(req, p); err != nil {
		return providers.Answer{}, &providers.Error{Kind: providers.InvalidReference, Doing: m.doing(), Detail: "the request can't be encoded", Cause: err}
	}
	return providers.Call(a.client, req, m.doing())
}

// attachBody gives the request a body that is signed when it is first read,
// which is when the connection is ready: dialing and waiting in the client must
// not eat into UAPAY's 20 s. The length is known before, since a time stamp
// keeps its number of digits until the year 2286.
func (a *Adapter) attachBody(req *http.Request, p params) error {
	fresh := func() ([]byte, error) { return signedBody(a.config.Secret, p, time.Now()) }
	sample, err := fresh()
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(sample))
	req.Body = &lateBody{write: fresh}
	// net/http asks for another body when it repeats a request on a new
	// connection; that one is signed anew too.
	req.GetBody = func() (io.ReadCloser, error) { return &lateBody{write: fresh}, nil }
	return nil
}

// lateBody is a request body that is written at the first Read.
type lateBody struct {
	write func() ([]byte, error)
	text  *bytes.Reader
}

// Read writes the body if that has not been done, and reads from it.
func (b *lateBody) Read(p []byte) (int, error) {
	if b.text == nil {
		text, err := b.write()
		if err != nil {
			return 0, err
		}
		b.text = bytes.NewReader(text)
	}
	return b.text.Read(p)
}

// Close does nothing: there is nothing to release.
func (b *lateBody) Close() error { return nil }
