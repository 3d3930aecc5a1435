package providers

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestNewRequest_MakesWhatIsAsked(t *testing.T) {
	rows := []struct {
		name    string
		request Request
		kind    string
		length  int64
	}{
		{"with a body", Request{Method: http.MethodPost, Body: []byte(`{"a":1}`), Type: JSON}, "application/json", 7},
		{"GET with a body", Request{Method: http.MethodGet, Body: []byte(`{}`), Type: JSON}, "application/json", 2},
		{"a form", Request{Method: http.MethodPost, Body: []byte("a=b"), Type: "application/x-www-form-urlencoded"}, "application/x-www-form-urlencoded", 3},
		{"without a body", Request{Method: http.MethodGet}, "", 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			row.request.Address = "https://api.example.com/status"
			req, err := NewRequest(t.Context(), row.request)
			if err != nil {
				t.Fatal(err)
			}
			if req.Method != row.request.Method || req.ContentLength != row.length || req.Header.Get("Content-Type") != row.kind || req.Header.Get("Accept") != "application/json" {
				t.Errorf("%s with %d bytes and %v", req.Method, req.ContentLength, req.Header)
			}
			if row.request.Body == nil {
				return
			}
			if body, err := io.ReadAll(req.Body); err != nil || string(body) != string(row.request.Body) {
				t.Errorf("body %q, %v", body, err)
			}
		})
	}
}

func TestNewRequest_NamesTheSetting_AndNotTheAddress(t *testing.T) {
	_, err := NewRequest(t.Context(), Request{Doing: "ask", Setting: "base_url", Method: http.MethodGet, Address: "https://secret.example/%zz"})
	var e *Error
	if !errors.As(err, &e) || e.Kind != Misconfigured || e.Setting != "base_url" || e.Cause != nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v, want misconfigured with the setting base_url", err)
	}
}
