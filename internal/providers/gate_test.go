package providers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestCall_SendsNothingMore_OnceTheGateIsClosed(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	client, closed := NewClient(&http.Transport{}), make(chan struct{})
	ctx := WithGate(t.Context(), closed)
	call := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Call(client, req, "ask")
		return err
	}
	if err := call(); err != nil {
		t.Fatalf("with an open gate: %v", err)
	}
	close(closed)
	if err := call(); !errors.Is(err, ErrHeld) || !errors.Is(err, Unavailable) {
		t.Errorf("with a closed gate: %v, want unavailable because held", err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}
