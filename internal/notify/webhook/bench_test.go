package webhook

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"reconciler/internal/secret"
)

// The size that other senders were measured with.
var benchBody = bytes.Repeat([]byte("x"), 641)

func BenchmarkSign(b *testing.B) {
	secrets := []secret.Text{secret.New(testSecret)}
	at := time.Unix(1614265330, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Sign(testEventID, at, benchBody, secrets); err != nil {
			b.Fatal(err)
		}
	}
}

// The public library, with its key decoded once beforehand.
func BenchmarkSign_PublicLibrary(b *testing.B) {
	signer := verifier(b, secret.New(testSecret))
	at := time.Unix(1614265330, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(testEventID, at, benchBody); err != nil {
			b.Fatal(err)
		}
	}
}

// One attempt over loopback, receiver included.
func BenchmarkSend(b *testing.B) {
	srv := serve(b, (*httptest.Server).Start, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	s := newSender(b, Options{Policy: loopback})
	r := request(srv.URL)
	r.Body = benchBody
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if result := s.Send(b.Context(), r); result.Class != ClassDelivered {
				b.Errorf("%+v", result)
			}
		}
	})
}
