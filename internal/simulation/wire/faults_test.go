package wire_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	"reconciler/internal/simulation/wire"
)

// A worker that sends and hears nothing: what it appends is stored, and it finds
// out when it hears again.
func TestDeaf_StoresWhatItSends_AndHearsAgainWhenHealed(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		r.link.LayFor(wire.Deaf(), time.Minute)
		began, key := time.Now(), broker.PaymentKey("m", "p")
		time.AfterFunc(time.Second, func() {
			if _, err := r.beside.LastStatus(ctx, key); err != nil {
				t.Errorf("a second later the change is not stored: %v", err)
			}
		})
		if seq, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil || seq != 1 {
			t.Errorf("append: %d, %v; want sequence 1", seq, err)
		}
		if took := time.Since(began); took < time.Minute || took > 75*time.Second {
			t.Errorf("it was certain after %v, want soon after a minute", took)
		}
		if n := stored(ctx, t, r.beside, broker.StreamStatus); n != 1 {
			t.Errorf("%d changes are stored, want 1", n)
		}
		if n := r.behind.Conn().Stats().Reconnects; n > 1 {
			t.Errorf("%d new connections for one fault", n)
		}
	})
}

func TestMute_LosesWhatItSends_UntilHealed(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 30)
		heard, err := r.behind.Conn().SubscribeSync("to.the.worker")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.link.LayFor(wire.Mute(), 30*time.Second)
		if err := r.beside.Conn().Publish("to.the.worker", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := heard.NextMsg(time.Second); err != nil {
			t.Errorf("it does not hear: %v", err)
		}
		began := time.Now()
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 29*time.Second || took > 40*time.Second {
			t.Errorf("it was stored after %v, want soon after 29 s", took)
		}
		if n := r.behind.Conn().Stats().Reconnects; n != 0 {
			t.Errorf("%d new connections", n)
		}
	})
}

// What is lost stays lost, on a connection that lives on; what is held comes.
func TestLost_IsNotHeld(t *testing.T) {
	for name, f := range map[string]wire.Fault{"deaf": wire.Deaf(), "mute": wire.Mute(), "held up": {Up: wire.Held}, "held down": {Down: wire.Held}} {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r := newRig(t)
				from, to, lost := r.beside.Conn(), r.behind.Conn(), f.Down == wire.Lost || f.Up == wire.Lost
				if f.Down == wire.Open {
					from, to = to, from
				}
				heard, err := to.SubscribeSync("words")
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				r.link.LayFor(f, 10*time.Second)
				for _, word := range []string{"one", "two"} {
					if err := from.Publish("words", []byte(word)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(15 * time.Second) // two is sent when all is well again
				}
				want := "one"
				if lost {
					want = "two"
				}
				if m, err := heard.NextMsg(time.Second); err != nil || string(m.Data) != want {
					t.Errorf("heard %+v, %v; want %s", m, err, want)
				}
				if n := r.behind.Conn().Stats().Reconnects; n != 0 {
					t.Errorf("%d new connections", n)
				}
			})
		})
	}
}

// A worker that stands still for longer than the ack wait, with a message in
// hand: it is given to another, and the late ack of the first changes nothing.
func TestFrozen_LosesItsMessageToAnother(t *testing.T) {
	for name, d := range map[string]time.Duration{
		"for less than the broker's patience": 3 * time.Minute,
		"until the broker gave it up":         time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r, ctx := newRig(t), days(t, 30)
				if err := r.beside.PublishDue(ctx, broker.Due{Subject: broker.PollDue("acc", "m", "p")}); err != nil {
					t.Fatal(err)
				}
				mine, theirs := polls(ctx, t, r.behind), polls(ctx, t, r.beside)
				m, err := mine.Next(jetstream.FetchContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				r.link.LayFor(wire.Frozen(), d)
				if err := m.Ack(); err != nil {
					t.Fatal(err)
				}
				again, err := theirs.Next(jetstream.FetchContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				if after := time.Since(began).Truncate(time.Second); after != 30*time.Second {
					t.Errorf("the other has it after %v", after)
				}
				time.Sleep(d - time.Since(began) - time.Second)
				if n := r.behind.Conn().Stats().Reconnects; n != 0 || !r.behind.Conn().IsConnected() {
					t.Errorf("it noticed that it stood still: %d new connections", n)
				}
				if err := again.InProgress(); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Second) // thawed
				if err := again.DoubleAck(ctx); err != nil {
					t.Errorf("the other's ack: %v", err)
				}
				if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
					t.Errorf("after the thaw: %v", err)
				}
				if n := r.behind.Conn().Stats().Reconnects; (n == 1) != (d == time.Hour) {
					t.Errorf("%d new connections", n)
				}
			})
		})
	}
}

// Everything held goes out at the thaw, in its order.
func TestFrozen_SendsWhatWasHeld(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := newRig(t)
		heard, err := r.beside.Conn().SubscribeSync("numbers")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.link.Lay(wire.Frozen())
		for n := range 100 {
			if err := r.behind.Conn().Publish("numbers", []byte{byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := heard.NextMsg(time.Minute); !errors.Is(err, nats.ErrTimeout) {
			t.Errorf("frozen, and yet: %v", err)
		}
		r.link.Heal()
		for n := range 100 {
			m, err := heard.NextMsg(time.Second)
			if err != nil || m.Data[0] != byte(n) {
				t.Fatalf("message %d: %v", n, err)
			}
		}
	})
}

func TestFaults_RefuseNewConnections(t *testing.T) {
	for name, f := range map[string]wire.Fault{
		"refused": wire.Refused(), "deaf": wire.Deaf(), "mute": wire.Mute(), "frozen": wire.Frozen(),
	} {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.link.Lay(f)
				if _, err := r.link.Dial("tcp", "x:1"); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("dial: %v", err)
				}
				r.link.Cut()
				time.Sleep(time.Minute)
				if r.behind.Conn().IsConnected() {
					t.Error("connected although refused")
				}
				r.link.Heal()
				time.Sleep(time.Minute)
				if !r.behind.Conn().IsConnected() {
					t.Error("not connected although healed")
				}
			})
		})
	}
}

// A fault that comes while the client shakes hands ends the connection: it would
// wait under its lock, and the bubble for ever.
func TestFaults_EndAHandshake(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := newRig(t)
		for _, op := range []wire.Op{wire.Info, wire.Connect, wire.Ping, wire.Pong} {
			t.Log(op)
			r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
				if f.Op == op {
					r.link.SetPolicy(nil)
					r.link.LayFor(wire.Frozen(), time.Second)
				}
				return wire.Verdict{}
			})
			r.link.Cut()
			time.Sleep(5 * time.Minute)
			if !r.behind.Conn().IsConnected() {
				t.Errorf("%s: not connected again", op)
			}
		}
	})
}

func TestCuts_InAHandshake_AreOutlived(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 1)
		for _, op := range []wire.Op{wire.Info, wire.Connect, wire.Ping, wire.Pong, wire.Sub} {
			for _, at := range []wire.Moment{wire.Before, wire.After} {
				r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
					if f.Op != op {
						return wire.Verdict{}
					}
					r.link.SetPolicy(nil)
					return wire.Verdict{Cut: at, Fate: wire.Fate{Lose: true}} // which no handshake suffers
				})
				r.link.Cut()
				if _, err := r.behind.HasDue(ctx, "recon.due.poll.acc.m.p"); err != nil {
					t.Errorf("%s, cut %s: %v", op, at, err)
				}
			}
		}
	})
}

// A connection that lost a PONG or a SUB alone would be in a state that no
// network can make.
func TestVerdicts_LoseNothingThatKeepsAConnectionInStep(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r, ctx := newRig(t), days(t, 1)
		r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
			if f.Class == wire.Protocol {
				return wire.Verdict{Fate: wire.Fate{Lose: true, Delay: time.Hour}, Replace: &wire.Message{Subject: "x"}}
			}
			return wire.Verdict{}
		})
		r.link.Cut()
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if n := r.behind.Conn().Stats().Reconnects; n != 1 || !r.behind.Conn().IsConnected() {
			t.Errorf("%d connections after the first", n)
		}
	})
}

func TestLayFor_LeavesALaterFaultAlone(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.link.LayFor(wire.Refused(), 10*time.Second)
		time.Sleep(5 * time.Second)
		r.link.Lay(wire.Refused())
		time.Sleep(time.Minute)
		if _, err := r.link.Dial("tcp", "x:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
	})
}

// A killed link lets nothing through for ever, also what is asked of it later.
func TestKill_EndsEverythingForGood(t *testing.T) {
	for name, f := range map[string]wire.Fault{"healthy": {}, "frozen": wire.Frozen(), "deaf": wire.Deaf()} {
		t.Run(name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				r := newRig(t)
				heard, err := r.beside.Conn().SubscribeSync("words")
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if f.Up != wire.Open {
					r.link.Lay(f)
				}
				r.link.SetPolicy(func(f *wire.Frame) wire.Verdict {
					if string(f.Payload()) == "last" {
						r.link.Counter().At(f.Call+1, wire.Before, r.link.Kill)
					}
					return wire.Verdict{}
				})
				for _, word := range []string{"last", "never"} {
					if err := r.behind.Conn().Publish("words", []byte(word)); err != nil {
						t.Fatal(err)
					}
				}
				if m, err := heard.NextMsg(time.Minute); f.Up == wire.Open && (err != nil || string(m.Data) != "last") {
					t.Errorf("what was written before: %v, %v", m, err)
				}
				r.link.Heal()
				r.link.Kill()
				if m, err := heard.NextMsg(time.Hour); err == nil {
					t.Errorf("heard %q after the end", m.Data)
				}
				if r.behind.Conn().IsConnected() {
					t.Error("connected again")
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if _, err := r.behind.AppendStatus(ctx, change(1, 0)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("append: %v", err)
				}
			})
		})
	}
}

func TestServer_MayBeAnotherOnTheSameStore(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		dir, ctx := t.TempDir(), days(t, 30)
		r := newRig(t, brokertest.WithDataDir(dir))
		if _, err := r.behind.AppendStatus(ctx, change(1, 0)); err != nil {
			t.Fatal(err)
		}
		r.link.Clear()
		r.beside.Conn().Close()
		brokertest.Shutdown(t, r.server)
		time.Sleep(time.Hour)
		if r.behind.Conn().IsConnected() {
			t.Error("connected to nothing")
		}
		next, _ := brokertest.StartServer(t, brokertest.WithDataDir(dir))
		r.link.SetServer(next)
		if seq, err := r.behind.AppendStatus(ctx, change(2, 1)); err != nil || seq != 2 {
			t.Errorf("append: %d, %v; want sequence 2", seq, err)
		}
	})
}

// A server that stops by itself, without Clear, is noticed too.
func TestServer_ThatStops_EndsItsConnections(t *testing.T) {
	brokertest.Bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.beside.Conn().Close()
		brokertest.Shutdown(t, r.server)
		time.Sleep(time.Second)
		if r.behind.Conn().IsConnected() {
			t.Error("connected to a server that stopped")
		}
		if _, err := r.link.Dial("tcp", "x:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
	})
}
