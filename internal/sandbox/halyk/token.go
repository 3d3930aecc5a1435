package halyk

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/dice"
	"reconciler/internal/sandbox/wire"
)

// tokenLife is how long a token lives, in the form "1200"; the QR page shows it.
const tokenLife = 20 * time.Minute

// token is one access token. It belongs to the terminal it was asked with, and
// to the environment that made it.
type token struct {
	terminal        string
	made            environment
	issued, expires time.Time
	// uses is how many more requests it serves; below 0: no limit.
	uses int
}

// token serves POST /oauth2/token.
func (s *Simulator) token(r desk.Request, at environment) desk.Answer {
	a := s.issue(r, at)
	a.Endpoint, a.Credential = "oauth2/token", true
	return a
}

func (s *Simulator) issue(r desk.Request, at environment) desk.Answer {
	if r.Method != http.MethodPost {
		return refused(http.StatusMethodNotAllowed, "invalid_request", "wrong method")
	}
	form, err := readForm(r)
	if err != nil {
		return refused(http.StatusBadRequest, "invalid_request", err.Error())
	}
	switch {
	case form.Get("grant_type") != "client_credentials":
		return refused(http.StatusBadRequest, "unsupported_grant_type", "wrong grant_type")
	case !mayScope(form.Get("scope")):
		return refused(http.StatusBadRequest, "invalid_scope", "wrong scope")
	case !s.isClient(form.Get("client_id"), form.Get("client_secret")), r.LoginRefused():
		return refused(http.StatusUnauthorized, "invalid_client", "wrong client_id or client_secret")
	}
	return s.grant(form.Get("scope"), &token{terminal: form.Get("terminal"), made: at, issued: r.At, expires: r.At.Add(tokenLife), uses: -1}, r.At)
}

// readForm reads the fields of a token request: form-data as the page says, or
// urlencoded as clients send it. Anything else, JSON included, is not documented.
func readForm(r desk.Request) (url.Values, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return nil, errors.New("no content type")
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return nil, errors.New("the form does not parse")
		}
		return form, nil
	case kind == "multipart/form-data":
		return readParts(multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]))
	}
	return nil, errors.New("the body is no form")
}

func readParts(parts *multipart.Reader) (url.Values, error) {
	form := url.Values{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, errors.New("the form does not parse")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errors.New("the form does not parse")
		}
		form.Add(part.FormName(), string(value))
	}
}

// scopes are the ones the page lists; status lookups need "payment".
const scopes = "webapi usermanagement email_send verification statement statistics payment"

func mayScope(wanted string) bool {
	payment := false
	for _, one := range strings.Fields(wanted) {
		if !strings.Contains(" "+scopes+" ", " "+one+" ") {
			return false
		}
		payment = payment || one == "payment"
	}
	return payment
}

func (s *Simulator) isClient(id, secret string) bool {
	sameID := subtle.ConstantTimeCompare([]byte(id), []byte(s.ClientID))
	return sameID&subtle.ConstantTimeCompare([]byte(secret), []byte(s.ClientSecret)) == 1
}

// grant makes a token. Older ones stay valid: nothing says that they do not.
func (s *Simulator) grant(scope string, t *token, at time.Time) desk.Answer {
	s.mu.Lock()
	s.issued++
	count := strconv.Itoa(s.issued)
	text := dice.Hex(32, s.Seed, "halyk token", count)
	if s.Rough {
		t.uses = int(dice.Between(40, 120, s.Seed, "halyk token uses", count))
	}
	s.forget(at)
	s.tokens[text] = t
	s.mu.Unlock()

	// The pages show a number (7200) and a string ("1200").
	var expires any = int(tokenLife.Seconds())
	if dice.Roll(2, s.Seed, "halyk expires_in", count) == 0 {
		expires = fmt.Sprint(int(tokenLife.Seconds()))
	}
	return desk.Answer{Status: http.StatusOK, Body: wire.JSON(wire.Object{
		{Key: "access_token", Value: text}, {Key: "expires_in", Value: expires}, {Key: "refresh_token", Value: ""},
		{Key: "scope", Value: scope}, {Key: "token_type", Value: "Bearer"},
	})}
}

// forget drops what has expired, so that a long run does not collect tokens.
func (s *Simulator) forget(at time.Time) {
	for text, t := range s.tokens {
		if !at.Before(t.expires) || t.uses == 0 {
			delete(s.tokens, text)
		}
	}
}

// bearer checks the Authorization header and gives the token's terminal.
func (s *Simulator) bearer(r desk.Request, at environment) (terminal string, ok bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[text]
	if t == nil || t.made != at || !r.At.Before(t.expires) || t.uses == 0 {
		return "", false
	}
	if r.Expelled(t.issued) || r.LoginRefused() {
		return "", false
	}
	if t.uses > 0 {
		t.uses--
	}
	return t.terminal, true
}
