package consumer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// mended is the time within which the watch has mended what it can.
const mended = 2 * time.Minute

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// with gives the lines that hold all these words.
func (j *journal) with(words ...string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for line := range strings.Lines(j.text.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

// alive runs all loops and the watch over them until the test ends or stop is called.
func (s *stage) alive() (l *Liveness, log *journal, stop func()) {
	s.Helper()
	log = &journal{}
	s.options.Log = zerolog.New(log)
	set := s.set()
	end := s.start(set)
	l = set.Liveness(broker.ProvisionOptions{}, 0)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	stop = func() { cancel(); <-done; end() }
	s.Cleanup(stop)
	return l, log, stop
}

// heard are the payments whose first event reached the endpoint, once each.
func (s *stage) heard(endpoint string) []string {
	s.Helper()
	var all []string
	for _, d := range s.shop.deliveries(endpoint) {
		if d.data.Version == 1 {
			all = append(all, d.data.PaymentID)
		}
	}
	slices.Sort(all)
	return all
}

func (s *stage) deleteConsumer(stream, name string) {
	s.Helper()
	if err := s.b.JetStream().DeleteConsumer(s.ctx, stream, name); err != nil {
		s.Fatal(err)
	}
}

// replace puts a consumer of somebody else in the place of ours.
func (s *stage) replace(stream string, c jetstream.ConsumerConfig) {
	s.Helper()
	if err := s.b.JetStream().DeleteConsumer(s.ctx, stream, c.Durable); err != nil {
		s.Fatal(err)
	}
	if _, err := s.b.JetStream().CreateConsumer(s.ctx, stream, c); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) wantHeard(want ...string) {
	s.Helper()
	if got := s.heard("shop"); !slices.Equal(got, want) {
		s.Errorf("the merchant heard of %v, want each of %v once", got, want)
	}
}

// brief runs f where webhook records are kept for an hour and events for six, in
// place of 30 days and 90: idle days take time, too.
func brief(t *testing.T, f func(*stage)) {
	brokertest.Bubble(t, func(t *testing.T) {
		f(newStage(t, brokertest.Start(t, brokertest.WithProvision(broker.ProvisionOptions{
			StatusRetention: 6 * time.Hour, LogRetention: time.Hour,
		}))))
	})
}

// Records of webhooks are forgotten before the events: a dispatcher that began with
// the oldest event would tell merchants of last month again.
func TestLiveness_TellsNoMerchantOfOldEventsAgain_WhenTheDispatcherIsLost(t *testing.T) {
	for name, lose := range map[string]func(s *stage){
		"the consumer deleted": func(s *stage) { s.deleteConsumer(broker.StreamStatus, dispatcherName) },
		"its place lost too": func(s *stage) {
			s.deleteConsumer(broker.StreamStatus, dispatcherName)
			if err := s.b.JetStream().DeleteKeyValue(s.ctx, broker.BucketPlaces); err != nil {
				s.Fatal(err)
			}
		},
		"made anew by hand": func(s *stage) {
			s.replace(broker.StreamStatus, jetstream.ConsumerConfig{
				Durable: dispatcherName, FilterSubject: broker.FilterStatus, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1,
			})
		},
		"made anew by hand, without a start": func(s *stage) {
			s.replace(broker.StreamStatus, jetstream.ConsumerConfig{
				Durable: dispatcherName, FilterSubject: broker.FilterStatus, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy,
			})
		},
		"made anew by hand, behind what came": func(s *stage) {
			s.replace(broker.StreamStatus, jetstream.ConsumerConfig{
				Durable: dispatcherName, FilterSubject: broker.FilterStatus, AckPolicy: jetstream.AckExplicitPolicy,
				DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1000,
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			brief(t, func(s *stage) {
				s.endpoint("shop")
				_, _, stop := s.alive()
				for _, id := range []string{"a", "b", "c"} {
					s.begun(id)
				}
				time.Sleep(mended)
				stop()
				s.wantHeard("a", "b", "c")
				time.Sleep(90 * time.Minute)
				if n := len(s.messages(broker.StreamWebhookLog)); n != 0 {
					t.Fatalf("%d webhooks are still remembered", n)
				}
				s.begun("d")
				lose(s)
				s.alive()
				time.Sleep(mended)
				s.wantHeard("a", "b", "c", "d")
			})
		})
	}
}

// Upstream may keep what it published for longer than we keep payments.
func TestLiveness_BeginsNoForgottenPaymentAgain_WhenIntakeIsLost(t *testing.T) {
	for name, bucket := range map[string]bool{"the consumer": false, "its place too": true} {
		t.Run(name, func(t *testing.T) {
			brief(t, func(s *stage) {
				is, err := s.b.JetStream().Stream(s.ctx, broker.StreamPayments)
				if err != nil {
					t.Fatal(err)
				}
				c := is.CachedInfo().Config
				c.MaxAge = 365 * 24 * time.Hour
				if _, err := s.b.JetStream().UpdateStream(s.ctx, c); err != nil {
					t.Fatal(err)
				}
				s.provider.tells(t, payment.Refunded)
				s.endpoint("shop")
				_, _, stop := s.alive()
				s.announce(created("old"))
				time.Sleep(mended)
				stop()
				time.Sleep(7 * time.Hour)
				if len(s.events()) != 0 {
					t.Fatal("the payment is not forgotten")
				}
				s.deleteConsumer(broker.StreamPayments, intakeName)
				if bucket {
					if err := s.b.JetStream().DeleteKeyValue(s.ctx, broker.BucketPlaces); err != nil {
						t.Fatal(err)
					}
				}
				s.announce(created("new"))
				s.alive()
				time.Sleep(mended)
				for _, d := range s.events() {
					if d.PaymentID != "new" {
						t.Errorf("payment %s began again", d.PaymentID)
					}
				}
				s.wantHeard("new", "old")
			})
		})
	}
}

// Where the work was lost in a queue, whoever makes the consumer anew gets it all.
func TestLiveness_ReplacesAConsumerThatIsNotOurs_OnAWorkQueue(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.provider.tells(t, payment.Pending)
		l, log, _ := s.alive()
		s.announce(created("p"))
		time.Sleep(10 * time.Second)
		s.replace(broker.StreamWork, jetstream.ConsumerConfig{
			Durable: pollerPrefix + acme, FilterSubject: broker.PollDueFilter("another"), AckPolicy: jetstream.AckExplicitPolicy,
		})
		before := len(s.provider.times("p"))
		time.Sleep(mended + 30*time.Second)
		if now := len(s.provider.times("p")); now <= before {
			t.Error("the payment is not polled any more")
		}
		if n := len(log.with(`"alarm":true`, pollerPrefix+acme, string(broker.ProblemNotOurs), "filter_subject")); n != 1 {
			t.Errorf("%d alarms tell of the consumer, want 1", n)
		}
		if h := l.Health(); len(h.Troubles) != 0 || time.Since(h.Looked) > time.Minute {
			t.Errorf("health afterwards: %+v", h)
		}
	})
}

// PAYMENTS may be upstream's own, and so may be what is called like our consumer
// there, unless it was known to be ours.
func TestLiveness_LeavesAStrangersConsumerOnUpstreamsStream(t *testing.T) {
	inBubble(t, func(s *stage) {
		if _, err := s.b.JetStream().CreateConsumer(s.ctx, broker.StreamPayments, jetstream.ConsumerConfig{
			Durable: intakeName, FilterSubject: "payments.created.eu.>", AckPolicy: jetstream.AckExplicitPolicy,
		}); err != nil {
			t.Fatal(err)
		}
		l, log, _ := s.alive()
		time.Sleep(mended)
		if c := s.info(broker.StreamPayments, intakeName).Config; c.FilterSubject != "payments.created.eu.>" {
			t.Errorf("it was replaced by %+v", c)
		}
		if len(log.with(`"alarm":true`, intakeName)) == 0 || !troubled(l, intakeName, broker.ProblemNotOurs) {
			t.Errorf("nobody was told: %+v", l.Health())
		}
	})
}

func troubled(l *Liveness, consumer string, p broker.Problem) bool {
	return slices.ContainsFunc(l.Health().Troubles, func(t broker.Trouble) bool {
		return t.Consumer == consumer && t.Problem == p && !t.Since.IsZero()
	})
}

func TestLiveness_NamesTheConsumerThatStandsInTheWay_AndLeavesIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		if _, err := s.b.JetStream().CreateConsumer(s.ctx, broker.StreamWork, jetstream.ConsumerConfig{
			Durable: "spy", FilterSubject: "recon.due.poll.>", AckPolicy: jetstream.AckExplicitPolicy,
		}); err != nil {
			t.Fatal(err)
		}
		s.provider.tells(t, payment.Pending)
		l, log, _ := s.alive()
		s.announce(created("p"))
		time.Sleep(mended)
		if !troubled(l, pollerPrefix+acme, broker.ProblemBlocked) {
			t.Errorf("health: %+v", l.Health())
		}
		if len(log.with(`"alarm":true`, "nats consumer rm RECON_WORK spy")) == 0 {
			t.Error("no alarm says what to do")
		}
		s.deleteConsumer(broker.StreamWork, "spy")
		time.Sleep(mended)
		if len(s.provider.times("p")) == 0 || len(l.Health().Troubles) != 0 {
			t.Errorf("polled %v, health %+v", s.provider.times("p"), l.Health())
		}
	})
}

func TestLiveness_AlarmsOfAConsumerThatTakesTimers(t *testing.T) {
	inBubble(t, func(s *stage) {
		l, log, _ := s.alive()
		time.Sleep(time.Minute)
		if _, err := s.b.JetStream().CreateConsumer(s.ctx, broker.StreamWork, jetstream.ConsumerConfig{
			Durable: "thief", FilterSubject: broker.FilterTimers, AckPolicy: jetstream.AckExplicitPolicy,
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(mended)
		if !troubled(l, "thief", broker.ProblemSettings) || len(log.with(`"alarm":true`, "nats consumer rm RECON_WORK thief")) != 1 {
			t.Errorf("health: %+v", l.Health())
		}
	})
}

// A stream that is deleted while a worker runs is there again, and work goes on.
func TestLiveness_MakesMissingStreamsAgain(t *testing.T) {
	for _, stream := range []string{broker.StreamWork, broker.StreamStatus, broker.StreamPayments, broker.StreamWebhookLog} {
		t.Run(stream, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.endpoint("shop")
				s.provider.tells(t, payment.Pending)
				l, log, _ := s.alive()
				s.announce(created("before"))
				time.Sleep(mended)
				if err := s.b.JetStream().DeleteStream(s.ctx, stream); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				time.Sleep(mended)
				if len(log.with(`"alarm":true`, "streams.made")) != 1 {
					t.Error("no alarm tells of it")
				}
				s.announce(created("after"))
				time.Sleep(mended)
				if got := s.heard("shop"); !slices.Contains(got, "after") || len(s.provider.times("after")) == 0 {
					t.Errorf("heard %v, polled at %v", got, s.provider.times("after"))
				}
				if h := l.Health(); len(h.Troubles) != 0 {
					t.Errorf("health afterwards: %+v", h.Troubles)
				}
			})
		})
	}
}

// Two workers see the same trouble; what one has made anew the other leaves.
func TestLiveness_MakesAConsumerAnewOnce_ForManyWorkers(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.options.Random = func() float64 { return 0.2 }
		_, one, _ := s.alive()
		s.options.Random = func() float64 { return 0.8 }
		_, two, _ := s.alive()
		s.begun("a")
		time.Sleep(mended)
		s.replace(broker.StreamStatus, jetstream.ConsumerConfig{
			Durable: dispatcherName, FilterSubject: broker.FilterStatus, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy,
		})
		s.begun("b")
		time.Sleep(2 * mended)
		if n := len(one.with("consumer.rebuilt")) + len(two.with("consumer.rebuilt")); n != 1 {
			t.Errorf("made anew %d times, want once", n)
		}
		s.wantHeard("a", "b")
	})
}

// Half an hour of traffic, with messages that rest and an account whose tap is closed, is
// no trouble.
func TestLiveness_LeavesConsumersAloneThatWork(t *testing.T) {
	inBubble(t, func(s *stage) {
		s.endpoint("shop")
		s.provider.does(func(int, providers.Query) (payment.Observation, error) {
			return payment.Observation{}, &providers.Error{Kind: providers.Unavailable, Doing: "ask"}
		})
		for i := range 20 {
			s.newer(fmt.Sprint("newer", i))
		}
		l, log, _ := s.alive()
		for i := range 40 {
			s.announce(created(fmt.Sprint("p", i)))
			time.Sleep(37 * time.Second)
			if h := l.Health(); len(h.Troubles) != 0 {
				t.Fatalf("health: %+v", h.Troubles)
			}
		}
		if got := log.with("consumer.rebuilt"); len(got) != 0 {
			t.Errorf("rebuilt: %v", got)
		}
	})
}

func TestLiveness_TellsOfWhatIsPaused_AndLeavesIt(t *testing.T) {
	inBubble(t, func(s *stage) {
		l, _, _ := s.alive()
		time.Sleep(time.Minute)
		made := s.info(broker.StreamPayments, intakeName).Created
		if _, err := s.b.JetStream().PauseConsumer(s.ctx, broker.StreamPayments, intakeName, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(mended)
		if !troubled(l, intakeName, broker.ProblemPaused) || !s.info(broker.StreamPayments, intakeName).Created.Equal(made) {
			t.Errorf("health: %+v", l.Health())
		}
	})
}

// A look that finds something once acts on nothing.
func TestLiveness_ActsOnTheSecondSightOnly(t *testing.T) {
	inBubble(t, func(s *stage) {
		l := s.set().Liveness(broker.ProvisionOptions{}, 0)
		for i, want := range []bool{false, true} {
			l.look(s.ctx)
			_, err := s.b.JetStream().Consumer(s.ctx, broker.StreamPayments, intakeName)
			if (err == nil) != want {
				t.Errorf("after look %d: %v", i+1, err)
			}
			if n := len(l.Health().Troubles); n != 4 {
				t.Errorf("look %d found %d consumers missing, want 4", i+1, n)
			}
		}
	})
}

func TestLiveness_IsBounded_WhenTheBrokerIsGone(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		e, b := brokertest.StartServer(t)
		s := newStage(t, b)
		l, _, stop := s.alive()
		time.Sleep(time.Minute)
		brokertest.Shutdown(t, e)
		time.Sleep(mended)
		h := l.Health()
		if len(h.Troubles) == 0 || time.Since(h.Looked) > mended {
			t.Errorf("health: %+v", h)
		}
		for _, is := range h.Troubles {
			if is.Problem != broker.ProblemUnreadable {
				t.Errorf("%+v", is)
			}
		}
		stop()
	})
}
