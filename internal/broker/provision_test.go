package broker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func newBroker(t *testing.T, conn *nats.Conn) *broker.Broker {
	t.Helper()
	b, err := broker.New(brokertest.Context(t), broker.Options{Conn: conn, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func config(ctx context.Context, t *testing.T, b *broker.Broker, stream string) jetstream.StreamConfig {
	t.Helper()
	s, err := b.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

func TestProvision_MakesTheStreams(t *testing.T) {
	_, conn := brokertest.StartBare(t)
	b, ctx := newBroker(t, conn), brokertest.Context(t)
	o := broker.ProvisionOptions{StatusRetention: 50 * 24 * time.Hour, LongestWatch: 14 * 24 * time.Hour}
	if err := b.Provision(ctx, o); err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for _, row := range []struct {
		stream    string
		subjects  []string
		retention jetstream.RetentionPolicy
		age       time.Duration
		work      bool
	}{
		{broker.StreamPayments, []string{"payments.created.>"}, jetstream.LimitsPolicy, 50 * day, false},
		{broker.StreamStatus, []string{"payments.status.>"}, jetstream.LimitsPolicy, 50 * day, false},
		{broker.StreamWork, []string{"recon.timer.>", "recon.due.>"}, jetstream.WorkQueuePolicy, 0, true},
		{broker.StreamWebhookLog, []string{"webhooks.>"}, jetstream.LimitsPolicy, 30 * day, false},
		{broker.StreamDead, []string{"recon.dead.>"}, jetstream.LimitsPolicy, 365 * day, false},
		{broker.StreamReferences, []string{"recon.reference.>"}, jetstream.LimitsPolicy, 50 * day, false},
	} {
		c := config(ctx, t, b, row.stream)
		if !slices.Equal(c.Subjects, row.subjects) || c.Retention != row.retention || c.MaxAge != row.age ||
			c.AllowMsgSchedules != row.work || c.AllowRollup != row.work {
			t.Errorf("%s: %+v", row.stream, c)
		}
		if c.AllowDirect || c.AllowMsgTTL || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxMsgSize > 0 || c.Storage != jetstream.FileStorage {
			t.Errorf("%s may lose or hide messages: %+v", row.stream, c)
		}
	}
	if err := b.Provision(ctx, o); err != nil {
		t.Errorf("provisioning again: %v", err)
	}
}

func TestProvision_MayRunInManyWorkersAtOnce(t *testing.T) {
	_, conn := brokertest.StartBare(t)
	b, ctx := newBroker(t, conn), brokertest.Context(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := b.Provision(ctx, broker.ProvisionOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestProvision_RefusesRetentionShorterThanTheWatch(t *testing.T) {
	_, conn := brokertest.StartBare(t)
	b, ctx := newBroker(t, conn), brokertest.Context(t)
	day := 24 * time.Hour
	err := b.Provision(ctx, broker.ProvisionOptions{StatusRetention: 14 * day, LongestWatch: 14 * day})
	var refused *broker.SettingsError
	if !errors.As(err, &refused) || len(refused.Faults) != 1 {
		t.Fatalf("provision: %v, want one fault", err)
	}
	if _, err := b.JetStream().Stream(ctx, broker.StreamStatus); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was created all the same: %v", err)
	}
}

// Whatever is wrong is said at once: an operator corrects it in one go.
func TestProvision_ListsEveryFaultAndChangesNothing(t *testing.T) {
	_, conn := brokertest.StartBare(t)
	b, ctx := newBroker(t, conn), brokertest.Context(t)
	js := b.JetStream()
	for _, c := range []jetstream.StreamConfig{
		{Name: broker.StreamPayments, Subjects: []string{"payments.created.>"}, AllowRollup: true, AllowMsgTTL: true},
		{Name: broker.StreamStatus, Subjects: []string{"payments.status.succeeded.>"}, AllowDirect: true, MaxAge: time.Hour, MaxBytes: 1 << 20, Storage: jetstream.MemoryStorage},
		{Name: broker.StreamWork, Subjects: []string{"recon.timer.>", "recon.due.>"}, Retention: jetstream.WorkQueuePolicy, MaxMsgs: 10},
		{Name: "COPY", Sources: []*jetstream.StreamSource{{Name: broker.StreamWork}}},
		{Name: "MIRROR", Mirror: &jetstream.StreamSource{Name: broker.StreamWork}},
		{Name: "THEIRS", Subjects: []string{"webhooks.delivered.>"}},
	} {
		if _, err := js.CreateStream(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateConsumer(ctx, broker.StreamWork, jetstream.ConsumerConfig{Durable: "greedy", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	err := b.Provision(ctx, broker.ProvisionOptions{LongestWatch: 14 * 24 * time.Hour})
	var refused *broker.SettingsError
	if !errors.As(err, &refused) {
		t.Fatalf("provision: %v, want a SettingsError", err)
	}
	want := []string{
		"PAYMENTS: allow_msg_ttl", "PAYMENTS: allow_rollup_hdrs",
		"PAYMENT_STATUS: subjects", "PAYMENT_STATUS: allow_direct", "PAYMENT_STATUS: max_age", "PAYMENT_STATUS: max_bytes", "PAYMENT_STATUS: storage",
		"RECON_WORK: allow_rollup_hdrs", "RECON_WORK: allow_msg_schedules", "RECON_WORK: max_msgs", "RECON_WORK consumer greedy: filter_subject",
		"COPY: sources", "MIRROR: mirror", "THEIRS: subjects",
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w+" is ") {
			t.Errorf("the error does not list %q", w)
		}
	}
	if len(refused.Faults) != len(want) {
		t.Errorf("%d faults, want %d:\n%v", len(refused.Faults), len(want), err)
	}
	if _, err := js.Stream(ctx, broker.StreamDead); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was created all the same: %v", err)
	}
	if c := config(ctx, t, b, broker.StreamPayments); !c.AllowRollup {
		t.Error("an existing stream was changed")
	}
}
