package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
)

// lender is a connection of a broker's owner.
func lender(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := broker.Connect(t.Context(), broker.ConnectOptions{URL: url, Name: "owner"}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// streamsOf lists all streams that are there, as its owner sees it.
func streamsOf(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	all := []string{}
	lister := js.StreamNames(t.Context())
	for name := range lister.Name() {
		all = append(all, name)
	}
	if err := lister.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// outcomeOf runs a demo to its end and gives the outcome.
func outcomeOf(t *testing.T, args ...string) string {
	t.Helper()
	got := execLine(t, append([]string{"demo", "--once", "--json"}, args...)...)
	var r struct{ Outcome string }
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != 0 || len(r.Outcome) != 64 {
		t.Errorf("demo %q ended with %d, %q and %q", args, got.code, got.out, got.err)
	}
	return r.Outcome
}

// seeded are the demos that are compared: two of one seed, here and there, and one of
// another seed.
func seeded(there []string, demo ...string) [][]string {
	return [][]string{
		append([]string{"--seed", "7", "--fsync=false"}, demo...),
		append(append([]string{"--seed", "7"}, there...), demo...),
		append([]string{"--seed", "8", "--fsync=false"}, demo...),
	}
}

// judgeOutcomes compares the outcomes of seeded.
func judgeOutcomes(t *testing.T, outcomes []string) {
	t.Helper()
	if outcomes[0] != outcomes[1] || outcomes[0] == outcomes[2] {
		t.Errorf("outcomes of seed 7: %s embedded and %s elsewhere, of seed 8: %s", outcomes[0], outcomes[1], outcomes[2])
	}
}

func TestDemoNATS_GivesTheOutcomeOfTheEmbeddedBroker_AndLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	url := natsServer(t)
	js := lender(t, url)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	outcomes := make([]string, 3)
	var demos sync.WaitGroup
	for i, args := range seeded([]string{"--nats", url}, "--payments", "40", "--faults", "none") {
		demos.Go(func() { outcomes[i] = outcomeOf(t, args...) })
	}
	demos.Wait()
	judgeOutcomes(t, outcomes)
	if got := streamsOf(t, js); !slices.Equal(got, []string{"ORDERS"}) {
		t.Errorf("at the end there are %q, want what was there before", got)
	}
}

func TestDemoNATS_GivesTheOutcomeOfTheEmbeddedBroker_OnACluster(t *testing.T) {
	onlyWithCluster(t)
	c := natsCluster(t)
	js := lender(t, c.url())
	var outcomes []string
	for _, args := range seeded([]string{"--nats", c.url()}, "--payments", "100", "--faults", "some") {
		outcomes = append(outcomes, outcomeOf(t, args...)) // one by one: three and a cluster are too much for the pace of a demo
	}
	judgeOutcomes(t, outcomes)
	if got := streamsOf(t, js); len(got) != 0 {
		t.Errorf("at the end there are %q, want nothing", got)
	}
}

func TestDemoNATS_RefusesABrokerThatHoldsOurStreams_AndTouchesNothing(t *testing.T) {
	url := natsServer(t)
	js := lender(t, url)
	for _, row := range []struct {
		name string
		make jetstream.StreamConfig
	}{
		{"a stream", jetstream.StreamConfig{Name: broker.StreamPayments, Subjects: []string{"payments.created.>"}}},
		{"a bucket", jetstream.StreamConfig{Name: "KV_RECON_ENDPOINTS", Subjects: []string{"$KV.RECON_ENDPOINTS.>"}, MaxMsgsPerSubject: 1}},
		{"another demo", jetstream.StreamConfig{Name: demoClaim, Subjects: []string{"recon.demo.claim"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := js.CreateStream(t.Context(), row.make)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(t.Context(), strings.Replace(row.make.Subjects[0], ">", "x", 1), []byte("kept")); err != nil {
				t.Fatal(err)
			}
			got := execLine(t, "demo", "--once", "--payments", "4", "--nats", url)
			if got.code != 2 || !strings.Contains(got.err, row.make.Name) || !strings.Contains(got.err, "nats stream rm") {
				t.Errorf("ended with %d and %q, want 2, the name and what to do", got.code, got.err)
			}
			if got := streamsOf(t, js); !slices.Equal(got, []string{row.make.Name}) {
				t.Errorf("afterwards there are %q", got)
			}
			if info, err := s.Info(t.Context()); err != nil || info.State.Msgs != 1 {
				t.Errorf("%+v, %v, want the message that was there", info, err)
			}
			if err := js.DeleteStream(t.Context(), row.make.Name); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// interrupted runs a demo, stops it by hand once it has announced payments, and gives
// how it ended.
func interrupted(t *testing.T, js jetstream.JetStream, args ...string) outcome {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan outcome, 1)
	go func() { ended <- execUntil(ctx, append([]string{"demo"}, args...)...) }()
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !until(limited, func() bool {
		info := streamInfo(limited, js, broker.StreamStatus)
		return info != nil && info.State.Msgs > 0
	}) {
		t.Error("the demo did not begin")
	}
	stop()
	return <-ended
}

func TestDemoNATS_RemovesWhatItMade_WhenItIsStopped(t *testing.T) {
	url := natsServer(t)
	js := lender(t, url)
	if got := interrupted(t, js, "--payments", "20", "--nats", url); got.code != 0 || got.err != "" {
		t.Errorf("ended with %d and %q", got.code, got.err)
	}
	if got := streamsOf(t, js); len(got) != 0 {
		t.Errorf("there are %q, want nothing", got)
	}
	if got := interrupted(t, js, "--once", "--keep", "--payments", "20", "--nats", url); got.code != 1 || !strings.Contains(got.err, broker.StreamStatus) {
		t.Errorf("with --keep it ended with %d and %q, want the names of what is kept", got.code, got.err)
	}
	if got := streamsOf(t, js); !slices.Contains(got, broker.StreamStatus) || slices.Contains(got, demoClaim) {
		t.Errorf("with --keep there are %q", got)
	}
}

// Who starts to work on the same account while a demo runs works in its streams.
func TestDemoNATS_RemovesNothing_WhenSomebodyElseAnnouncedPayments(t *testing.T) {
	url := natsServer(t)
	js := lender(t, url)
	connect(t, url) // makes the streams
	for _, id := range []string{"p-1", "p-2", "p-3"} {
		if _, err := js.Publish(t.Context(), broker.CreatedSubject("m", id), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	back := func(announced int) string {
		var told strings.Builder
		own := lender(t, url)
		giveBack(t.Context(), streams{err: &told}, demoFlags{payments: announced}, own.Conn(), own)
		return told.String()
	}
	if told := back(2); !strings.Contains(told, broker.StreamStatus) || !slices.Contains(streamsOf(t, js), broker.StreamStatus) {
		t.Errorf("of 3 payments the demo announced 2: it said %q, and %q are there", told, streamsOf(t, js))
	}
	if told := back(3); told != "" || len(streamsOf(t, js)) != 0 {
		t.Errorf("of 3 payments the demo announced all: it said %q, and %q are there", told, streamsOf(t, js))
	}
}

func TestDemoNATS_WrongFlagsExit2(t *testing.T) {
	for name, row := range map[string]struct{ args, want string }{
		"a login in the address":    {"--nats nats://me:s3cret@127.0.0.1:4222", "--config"},
		"no address":                {"--nats 127.0.0.1", "nats://host:4222"},
		"replicas without a broker": {"--replicas 3", "--nats"},
		"two replicas":              {"--nats nats://127.0.0.1:1 --replicas 2", "1, 3 or 5"},
		"keep without once":         {"--nats nats://127.0.0.1:1 --keep", "--once"},
		"keep without a broker":     {"--once --keep", "--nats"},
		"no fsync elsewhere":        {"--nats nats://127.0.0.1:1 --fsync=false", "sync_interval"},
		"login without a broker":    {"--config x.yaml", "--nats"},
	} {
		t.Run(name, func(t *testing.T) {
			got := execLine(t, append([]string{"demo"}, strings.Fields(row.args)...)...)
			if got.code != 2 || !strings.Contains(got.err, row.want) || strings.Contains(got.err, "s3cret") {
				t.Errorf("ended with %d and %q, want 2 and a word about %q", got.code, got.err, row.want)
			}
		})
	}
}

func TestDemoFlags_TakeTheLoginOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "reconciler.yaml")
	for name, text := range map[string]string{
		path: "nats: {url: \"nats://nats.internal:4222\", user: us, password: {file: password}}\n" +
			"accounts: [{name: main, provider: finipay, settings: {base_url: \"https://pay.example\", login: shop, password: {file: password}}}]\n",
		filepath.Join(dir, "password"): "s3cret\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, err := demoFlags{nats: "nats://127.0.0.1:1", config: path}.connectOptions()
	if err != nil || o.URL != "nats://127.0.0.1:1" || o.User != "us" || o.Password.Reveal() != "s3cret" || o.Name != "reconciler-demo" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestDemoFlags_ReplicasByTheNumberOfServers(t *testing.T) {
	for url, want := range map[string]int{"nats://a:1": 1, "nats://a:1,nats://b:1": 1, "nats://a:1,nats://b:1,nats://c:1": 3} {
		if got := (demoFlags{nats: url}).replicasThere(); got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
		if got := (demoFlags{nats: url, replicas: 5}).replicasThere(); got != 5 {
			t.Errorf("%s, as told: %d, want 5", url, got)
		}
	}
}
