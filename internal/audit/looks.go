package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/consumer"
	"reconciler/internal/notify/endpoint"
)

// look is what was seen of consumers and replicas at one time.
type look struct {
	at        time.Time
	consumers map[string]broker.ConsumerState // of one stream and name
	errors    map[string]error
	replicas  map[string]replica
}

// clean reports whether there is nothing to look at again.
func (l look) clean() bool {
	bad := len(l.errors) > 0
	for _, is := range l.consumers {
		bad = bad || is.Problem != ""
	}
	for _, is := range l.replicas {
		bad = bad || is.away != "" || is.lag > farBehind
	}
	return !bad
}

// replica is how a stream's replica stands that is not the leader.
type replica struct {
	stream, name string
	away         string // why it counts as away; empty: it does not
	lag          uint64
}

// farBehind is how many messages a replica may lack under load.
const farBehind = 1000

// lookLimit bounds one look: what could not be asked by then is a finding.
const lookLimit = 20 * time.Second

func (r *run) looks(ctx context.Context) look {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	l := look{at: time.Now(), consumers: map[string]broker.ConsumerState{}, errors: map[string]error{}, replicas: map[string]replica{}}
	for _, o := range r.consumers() {
		state, err := r.o.Broker.InspectConsumer(ctx, o)
		l.consumers[o.Stream+"/"+o.Name] = state
		if err != nil {
			l.errors[o.Stream+"/"+o.Name] = err
		}
	}
	for _, stream := range streams() {
		s, err := r.o.Broker.JetStream().Stream(ctx, stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			continue // what can't be asked is said by StreamTroubles
		}
		for _, peer := range s.CachedInfo().Cluster.Replicas {
			l.replicas[stream+"/"+peer.Name] = replicaOf(stream, peer)
		}
	}
	return l
}

func streams() []string {
	return append(broker.Streams(), "KV_"+broker.BucketPlaces, "KV_"+broker.BucketBreakers, "KV_"+endpoint.Bucket)
}

func replicaOf(stream string, peer *jetstream.PeerInfo) replica {
	is := replica{stream: stream, name: peer.Name, lag: peer.Lag}
	switch {
	case peer.Offline:
		is.away = "is offline"
	case !peer.Current:
		is.away = "is not current"
	}
	return is
}

func (r *run) consumers() []broker.ConsumerOptions {
	var names []string
	for _, a := range r.o.Accounts {
		names = append(names, a.Name)
	}
	return consumer.Durables(names)
}

// secondLooks reports what both looks saw. One look proves little: messages come and go
// while one asks.
func (r *run) secondLooks(ctx context.Context, first look) error {
	gone := map[string]bool{}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	for _, t := range r.o.Broker.StreamTroubles(limited, r.o.Streams) {
		gone[t.Stream] = gone[t.Stream] || t.Consumer == "" && t.Problem != broker.ProblemSettings
		r.add(Finding{
			Kind: KindStream, Stream: t.Stream, Consumer: t.Consumer, Detail: string(t.Problem) + ": " + t.Detail,
			Do: "a running worker makes what is missing, empty: restore it from a backup first if there is one; settings are a person's to correct",
		})
	}
	if first.clean() {
		return ctx.Err()
	}
	r.tell(Progress{Doing: "looking at the consumers again"})
	if wait := between - time.Since(first.at); wait > 0 {
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	second := r.looks(ctx)
	for _, o := range r.consumers() {
		if !gone[o.Stream] {
			r.consumer(o, first, second)
		}
	}
	r.behind(first, second)
	return ctx.Err()
}

// behind reports the replicas that were away or behind in both looks.
func (r *run) behind(first, second look) {
	for key, was := range first.replicas {
		is, ok := second.replicas[key]
		switch {
		case !ok:
		case was.away != "" && is.away != "":
			r.replica(is, is.away)
		case was.lag > farBehind && is.lag >= was.lag:
			r.replica(is, "falls behind")
		}
	}
}

func (r *run) replica(is replica, problem string) {
	r.add(Finding{
		Kind: KindReplica, Stream: is.stream,
		Detail: fmt.Sprintf("its replica on %s %s, %d messages behind the leader", is.name, problem, is.lag),
		Do:     "look after that server: while it is away one more loss may stop the stream or, without sync_interval: always, lose messages",
	})
}

// consumer reports what is wrong with one of ours.
func (r *run) consumer(o broker.ConsumerOptions, first, second look) {
	key := o.Stream + "/" + o.Name
	was, is := first.consumers[key], second.consumers[key]
	err := second.errors[key]
	f := Finding{Kind: KindConsumer, Stream: o.Stream, Consumer: o.Name}
	switch {
	case err != nil:
		f.Detail, f.Do = "could not be asked: "+err.Error(), "ask again when the broker answers"
	case is.Problem == "" || !was.Same(is):
		return
	case is.Problem == broker.ProblemMissing && !r.wanted(o):
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("there is no consumer %s of %s yet, and nothing for it: no worker ran that has it", o.Name, o.Stream))
		return
	default:
		f.Detail, f.Do = string(is.Problem)+": "+is.Detail, "a running worker makes it anew where it stood, within 2 minutes: is one running?"
		if is.Problem == broker.ProblemPaused {
			f.Do = "resume it when what it was paused for is done"
		}
	}
	r.add(f)
}

// wanted reports whether there is anything for a consumer.
func (r *run) wanted(o broker.ConsumerOptions) bool {
	switch {
	case o.Stream == broker.StreamPayments:
		return r.marks.payments.Msgs > 0
	case o.Stream == broker.StreamStatus:
		return r.marks.status.Msgs > 0
	}
	return r.due[o.Filter] > 0
}

// quoted is a value as a shell takes it.
func quoted(value string) string {
	if value != "" && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:") == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
