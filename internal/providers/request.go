package providers

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// JSON is the media type that all providers speak.
const JSON = "application/json"

// Request is a question to a provider before it is an HTTP request.
type Request struct {
	// Doing says what is being tried: "ask checkStatus". Setting is the
	// account's setting that Address is made of. Both are for the error.
	Doing, Setting  string
	Method, Address string
	// Body is sent as it is, with its length; nil: none.
	Body []byte
	// Type is the body's media type; empty where there is none.
	Type string
}

// NewRequest makes an HTTP request that accepts JSON. The error is an *Error of
// kind Misconfigured; net/http's own is left out, because it holds the URL.
func NewRequest(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		// This reader makes net/http send a Content-Length with GET too.
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.Address, body)
	if err != nil {
		return nil, &Error{Kind: Misconfigured, Doing: r.Doing, Detail: "no request can be made of it", Setting: r.Setting}
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	req.Header.Set("Accept", JSON)
	return req, nil
}
