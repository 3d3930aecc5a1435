package broker_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// cluster starts three servers that know each other.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	routes := make([]*url.URL, 3)
	for i, address := range brokertest.Addresses(t, len(routes)) {
		routes[i] = &url.URL{Scheme: "nats", Host: address}
	}
	servers := make([]*server.Server, len(routes))
	for i, route := range routes {
		port, err := strconv.Atoi(route.Port())
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = foreign(t, server.Options{
			ServerName: fmt.Sprint("n", i), JetStream: true, Routes: routes,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port},
		})
	}
	return servers
}

// clusterWorker is a broker as a worker has it: it knows all servers.
func clusterWorker(ctx context.Context, t *testing.T, servers []*server.Server) *broker.Broker {
	t.Helper()
	urls := make([]string, len(servers))
	for i, s := range servers {
		urls[i] = s.ClientURL()
	}
	conn, err := broker.Connect(ctx, broker.ConnectOptions{URL: strings.Join(urls, ",")}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	b, err := broker.New(ctx, broker.Options{Conn: conn, Log: zerolog.Nop(), Replicas: 3, PublishTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Three replicas, two workers on the same payments, the leader killed in the
// middle: whoever is told "stored", "overtaken" or nothing at all, each payment
// ends with its versions 1 to n.
func TestCluster_GivesVersionsWithoutGap_WhenTheLeaderDies(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to elect its leaders")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	servers := cluster(t)
	first, second := clusterWorker(ctx, t, servers), clusterWorker(ctx, t, servers)
	if err := first.Provision(ctx, broker.ProvisionOptions{Patience: time.Second}); err != nil {
		t.Fatal(err)
	}

	const payments, each = 150, 2
	var appended atomic.Int64
	var all sync.WaitGroup
	for w, b := range []*broker.Broker{first, second} {
		for part := range 8 { // so that many are in flight when it happens
			all.Go(func() {
				for p := part; p < payments; p += 8 {
					for range each {
						appendNext(ctx, t, b, fmt.Sprint("p", p), w)
						if appended.Add(1) == payments {
							go killLeader(t, servers)
						}
					}
				}
			})
		}
	}
	all.Wait()

	for p := range payments {
		payment := fmt.Sprint("p", p)
		last, err := first.LastStatus(ctx, broker.PaymentKey("m", payment))
		if err != nil || versionIn(last.Body) != 2*each {
			t.Errorf("%s ends with version %d, %v; want %d", payment, versionIn(last.Body), err, 2*each)
		}
		if n := count(ctx, t, first, broker.StreamStatus, broker.PaymentKey("m", payment)); n != 2*each {
			t.Errorf("%s has %d changes, want %d", payment, n, 2*each)
		}
	}
}

func killLeader(t *testing.T, servers []*server.Server) {
	for _, s := range servers {
		if s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, broker.StreamStatus) {
			s.Shutdown()
			return
		}
	}
	t.Error("no server led the stream")
}
