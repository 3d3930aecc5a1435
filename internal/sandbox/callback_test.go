package sandbox

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/life"
)

// teller is a simulator's half that sends callbacks.
type teller struct{}

func (teller) Callback(p *life.Payment, at time.Time) (http.Header, []byte) {
	return http.Header{"X-Told": {"yes"}, "Content-Type": {"application/json"}}, []byte(p.Key + " is " + string(p.At(at).Word))
}

// onSockets starts a sandbox on real sockets whose finipay sends callbacks.
func onSockets(t *testing.T) (*Sandbox, *client) {
	t.Helper()
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.callers = map[string]desk.Caller{Finipay: teller{}}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s, newClient(s, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
}

func TestControl_SendsTheProvidersCallback_AboutThePaymentAsItIs(t *testing.T) {
	s, c := onSockets(t)
	p := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "charged_at_once"})
	type got struct {
		method, path, body string
		header             http.Header
	}
	received := make(chan got, 1)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- got{r.Method, r.URL.Path, string(body), r.Header}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer shop.Close()
	for _, name := range []string{p.ID, p.Reference["order_number"]} {
		status, answer, err := c.do(t.Context(), "POST", s.URL(ControlPeer)+"/payments/"+name+"/callback", `{"url":"`+shop.URL+`/callbacks/main"}`, asJSON)
		if err != nil || status != 200 || strings.TrimSpace(answer) != `{"http_status":307}` {
			t.Fatalf("by %s: %d %s %v", name, status, answer, err)
		}
		r := <-received
		if r.method != "POST" || r.path != "/callbacks/main" || r.header.Get("X-Told") != "yes" || r.body != "finipay:"+p.ID+" is "+string(Charged) {
			t.Errorf("by %s the shop got %+v", name, r)
		}
	}
}

func TestControl_RefusesCallbacksThatCanNotBe(t *testing.T) {
	s, c := onSockets(t)
	p, mute := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "charged"}), mustCreate(t, s, CreateOptions{Provider: Halyk, Life: "charged"})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, row := range []struct {
		name, id, body string
		status         int
		want           string
	}{
		{"not JSON", p.ID, `x`, 400, "one JSON object"},
		{"an unknown field", p.ID, `{"link":"http://127.0.0.1"}`, 400, "one JSON object"},
		{"no url", p.ID, `{}`, 400, "url must be an http URL"},
		{"https", p.ID, `{"url":"https://127.0.0.1/"}`, 400, "url must be an http URL"},
		{"with a password", p.ID, `{"url":"http://a:b@127.0.0.1/"}`, 400, "url must be an http URL"},
		{"another machine", p.ID, `{"url":"http://192.0.2.1/"}`, 400, "loopback"},
		{"a name", p.ID, `{"url":"http://example.test/"}`, 400, "loopback"},
		{"a name that begins well", p.ID, `{"url":"http://127.0.0.1.example.test/"}`, 400, "loopback"},
		{"nobody there", p.ID, `{"url":"` + gone.URL + `"}`, 502, "url does not answer"},
		{"an unknown payment", "sbx-0", `{"url":"` + gone.URL + `"}`, 404, "no payment whose provider sends callbacks"},
		{"a provider that tells nobody", mute.ID, `{"url":"` + gone.URL + `"}`, 404, "no payment whose provider sends callbacks"},
	} {
		status, answer, err := c.do(t.Context(), "POST", s.URL(ControlPeer)+"/payments/"+row.id+"/callback", row.body, asJSON)
		if err != nil || status != row.status || !strings.Contains(answer, row.want) {
			t.Errorf("%s: %d %s %v, want %d and %q", row.name, status, answer, err, row.status, row.want)
		}
	}
}
