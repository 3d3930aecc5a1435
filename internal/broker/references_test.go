package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

func ref(payment string) broker.PaymentRef {
	return broker.PaymentRef{Account: "acc", Merchant: "m", Payment: payment}
}

func TestReferences_FindThePaymentsOfAnAlias(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	other := ref("p1")
	other.Account = "other"
	for of, aliases := range map[broker.PaymentRef][]string{
		ref("p1"):  {"invoice:1", "payment:1"},
		ref("p.2"): {"invoice:1"},
		ref("p3"):  {"invoice:12"},
		other:      {"invoice:1"},
	} {
		for range 2 { // a redelivered created event records again
			if err := b.RecordReferences(ctx, of, aliases); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		account, alias string
		want           []broker.PaymentRef
	}{
		{"acc", "invoice:1", []broker.PaymentRef{ref("p1"), ref("p.2")}},
		{"acc", "payment:1", []broker.PaymentRef{ref("p1")}},
		{"other", "invoice:1", []broker.PaymentRef{other}},
		{"other", "payment:1", nil},
		{"acc", "*", nil},
		{"acc", "", nil},
	} {
		got, err := b.Referred(ctx, row.account, row.alias)
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s calls %q: %v, %v; want %v", row.account, row.alias, got, err, row.want)
		}
	}
	if n := count(ctx, t, b, broker.StreamReferences, broker.FilterReferences); n != 5 {
		t.Errorf("%d entries, want one for each alias of each payment", n)
	}
}

func TestReferences_AreForgottenWithThePaymentsState(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		b := brokertest.Start(t, brokertest.WithProvision(broker.ProvisionOptions{StatusRetention: 48 * time.Hour}))
		ctx := days(t, 10)
		if err := b.RecordReferences(ctx, ref("p"), []string{"a"}); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			sleep time.Duration
			want  int
		}{{47 * time.Hour, 1}, {3 * time.Hour, 0}} {
			time.Sleep(row.sleep)
			if got, err := b.Referred(ctx, "acc", "a"); err != nil || len(got) != row.want {
				t.Errorf("found %v, %v; want %d", got, err, row.want)
			}
		}
	})
}

func TestReferences_PassOverWhatNobodyOfOursWrote(t *testing.T) {
	b, ctx := brokertest.Start(t), brokertest.Context(t)
	key := broker.ReferenceKey("acc", "a")
	for _, tail := range []string{"m=2e.p", "m.p=2"} {
		if _, err := b.JetStream().Publish(ctx, strings.TrimSuffix(key, "*.*")+tail, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.RecordReferences(ctx, ref("p"), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Referred(ctx, "acc", "a"); err != nil || !slices.Equal(got, []broker.PaymentRef{ref("p")}) {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestReferences_AreSpelledAsPromised(t *testing.T) {
	// SHA-256 of "invoice:1", its first 16 bytes.
	const digest = "3c16c567c592b7496421530a0f49928a"
	if got, want := broker.ReferenceSubject(ref("p.1"), "invoice:1"), "recon.reference.acc."+digest+".m.p=2E1"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if got, want := broker.ReferenceKey("a.c", "invoice:1"), "recon.reference.a=2Ec."+digest+".*.*"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
	for _, id := range []string{"p1", "", "a.b.c", "*", ">", "ж", "\xff\x00", strings.Repeat("é", 128)} {
		of := broker.PaymentRef{Account: id, Merchant: id, Payment: id}
		s := broker.ReferenceSubject(of, id)
		if got, err := broker.ParseReference(s); err != nil || got != of {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
		if !server.IsValidPublishSubject(s) || !server.SubjectsCollide(s, broker.ReferenceKey(id, id)) || !server.SubjectsCollide(s, broker.FilterReferences) {
			t.Errorf("%s does not fall under its key and filter", s)
		}
		if server.SubjectsCollide(s, broker.ReferenceKey(id, id+"x")) {
			t.Errorf("%s falls under the key of another alias", s)
		}
	}
}

func TestParseReference_RefusesWhatReferenceSubjectDoesNotMake(t *testing.T) {
	const digest = "3c16c567c592b7496421530a0f49928a"
	for _, s := range []string{
		"", "recon.reference", "recon.reference.a." + digest + ".m", "recon.reference.a." + digest + ".m.p.x", "recon.reference.a.m.p",
		"recon.reference.a." + digest[1:] + ".m.p", "recon.reference.a." + strings.ToUpper(digest) + ".m.p", "recon.reference.a.=.m.p",
		"recon.reference.a." + digest + "00.m.p", "recon.reference.." + digest + ".m.p", "recon.due.a." + digest + ".m.p",
	} {
		if of, err := broker.ParseReference(s); err == nil {
			t.Errorf("%q is taken for %+v", s, of)
		}
	}
}

// A stream of somebody else's making is taken if it keeps what must be kept.
func TestProvision_ChecksTheIndexOfReferences(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*jetstream.StreamConfig)
		fault  string
	}{
		"as we make it": {func(*jetstream.StreamConfig) {}, ""},
		"unlimited":     {func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = -1 }, ""},
		"of a size":     {func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, "RECON_REFERENCES: max_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, conn := brokertest.StartBare(t)
			b, ctx := newBroker(t, conn), brokertest.Context(t)
			c := jetstream.StreamConfig{Name: broker.StreamReferences, Subjects: []string{broker.FilterReferences}, MaxMsgsPerSubject: 1}
			row.change(&c)
			if _, err := b.JetStream().CreateStream(ctx, c); err != nil {
				t.Fatal(err)
			}
			err := b.Provision(ctx, broker.ProvisionOptions{})
			if (err != nil) != (row.fault != "") || err != nil && !strings.Contains(err.Error(), row.fault) {
				t.Errorf("provision: %v, want %q", err, row.fault)
			}
		})
	}
}

// BenchmarkRecordReferences is what a payment's alias costs, and finding it.
func BenchmarkReferences(b *testing.B) {
	for name, options := range map[string][]brokertest.Option{"disk=later": nil, "disk=each": {brokertest.WithSync()}} {
		br, ctx := brokertest.Start(b, options...), b.Context()
		b.Run("record/"+name, func(b *testing.B) {
			for i := range b.N {
				if err := br.RecordReferences(ctx, ref(fmt.Sprint("p", i)), []string{fmt.Sprint("invoice:", i)}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("find/"+name, func(b *testing.B) {
			for range b.N {
				if _, err := br.Referred(ctx, "acc", "invoice:0"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
