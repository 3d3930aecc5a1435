package webhook

import (
	"bytes"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"reconciler/internal/secret"
)

// The size that other senders were measured with.
var benchBody = bytes.Repeat([]byte("x"), 641)

// benchKeys are the keys of each way of signing.
func benchKeys(b *testing.B) map[string][]secret.Text {
	private, _ := newPair(b)
	shared := secret.New(testSecret)
	return map[string][]secret.Text{"v1": {shared}, "v1a": {private}, "both": {private, shared}}
}

func benchSigner(b *testing.B, scheme string) *Signer {
	b.Helper()
	signer, err := NewSigner(benchKeys(b)[scheme])
	if err != nil {
		b.Fatal(err)
	}
	return signer
}

func BenchmarkSign(b *testing.B) {
	at := time.Unix(1614265330, 0)
	for _, scheme := range []string{"v1", "v1a", "both"} {
		signer := benchSigner(b, scheme)
		b.Run("signer/"+scheme, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Sign(testEventID, at, benchBody); err != nil {
					b.Fatal(err)
				}
			}
		})
		keys := benchKeys(b)[scheme]
		b.Run("keys read each time/"+scheme, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Sign(testEventID, at, benchBody, keys); err != nil {
					b.Fatal(err)
				}
			}
		})
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

// benchReceiver is a receiver of that kind and the authority to trust.
func benchReceiver(b *testing.B, kind string) (*httptest.Server, *x509.CertPool) {
	take := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}
	if kind == "http1" {
		return serve(b, (*httptest.Server).Start, take), nil
	}
	srv := serve(b, func(s *httptest.Server) { s.EnableHTTP2 = kind == "http2"; s.StartTLS() }, take)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv, roots
}

// post is the floor: the same bytes by a transport of the same settings, with
// no signature, policy, classification or record.
func post(transport http.RoundTripper, url string) error {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(benchBody))
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

// median is what a neighbour on the machine disturbs least.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2])
}

// One attempt over loopback, receiver included, in turns with the floor so that
// both meet the same machine. Kept connections throughout.
func BenchmarkSend(b *testing.B) {
	for _, kind := range []string{"http1", "https1", "http2"} {
		srv, roots := benchReceiver(b, kind)
		s := newSender(b, Options{Policy: loopback, RootCAs: roots})
		for _, scheme := range []string{"v1", "v1a", "both"} {
			b.Run(kind+"/"+scheme, func(b *testing.B) {
				r := request(srv.URL)
				r.Body, r.Signer, r.Pool = benchBody, benchSigner(b, scheme), newPool(b, s, PoolOptions{})
				floor := newPool(b, s, PoolOptions{}).transport
				var sending, raw []time.Duration
				for b.Loop() {
					start := time.Now()
					if result := s.Send(b.Context(), r); result.Class != ClassDelivered {
						b.Fatalf("%+v", result)
					}
					middle := time.Now()
					if err := post(floor, r.URL); err != nil {
						b.Fatal(err)
					}
					sending, raw = append(sending, middle.Sub(start)), append(raw, time.Since(middle))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(sending), "send-p50-ns")
				b.ReportMetric(median(raw), "floor-p50-ns")
			})
		}
	}
}

// As many attempts at a time as the machine makes, beside the floor.
func BenchmarkSend_Parallel(b *testing.B) {
	for _, kind := range []string{"http1", "https1", "http2"} {
		srv, roots := benchReceiver(b, kind)
		s := newSender(b, Options{Policy: loopback, RootCAs: roots})
		r := request(srv.URL)
		r.Body = benchBody
		parallel := func(name string, once func() bool) {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if !once() {
							b.Error("not delivered")
						}
					}
				})
			})
		}
		floor := newPool(b, s, PoolOptions{}).transport
		parallel("floor", func() bool { return post(floor, r.URL) == nil })
		for _, scheme := range []string{"v1", "v1a", "both"} {
			r := r
			r.Signer, r.Pool = benchSigner(b, scheme), newPool(b, s, PoolOptions{})
			parallel(scheme, func() bool { return s.Send(b.Context(), r).Class == ClassDelivered })
		}
	}
}
