package broker

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func wantedStream(t *testing.T, name string) (jetstream.StreamConfig, ProvisionOptions) {
	t.Helper()
	o := ProvisionOptions{LongestWatch: 30 * day}.withDefaults(1)
	for _, d := range definitions(o) {
		if d.Name == name {
			return d, o
		}
	}
	t.Fatalf("no stream %s", name)
	return jetstream.StreamConfig{}, o
}

func TestCheck_AcceptsWhatProvisionMakes(t *testing.T) {
	o := ProvisionOptions{LongestWatch: 30 * day}.withDefaults(3)
	for _, d := range definitions(o) {
		if faults := check(d, d, o, versionNeeded()); len(faults) > 0 {
			t.Errorf("%s: %v", d.Name, faults)
		}
	}
}

func TestCheck_NamesEachSettingWeCanNotWorkWith(t *testing.T) {
	type config = jetstream.StreamConfig
	all := []string{StreamPayments, StreamStatus, StreamWork, StreamWebhookLog, StreamDead}
	ours := all[1:]
	for _, row := range []struct {
		setting string
		change  func(*config)
		refused []string // by these streams; the others accept it
	}{
		{"subjects", func(c *config) { c.Subjects = []string{"other.>"} }, all},
		{"retention", func(c *config) { c.Retention = jetstream.InterestPolicy }, all},
		{"sealed", func(c *config) { c.Sealed = true }, all},
		{"allow_msg_ttl", func(c *config) { c.AllowMsgTTL = true }, all},
		{"allow_msg_counter", func(c *config) { c.AllowMsgCounter = true }, all},
		{"allow_rollup_hdrs", func(c *config) { c.AllowRollup = !c.AllowRollup }, all},
		{"allow_msg_schedules", func(c *config) { c.AllowMsgSchedules = !c.AllowMsgSchedules }, all},
		{"compression", func(c *config) { c.Compression = jetstream.S2Compression }, all},
		{"storage", func(c *config) { c.Storage = jetstream.MemoryStorage }, ours},
		{"max_msgs", func(c *config) { c.MaxMsgs = 1e9 }, ours},
		{"max_bytes", func(c *config) { c.MaxBytes = 1 << 40 }, ours},
		{"max_msgs_per_subject", func(c *config) { c.MaxMsgsPerSubject = 100 }, ours},
		{"max_msg_size", func(c *config) { c.MaxMsgSize = 1 << 20 }, ours},
		{"discard", func(c *config) { c.Discard = jetstream.DiscardNew }, ours},
		{"no_ack", func(c *config) { c.NoAck = true }, ours},
		{"mirror", func(c *config) { c.Mirror = &jetstream.StreamSource{Name: "X"} }, ours},
		{"sources", func(c *config) { c.Sources = []*jetstream.StreamSource{{Name: "X"}} }, ours},
		{"subject_transform", func(c *config) { c.SubjectTransform = &jetstream.SubjectTransformConfig{} }, ours},
		{"persist_mode", func(c *config) { c.PersistMode = jetstream.AsyncPersistMode }, ours},
		{"allow_direct", func(c *config) { c.AllowDirect = true }, []string{StreamStatus}},
		{"max_age", func(c *config) { c.MaxAge = 30 * day }, []string{StreamStatus, StreamWork}},
		{"deny_purge", func(c *config) { c.DenyPurge = true }, []string{StreamWork}},
		{"deny_delete", func(c *config) { c.DenyDelete = true }, []string{StreamWork}},
		{"replicas", func(c *config) { c.Replicas = 5 }, nil},
		{"description", func(c *config) { c.Description = "ours" }, nil},
	} {
		for _, name := range all {
			found, o := wantedStream(t, name)
			want := found
			row.change(&found)
			faults := check(found, want, o, version{2, 14, 3})
			refused := slices.ContainsFunc(faults, func(f Fault) bool { return f.Setting == row.setting })
			if refused != slices.Contains(row.refused, name) {
				t.Errorf("%s with another %s: faults %v", name, row.setting, faults)
			}
			if len(faults) > 1 {
				t.Errorf("%s with another %s has further faults: %v", name, row.setting, faults)
			}
			for _, f := range faults {
				if f.Stream != name || f.Found == "" || f.Wanted == "" {
					t.Errorf("a fault that does not say it all: %+v", f)
				}
			}
		}
	}
}

func TestCheck_TakesRetentionBeyondTheLongestWatch(t *testing.T) {
	want, o := wantedStream(t, StreamStatus)
	for _, row := range []struct {
		age time.Duration
		ok  bool
	}{{0, true}, {time.Hour, false}, {30 * day, false}, {30*day + 1, true}, {400 * day, true}} {
		found := want
		found.MaxAge = row.age
		if faults := check(found, want, o, versionWanted()); (len(faults) == 0) != row.ok {
			t.Errorf("max_age %v: %v", row.age, faults)
		}
	}
}

func TestCheck_TakesCompression_WhereItIsSafe(t *testing.T) {
	want, o := wantedStream(t, StreamDead)
	found := want
	found.Compression = jetstream.S2Compression
	if faults := check(found, want, o, versionPacked()); len(faults) > 0 {
		t.Errorf("compression is refused: %v", faults)
	}
}

func TestCheck_LetsUpstreamHoldItsPaymentsAsItLikes(t *testing.T) {
	want, o := wantedStream(t, StreamPayments)
	found := want
	found.Subjects = []string{"payments.created.eu.>", "payments.*.>", "orders.>"}
	found.Storage, found.MaxMsgs, found.MaxBytes, found.MaxMsgSize, found.MaxAge = jetstream.MemoryStorage, 5, 5, 5, time.Hour
	found.Discard, found.AllowDirect, found.DenyPurge = jetstream.DiscardNew, true, true
	if faults := check(found, want, o, versionWanted()); len(faults) > 0 {
		t.Errorf("upstream's stream is refused: %v", faults)
	}
}

func TestCovers_ComparesWildcards(t *testing.T) {
	for _, row := range []struct {
		wide, narrow string
		want         bool
	}{
		{"a.>", "a.>", true}, {"a.>", "a.b", true}, {"a.>", "a", false}, {">", "a.b.>", true}, {"a.*", "a.b", true},
		{"a.*", "a.*", true}, {"a.b", "a.*", false}, {"a.*", "a.>", false}, {"a.b.>", "a.>", false}, {"*.>", "a.>", true}, {"a.b", "a.b.c", false},
	} {
		if got := covers(row.wide, row.narrow); got != row.want {
			t.Errorf("covers(%s, %s) = %t", row.wide, row.narrow, got)
		}
	}
}

func TestCheckWorkConsumer_RefusesFiltersThatTakeTimers(t *testing.T) {
	for _, row := range []struct {
		name    string
		filters []string
		ok      bool
	}{
		{"none", nil, false},
		{"everything", []string{">"}, false},
		{"all of ours", []string{"recon.>"}, false},
		{"any kind of poll", []string{"recon.*.poll.acc.>"}, false},
		{"timers", []string{"recon.timer.>"}, false},
		{"one timer", []string{"recon.timer.poll.a.m.p"}, false},
		{"a second filter on timers", []string{"recon.due.>", "recon.timer.poll.>"}, false},
		{"due", []string{"recon.due.>"}, true},
		{"due polls", []string{"recon.due.poll.acc.>"}, true},
	} {
		c := jetstream.ConsumerConfig{Name: "c", FilterSubjects: row.filters}
		if len(row.filters) == 1 {
			c.FilterSubject, c.FilterSubjects = row.filters[0], nil
		}
		if faults := checkWorkConsumer(c); (len(faults) == 0) != row.ok {
			t.Errorf("%s: %v", row.name, faults)
		}
	}
}
