package halyk

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"reconciler/internal/providers"
)

// judge reads the HTTP status of a status answer; nil means that the body is
// the answer. Only HTTP 200 is documented. A 4xx with a resultCode is read by
// that code, because one client shows HTTP 400 with a normal body.
func judge(a providers.Answer) error {
	detail := a.String()
	switch {
	case a.Status == http.StatusUnauthorized: // the second time: see Poll
		return &providers.Error{Kind: providers.Misconfigured, Doing: doing, Detail: detail + " to a fresh token", Setting: "client_id"}
	case a.Status >= 300 && a.Status < 400: // seen during maintenance, not a sign of a wrong address
		return &providers.Error{Kind: providers.Unavailable, Doing: doing, Detail: detail + " (a redirect, not followed)"}
	}
	if err := providers.ByHTTPStatus(a, doing, "api_url"); err != nil {
		return err
	}
	switch {
	case a.Status < 300 && markup(a.Body):
		return &providers.Error{Kind: providers.Unavailable, Doing: doing, Detail: "a page instead of an answer"}
	case a.Status < 300, hasResultCode(a.Body):
		return nil
	case a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed:
		return &providers.Error{Kind: providers.Misconfigured, Doing: doing, Detail: detail, Setting: "api_url"}
	}
	return &providers.Error{Kind: providers.Unreadable, Doing: doing, Detail: detail}
}

// markup reports whether a body is HTML or XML: a login or maintenance page.
func markup(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, "\ufeff \t\r\n"), []byte("<"))
}

func hasResultCode(body []byte) bool {
	root, err := providers.ReadObject(body)
	return err == nil && root.Has(keyResult)
}

// byResultCode turns every resultCode but 100 into its error.
func byResultCode(code string) error {
	failure := &providers.Error{Kind: providers.UnknownStatus, Doing: doing, Detail: "resultCode", Raw: providers.CleanRaw(code)}
	if r, ok := rules.Find(fieldResult, code, facts{}); ok {
		failure.Kind, failure.Detail = r.Kind, "resultCode: "+r.Words
	}
	if failure.Kind == providers.Misconfigured {
		failure.Setting = "terminal"
	}
	return failure
}

// withRetryAfter adds the header's wait to "try again later" told in a body.
func withRetryAfter(err error, a providers.Answer) error {
	var failure *providers.Error
	if errors.As(err, &failure) && failure.Kind == providers.Throttled {
		failure.RetryAfter = providers.RetryAfter(a.Header, time.Now())
	}
	return err
}
