package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/sandbox/sandboxtest"
	"reconciler/internal/simulation/wire"
)

// site is a server that remembers what it was asked, behind a link.
type site struct {
	link   *wire.HTTPLink
	client *http.Client

	// unheard is the last answer that the link told of: whose, and its first line.
	unheard atomic.Value

	mu    sync.Mutex
	asked []string
}

const siteAddress = "site.test:80"

func newSite(t *testing.T) *site {
	t.Helper()
	network := sandboxtest.NewNetwork()
	listener, err := network.Listen(t.Context(), siteAddress)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	s.link = wire.NewHTTP(wire.HTTPOptions{Name: "worker", Dial: network.Dial, Unheard: func(address string, begin []byte) {
		status, _, _ := strings.Cut(string(begin), "\r\n")
		s.unheard.Store(address + " " + status)
	}})
	server := &http.Server{Handler: s}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := transportOver(s.link)
	s.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		s.link.Kill()
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
		if err := s.link.Err(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func transportOver(l *wire.HTTPLink) *http.Transport {
	return &http.Transport{DialContext: l.DialContext}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, len(body)))
	s.mu.Unlock()
	if r.URL.Path == "/endless" {
		for err == nil {
			_, err = w.Write(make([]byte, 4096))
		}
		return
	}
	_, _ = fmt.Fprintf(w, "%d bytes", len(body))
}

func (s *site) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, ", ")
}

// get asks for a path and gives the answer's body.
func (s *site) get(path string) (string, error) { return s.send(path, nil) }

func (s *site) send(path string, body io.Reader) (string, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequest(method, "http://"+siteAddress+path, body)
	if err != nil {
		return "", err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func TestHTTP_ChangesNothing_WithoutFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		var targets []string
		s.link.SetPolicy(func(r *wire.HTTPRequest) wire.Verdict {
			targets = append(targets, fmt.Sprintf("%d %s %s %s %d", r.Call, r.Method, r.Target, r.Header("host"), len(r.Body())))
			return wire.Verdict{}
		})
		big := bytes.Repeat([]byte("x"), 300<<10)
		for _, row := range []struct {
			path string
			body io.Reader
			want string
		}{
			{"/a?secret=1", nil, "0 bytes"},
			{"/b", bytes.NewReader(big), "307200 bytes"},
			{"/c", io.MultiReader(bytes.NewReader(big), strings.NewReader("end")), "307203 bytes"}, // chunked
			{"/d", nil, "0 bytes"},
		} {
			if got, err := s.send(row.path, row.body); err != nil || got != row.want {
				t.Errorf("%s: %q, %v; want %q", row.path, got, err, row.want)
			}
		}
		if want := "GET /a 0, POST /b 307200, POST /c 307203, GET /d 0"; s.heard() != want {
			t.Errorf("the server was asked %s, want %s", s.heard(), want)
		}
		if len(targets) != 4 || targets[0] != "1 GET /a?secret=1 site.test:80 0" || !strings.HasPrefix(targets[1], "2 POST /b site.test:80 307200") {
			t.Errorf("the policy saw %q", targets)
		}
		if log := s.link.Log(); strings.Contains(log, "secret") || strings.Count(log, "GET site.test:80/") != 2 {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// What becomes of the second request of three: what the server was asked, what
// the client heard, and when.
func TestHTTP_Verdicts(t *testing.T) {
	fate := func(lose bool, d time.Duration) wire.Fate { return wire.Fate{Lose: lose, Delay: d} }
	for _, row := range []struct {
		name   string
		v      wire.Verdict
		stored bool // the server was asked
		ok     bool
		took   time.Duration
	}{
		{"passes", wire.Verdict{}, true, true, 0},
		{"cut before", wire.Verdict{Cut: wire.Before}, false, false, 0},
		{"cut after", wire.Verdict{Cut: wire.After}, true, false, 0},
		{"cut at the answer", wire.Verdict{Cut: wire.Answering}, true, false, 0},
		{"lost", wire.Verdict{Fate: fate(true, 0)}, false, false, 30 * time.Second},
		{"delayed", wire.Verdict{Fate: fate(false, 10*time.Second)}, true, true, 10 * time.Second},
		{"answer lost", wire.Verdict{Answer: fate(true, 0)}, true, false, 30 * time.Second},
		{"answer delayed", wire.Verdict{Answer: fate(false, 20*time.Second)}, true, true, 20 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.link.SetPolicy(func(r *wire.HTTPRequest) wire.Verdict {
					if r.Call != 2 {
						return wire.Verdict{}
					}
					return row.v
				})
				if _, err := s.get("/1"); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				got, err := s.send("/2", strings.NewReader("body")) // a POST is not repeated by the client
				if (err == nil) != row.ok || row.ok && got != "4 bytes" || time.Since(began) != row.took {
					t.Errorf("heard %q, %v after %v; want success %t after %v", got, err, time.Since(began), row.ok, row.took)
				}
				synctest.Wait() // what was written before a cut is there
				if _, err := s.get("/3"); err != nil {
					t.Errorf("the next one: %v", err)
				}
				want := "GET /1 0, POST /2 4, GET /3 0"
				if !row.stored {
					want = "GET /1 0, GET /3 0"
				}
				lost, _ := s.unheard.Load().(string)
				if want := siteAddress + " HTTP/1.1 200 OK"; (lost == want) != (row.stored && !row.ok && row.v.Cut != wire.After) {
					t.Errorf("%q is told to be unheard", lost)
				}
				if s.heard() != want {
					t.Errorf("the server was asked %s, want %s", s.heard(), want)
				}
			})
		})
	}
}

func TestHTTP_SuffersFaultsForATime(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  wire.Fault
		lasts  time.Duration
		stored bool
		ok     bool
		took   time.Duration
	}{
		{"frozen for a while", wire.Frozen(), 10 * time.Second, true, true, 10 * time.Second},
		{"frozen for too long", wire.Frozen(), time.Hour, true, false, 30 * time.Second}, // what was written goes out at the thaw
		{"deaf", wire.Deaf(), time.Hour, true, false, 30 * time.Second},
		{"deaf for a moment", wire.Deaf(), time.Second, true, false, 30 * time.Second},
		{"mute", wire.Mute(), time.Hour, false, false, 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				began := time.Now()
				s.link.LayFor(row.fault, row.lasts)
				_, err := s.send("/1", strings.NewReader("body"))
				if (err == nil) != row.ok || time.Since(began) != row.took {
					t.Errorf("heard %v after %v; want success %t after %v", err, time.Since(began), row.ok, row.took)
				}
				time.Sleep(2 * time.Hour)
				if stored := s.heard() == "POST /1 4"; stored != row.stored {
					t.Errorf("the server was asked %q", s.heard())
				}
				if _, err := s.get("/2"); err != nil {
					t.Errorf("healed: %v", err)
				}
			})
		})
	}
}

// An answer that is delayed beyond a freeze comes when its delay is over.
func TestHTTP_DelaysLongerThanAFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.link.SetPolicy(func(*wire.HTTPRequest) wire.Verdict {
			return wire.Verdict{Answer: wire.Fate{Delay: 20 * time.Second}}
		})
		time.AfterFunc(5*time.Second, func() { s.link.LayFor(wire.Frozen(), 5*time.Second) })
		began := time.Now()
		if _, err := s.get("/1"); err != nil || time.Since(began) != 20*time.Second {
			t.Errorf("%v after %v, want an answer after 20 s", err, time.Since(began))
		}
	})
}

// A server that never reads keeps nobody: the bubble ends.
func TestHTTP_LeavesAServerThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := wire.NewHTTP(wire.HTTPOptions{Name: "worker", Dial: func(context.Context, string, string) (net.Conn, error) {
			here, _ := net.Pipe()
			return here, nil
		}})
		conn, err := link.DialContext(t.Context(), "tcp", "x:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
			t.Error(err)
		}
		link.Kill()
		if _, err := conn.Write([]byte("GET")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("written after the end: %v", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestHTTP_RefusesAndIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		if _, err := s.get("/1"); err != nil {
			t.Fatal(err)
		}
		s.link.Lay(wire.Refused())
		if _, err := s.get("/2"); err != nil {
			t.Errorf("over the connection that is there: %v", err)
		}
		s.link.Cut()
		synctest.Wait()
		if _, err := s.get("/3"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("refused: %v", err)
		}
		s.link.Heal()
		if _, err := s.get("/4"); err != nil {
			t.Errorf("healed: %v", err)
		}
		s.link.Counter().At(s.link.Counter().Calls()+1, wire.After, s.link.Kill)
		if _, err := s.send("/5", strings.NewReader("x")); err == nil {
			t.Error("an answer after the end")
		}
		if _, err := s.get("/6"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("killed: %v", err)
		}
		synctest.Wait()
		if want := "GET /1 0, GET /2 0, GET /4 0, POST /5 1"; s.heard() != want {
			t.Errorf("the server was asked %s, want %s", s.heard(), want)
		}
	})
}

// Killing at the answer: the server has done it, the client may know that
// somebody began to answer and no more.
func TestHTTP_IsKilledAtTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.link.Counter().At(1, wire.Answering, s.link.Kill)
		if got, err := s.send("/1", strings.NewReader("x")); err == nil {
			t.Errorf("heard %q", got)
		}
		synctest.Wait()
		if s.heard() != "POST /1 1" {
			t.Errorf("the server was asked %q", s.heard())
		}
	})
}

// An answer without end is read only as fast as the client reads it.
func TestHTTP_TakesNoAnswerWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+siteAddress+"/endless", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, answer.Body, 10<<20); err != nil {
			t.Error(err)
		}
		synctest.Wait() // comes back: everybody waits, nobody fills memory
		_ = answer.Body.Close()
	})
}

func TestHTTP_EndsWhatItCanNotUnderstand(t *testing.T) {
	for name, sent := range map[string]string{
		"TLS":                "\x16\x03\x01\x00\xa5",
		"HTTP/2":             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a tunnel":           "CONNECT x:1 HTTP/1.1\r\n\r\n",
		"an unknown coding":  "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
		"no length":          "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"a chunk of no size": "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				link := wire.NewHTTP(wire.HTTPOptions{Name: "worker", Dial: func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					go func() {
						if got, _ := io.ReadAll(there); len(got) > 0 {
							t.Errorf("the server was sent %q", got)
						}
					}()
					return here, nil
				}})
				conn, err := link.DialContext(t.Context(), "tcp", "x:1")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Write([]byte(sent)); err != nil {
					t.Error(err)
				}
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("read: %v", err)
				}
				if link.Err() == nil {
					t.Error("nobody is told")
				}
				link.Kill()
			})
		})
	}
}
