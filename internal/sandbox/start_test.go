package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/sandboxtest"
)

func TestStop_EndsWhatHangs(t *testing.T) {
	// A seed whose first webhook hangs, so that Stop finds it in hand.
	id := ""
	for n := 0; id == ""; n++ {
		if try := fmt.Sprint("evt_", n); fault.New(1, fault.Many, time.Time{}, time.Hour).Hook(try) == fault.Hang {
			id = try
		}
	}
	synctest.Test(t, func(t *testing.T) {
		network := sandboxtest.NewNetwork()
		s, err := Start(t.Context(), Options{Seed: 1, Faults: FaultsMany, Step: time.Hour, Listen: network.Listen})
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := deliver(t.Context(), network.Client(), s.Hooks()[0], id, `{"type":"x"}`)
			failed <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := <-failed; err == nil {
			t.Error("the hanging delivery was answered")
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("stop took %v", waited)
		}
		if got := s.Received(); len(got) != 1 || got[0].Fault != string(fault.Hang) || got[0].Delivered {
			t.Errorf("received %+v", got)
		}
	})
}

func TestStop_SaysWhenItsTimeIsOver(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, _ *client) {
		s.servers.working.Add(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		s.servers.working.Done()
	})
}

func TestStart_RefusesOptionsThatCannotWork(t *testing.T) {
	rows := []struct {
		name string
		o    Options
		want string
	}{
		{"a negative step", Options{Step: -1}, "Step"},
		{"a negative floor", Options{Floor: -1}, "Floor"},
		{"a negative floor of a provider's own", Options{Floors: map[string]time.Duration{Halyk: -1}}, "Floors"},
		{"a floor of nobody", Options{Floors: map[string]time.Duration{"paypal": 1}}, "paypal"},
		{"a level that does not exist", Options{Faults: 7}, "Faults"},
		{"an unknown peer", Options{Addresses: map[string]string{"paypal": "127.0.0.1:0"}}, "paypal"},
		{"all interfaces", Options{Addresses: map[string]string{ControlPeer: ":0"}}, "loopback"},
		{"all interfaces, spelled out", Options{Addresses: map[string]string{ControlPeer: "0.0.0.0:0"}}, "loopback"},
		{"another host", Options{Addresses: map[string]string{Halyk: "192.0.2.1:80"}}, "loopback"},
		{"a name", Options{Addresses: map[string]string{Halyk: "example.test:80"}}, "loopback"},
		{"no port", Options{Addresses: map[string]string{Halyk: "127.0.0.1"}}, "host:port"},
		{"a trouble of nobody", Options{Troubles: []Trouble{{Provider: "paypal", Kind: DownHang, Until: time.Now()}}}, "paypal"},
		{"a trouble without an end", Options{Troubles: []Trouble{{Provider: Halyk, Kind: DownHang}}}, "end"},
		{"a trouble that is none", Options{Troubles: []Trouble{{Provider: Halyk, Kind: "rain", Until: time.Now()}}}, "kind"},
		{"an empty secret", Options{Merchant: MerchantOptions{Secrets: map[string]string{"a": ""}}}, `hook "a"`},
	}
	for _, row := range rows {
		row.o.Listen = func(context.Context, string) (net.Listener, error) {
			return nil, errors.New("nothing may be opened")
		}
		if _, err := Start(t.Context(), row.o); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want something about %s", row.name, err, row.want)
		}
	}
}

func TestStart_OpensAllServersOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sandboxtest.NewNetwork()
		opened := 0
		listen := func(ctx context.Context, address string) (net.Listener, error) {
			if opened++; opened == 4 {
				return nil, errors.New("address already in use")
			}
			return network.Listen(ctx, address)
		}
		_, err := Start(t.Context(), Options{Listen: listen})
		if err == nil || !strings.Contains(err.Error(), Peers()[3]) {
			t.Errorf("start: %v, want the peer's name", err)
		}
		if _, err := network.Dial(t.Context(), "tcp", "127.0.0.1:40001"); err == nil {
			t.Error("the first server still listens")
		}
	})
}

func TestStart_OnRealSockets(t *testing.T) {
	s, err := Start(t.Context(), Options{Addresses: map[string]string{Finipay: "localhost:0"}})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	c := newClient(s, &http.Client{Transport: transport})
	for _, provider := range Providers() {
		p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
		if _, body, err := c.ask(t.Context(), p); err != nil || s.Asked()[len(s.Asked())-1].Told != Charged {
			t.Errorf("%s: %q %v", provider, body, err)
		}
	}
	transport.CloseIdleConnections()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	for _, peer := range Peers() {
		address := strings.TrimPrefix(s.URL(peer), "http://")
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = conn.Close()
			t.Errorf("%s still listens", peer)
		}
	}
}
