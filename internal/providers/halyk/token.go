package halyk

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"reconciler/internal/providers"
	"reconciler/internal/secret"
)

const doingToken = "fetch a token"

const (
	// fetchLimit ends a fetch that no caller waits for any more.
	fetchLimit = 10 * time.Second
	// defaultLife is used where expires_in is missing or zero.
	defaultLife = 600 * time.Second
	// longestLife bounds what is believed: the longest documented life is 2 h.
	longestLife = 24 * time.Hour
	// widestMargin is how long before its end a token is no longer used; clients
	// take 1 to 5 minutes. A tenth of a shorter life is enough.
	widestMargin = time.Minute
	// maxToken bounds a token that travels in a header.
	maxToken = 8 << 10
)

// The allow-list of a token answer. refresh_token is never used.
const (
	keyToken   = "access_token"
	keyExpires = "expires_in"
)

// grant is a token and the moment from which it is not used any more. The
// fields are exported because package fmt can't hide a secret in another.
type grant struct {
	Token secret.Text
	Until time.Time
}

// tokens keeps the account's token. All who need a new one share one fetch; a
// caller whose context ends leaves without ending it for the others.
type tokens struct {
	fetch  func(context.Context) (grant, error)
	flight providers.Flight[grant]

	mu   sync.Mutex // protects held; never held over the network
	held grant
}

// get gives a usable token. The error is a *providers.Error.
func (t *tokens) get(ctx context.Context) (secret.Text, error) {
	if token, ok := t.usable(); ok {
		return token, nil
	}
	fresh, err := t.flight.Do(ctx, providers.Fetch[grant]{Doing: doingToken, Limit: fetchLimit, Fetch: t.renew})
	return fresh.Token, err
}

func (t *tokens) usable() (secret.Text, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held.Token, time.Now().Before(t.held.Until)
}

// renew fetches a token and keeps it, unless a fetch that ended just before
// this one began has already done so.
func (t *tokens) renew(ctx context.Context) (grant, error) {
	if token, ok := t.usable(); ok {
		return grant{Token: token}, nil
	}
	fresh, err := t.fetch(ctx)
	if err != nil {
		return grant{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = fresh
	return fresh, nil
}

// drop forgets a token that was refused, and only that one: another poll may
// have fetched the next already.
func (t *tokens) drop(refused secret.Text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.Token.Reveal() == refused.Reveal() {
		t.held = grant{}
	}
}

// fetchToken asks for a token by client credentials. The pages say form-data;
// the urlencoded form of RFC 6749 is what clients send and what is accepted.
func (a *Adapter) fetchToken(ctx context.Context) (grant, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"scope":         {a.cfg.Scope},
		"client_id":     {a.cfg.ClientID},
		"client_secret": {a.cfg.ClientSecret.Reveal()},
		"terminal":      {a.cfg.Terminal},
	}
	req, err := providers.NewRequest(ctx, providers.Request{
		Doing: doingToken, Setting: "token_url", Method: http.MethodPost, Address: a.cfg.TokenURL,
		Body: []byte(form.Encode()), Type: "application/x-www-form-urlencoded",
	})
	if err != nil {
		return grant{}, err
	}
	asked := time.Now()
	answer, err := providers.Call(a.client, req, doingToken)
	if err != nil {
		return grant{}, err
	}
	if err := judgeToken(answer); err != nil {
		return grant{}, err
	}
	token, life, err := decodeToken(answer.Body)
	if err != nil {
		return grant{}, err
	}
	return grant{Token: token, Until: asked.Add(life - min(widestMargin, life/10))}, nil
}

// judgeToken reads the HTTP status of a token answer. Of errors the document
// says only "HTTP 4XX".
func judgeToken(a providers.Answer) error {
	detail := a.String()
	switch {
	case a.Status >= 300 && a.Status < 400:
		return &providers.Error{Kind: providers.Unavailable, Doing: doingToken, Detail: detail + " (a redirect, not followed)"}
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return &providers.Error{Kind: providers.Misconfigured, Doing: doingToken, Detail: detail + "; client_id, client_secret, terminal or scope is refused", Setting: "client_id"}
	}
	if err := providers.ByHTTPStatus(a, doingToken, "client_id"); err != nil {
		return err
	}
	switch {
	case a.Status >= 400:
		return &providers.Error{Kind: providers.Misconfigured, Doing: doingToken, Detail: detail, Setting: "token_url"}
	case markup(a.Body):
		return &providers.Error{Kind: providers.Unavailable, Doing: doingToken, Detail: "a page instead of an answer"}
	}
	return nil
}

// decodeToken reads the token and its life. The error is a *providers.Error
// and never holds the token.
func decodeToken(body []byte) (secret.Text, time.Duration, error) {
	root, err := providers.ReadObject(body)
	if err != nil {
		return secret.Text{}, 0, providers.Unreadably(doingToken, err)
	}
	token, err := root.String(keyToken)
	if err != nil {
		return secret.Text{}, 0, providers.Unreadably(doingToken, err)
	}
	if wordProblem(token, "") != "" || len(token) > maxToken {
		return secret.Text{}, 0, providers.Unreadably(doingToken, &providers.FieldProblem{Path: "$." + keyToken, Problem: "can't travel in a header"})
	}
	life, err := readLife(root)
	if err != nil {
		return secret.Text{}, 0, providers.Unreadably(doingToken, err)
	}
	return secret.New(token), life, nil
}

// readLife reads expires_in in seconds: a number on the status page (7200), a
// text on the QR page. Missing, empty and zero say nothing. The error is a
// *providers.FieldProblem.
func readLife(root providers.Object) (time.Duration, error) {
	text, err := root.OptionalCode(keyExpires)
	if err != nil {
		return 0, err
	}
	if text = strings.TrimSpace(text); text == "" {
		return defaultLife, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, &providers.FieldProblem{Path: "$." + keyExpires, Problem: "is no number of seconds"}
	}
	if seconds == 0 {
		return defaultLife, nil
	}
	return time.Duration(min(seconds, uint64(longestLife/time.Second))) * time.Second, nil
}
