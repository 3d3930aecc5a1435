package line

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func get(t *testing.T, url string) (*http.Response, error) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return (&http.Client{Transport: transport}).Get(url)
}

func TestReset_TheClientSeesAReset(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { Reset(w) })
	res, err := get(t, url)
	if err == nil {
		_ = res.Body.Close()
		t.Fatalf("there is an answer: %d", res.StatusCode)
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestCut_TheClientReadsHalf(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		Cut(w, http.StatusOK, "application/json", []byte(`{"status":1}`))
	})
	res, err := get(t, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != `{"stat` || res.StatusCode != http.StatusOK {
		t.Errorf("read %q with %v, status %d", body, err, res.StatusCode)
	}
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

func TestPause_WaitsExactly_OrUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		Pause(t.Context(), time.Hour)
		if got := time.Since(began); got != time.Hour {
			t.Errorf("waited %v, want an hour", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began = time.Now()
		Pause(ctx, time.Hour)
		if got := time.Since(began); got != time.Minute {
			t.Errorf("waited %v, want until the context ended", got)
		}
	})
}

// A recorder is no connection: nothing can be taken over, and nothing breaks.
func TestResetAndCut_LeaveOtherConnectionsAlone(t *testing.T) {
	w := httptest.NewRecorder()
	Reset(w)
	Cut(w, http.StatusOK, "text/plain", []byte("whole"))
	if w.Body.Len() != 0 {
		t.Errorf("wrote %q", w.Body)
	}
}
