package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker/brokertest"
)

// TestMain adds the flags.
func TestMain(m *testing.M) {
	flag.Bool("cluster", false, "run the tests of processes over a cluster of three servers, a minute and a half each time")
	os.Exit(m.Run())
}

// onlyWithCluster skips a test that takes too long for every day.
func onlyWithCluster(t *testing.T) {
	t.Helper()
	if flag.Lookup("cluster").Value.String() != "true" {
		t.Skip("kills servers and workers for a minute; to run it: go test ./cmd/reconciler -run TestCluster -cluster -count 20 -timeout 2h")
	}
}

// cluster is three nats-servers that know each other, each a process of its own
// that writes to disk before it acknowledges. They end with the test.
type cluster struct {
	t     *testing.T
	path  string // of nats-server
	nodes []*clusterNode
}

// clusterNode is one server, up or down. Address and store stay when it is killed.
type clusterNode struct {
	name, address, config string

	mu  sync.Mutex
	now *process
}

// natsCluster starts three servers and waits until they have agreed who leads.
func natsCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, path: build(t, "github.com/nats-io/nats-server/v2")}
	const size = 3
	addresses := brokertest.Addresses(t, 2*size)
	routes := make([]string, size)
	for i := range routes {
		routes[i] = "nats://" + addresses[size+i]
	}
	for i := range size {
		dir := t.TempDir()
		n := &clusterNode{name: fmt.Sprintf("n%d", i+1), address: addresses[i], config: filepath.Join(dir, "nats.conf")}
		text := fmt.Sprintf("server_name: %s\nlisten: %q\njetstream { store_dir: %q, sync_interval: always }\ncluster { name: c, listen: %q, routes: [%s] }\n",
			n.name, n.address, filepath.Join(dir, "store"), addresses[size+i], strings.Join(routes, ", "))
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, n)
		c.start(n)
	}
	for _, n := range c.nodes {
		n.running().await(t, "cluster", "metadata leader")
	}
	return c
}

// url gives the addresses of all servers, as nats.url takes them.
func (c *cluster) url() string {
	all := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		all[i] = "nats://" + n.address
	}
	return strings.Join(all, ",")
}

// start starts a server on its store: for the first time, or again.
func (c *cluster) start(n *clusterNode) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = start(c.t, c.path, "--config", n.config)
}

// kill ends servers with SIGKILL, all before the first is waited for.
func (c *cluster) kill(nodes ...*clusterNode) {
	for _, n := range nodes {
		n.running().signal(syscall.SIGKILL)
	}
	for _, n := range nodes {
		n.running().kill()
	}
}

func (n *clusterNode) running() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

// named gives the server with a name; nil: there is none.
func (c *cluster) named(name string) *clusterNode {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// others are the servers but one.
func (c *cluster) others(than *clusterNode) []*clusterNode {
	var all []*clusterNode
	for _, n := range c.nodes {
		if n != than {
			all = append(all, n)
		}
	}
	return all
}

// clusterPace is how often a cluster is asked for what is being waited for.
const clusterPace = 100 * time.Millisecond

// until asks again and again until the answer is yes; false: ctx ended first.
func until(ctx context.Context, yes func() bool) bool {
	ticker := time.NewTicker(clusterPace)
	defer ticker.Stop()
	for !yes() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// leads waits until a stream has a leader and gives it; nil: ctx ended first.
func (c *cluster) leads(ctx context.Context, js jetstream.JetStream, stream string) *clusterNode {
	var leader *clusterNode
	until(ctx, func() bool {
		if info := streamInfo(ctx, js, stream); info != nil && info.Cluster != nil {
			leader = c.named(info.Cluster.Leader)
		}
		return leader != nil
	})
	return leader
}

// streamInfo asks a stream's leader how it stands; nil: nobody said in time.
func streamInfo(ctx context.Context, js jetstream.JetStream, stream string) *jetstream.StreamInfo {
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s, err := js.Stream(limited, stream)
	if err != nil {
		return nil
	}
	return s.CachedInfo()
}
