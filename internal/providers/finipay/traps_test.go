package finipay

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/providers/providertest"
	"reconciler/internal/sandbox/desk"
	simulator "reconciler/internal/sandbox/finipay"
	"reconciler/internal/sandbox/life"
)

// shop is the simulated finipay with one payment, and what a trap needs of it.
type shop struct {
	sim     *simulator.Simulator
	payment *life.Payment
	// at is the moment at which all is asked.
	at time.Time
}

// ServeHTTP has the simulator answer.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer := s.sim.Answer(desk.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header, Body: body, At: s.at})
	header := http.Header{}
	for key, value := range answer.Header {
		header.Set(key, value)
	}
	reply{Status: answer.Status, Header: header, Body: string(answer.Body)}.Write(w)
}

// simulate makes a payment that lives its life whole, and asks at its end.
func simulate(t *testing.T, trap simulator.Trap, lifeName, kind string) *shop {
	t.Helper()
	its, ok := life.ByName(lifeName)
	if !ok {
		t.Fatalf("no life %q", lifeName)
	}
	ref := map[string]string{orderKey: "ORDER-1001"}
	if kind != "" {
		ref[kindKey] = kind
	}
	p, err := life.New(life.Script{
		Provider: life.Finipay, Life: its, IDs: map[string]string{orderKey: "ORDER-1001", "provider_number": "Fp00000000000001"},
		Reference: ref, Key: "traps", AmountMinor: 12_050, Currency: "KGS", Exponent: 2, Step: time.Second, Seed: 1,
		Created: time.Date(2026, 2, 3, 10, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	book := life.NewBook()
	if err := book.Add(p); err != nil {
		t.Fatal(err)
	}
	sim := simulator.New(simulator.Config{Login: testLogin, Password: testPassword, Book: book, Trap: trap})
	return &shop{sim: sim, payment: p, at: p.EndsAt()}
}

// ask polls the shop twice, the second time with the number bound by the first.
func (s *shop) ask(t *testing.T, change func(*Config)) [2]outcome {
	t.Helper()
	base, transport := providertest.Serve(t, s)
	adapter := adapterFor(t, base, transport, change)
	q := providers.Query{Reference: s.payment.Reference, Expected: providertest.Money(t, "120.50 KGS"), Last: payment.Pending}
	var both [2]outcome
	for i := range both {
		obs, err := providertest.Poll(t, adapter, q)
		providertest.CheckOutcome(t, mappingVersion, obs, err)
		both[i] = outcome{obs, err}
		if q.Bound == "" {
			q.Bound = obs.ProviderReference
		}
		s.at = s.at.Add(10 * time.Second)
	}
	return both
}

// outcome is what one poll gave.
type outcome struct {
	obs payment.Observation
	err error
}

// says is the status with the amount, or the error's kind, field and setting.
func (o outcome) says() string {
	if o.err == nil {
		text := string(o.obs.Status)
		if o.obs.Amount.Known() {
			text += " " + o.obs.Amount.String()
		}
		return text
	}
	e := o.err.(*providers.Error)
	text := e.Kind.String()
	if problem, ok := e.Cause.(*providers.FieldProblem); ok {
		text += " " + problem.Path
	}
	return strings.TrimSpace(text + " " + e.Setting)
}

// TestPoll_MeetsEveryTrapOfTheDocument: what the provider may do by its own
// pages, and what a poll makes of it.
func TestPoll_MeetsEveryTrapOfTheDocument(t *testing.T) {
	const paid = "succeeded 120.50 KGS"
	post := func(c *Config) { c.StatusMethod = http.MethodPost }
	rows := []struct {
		trap       simulator.Trap
		change     func(*Config)
		first, two string
	}{
		{"", nil, paid, paid},
		{simulator.DropBody, nil, "invalid_reference", "invalid_reference"},
		{simulator.DropBody, post, paid, paid},
		{simulator.RefuseGet, nil, "misconfigured status_method", "misconfigured status_method"},
		{simulator.RefuseGet, post, paid, paid},
		{simulator.RefusePost, nil, paid, paid},
		{simulator.RefusePost, post, "misconfigured status_method", "misconfigured status_method"},
		{simulator.LoginPage, nil, "unreadable $", "unreadable $"},
		{simulator.Redirect, nil, "misconfigured base_url", "misconfigured base_url"},
		{simulator.Stale, nil, paid, paid},
		{simulator.ChangedNumber, nil, paid, "identity_mismatch"},
		{simulator.SharedNumber, nil, paid, paid},
		{simulator.OtherCode, nil, "inconsistent", "inconsistent"},
		{simulator.AmountText, nil, "unreadable $.data.amount", "unreadable $.data.amount"},
		{simulator.AmountExponent, nil, "unreadable $.data.amount", "unreadable $.data.amount"},
		{simulator.AmountPrecise, nil, "unreadable $.data.amount", "unreadable $.data.amount"},
		{simulator.MinorUnits, nil, "succeeded 12050.00 KGS", "succeeded 12050.00 KGS"},
		{simulator.OtherCurrency, nil, "succeeded 120.50 GBP", "succeeded 120.50 GBP"},
		{simulator.RefundHidden, nil, paid, paid},
		{simulator.NumericStatus, nil, "unknown_status", "unknown_status"},
	}
	tried := map[simulator.Trap]bool{}
	for _, row := range rows {
		tried[row.trap] = true
		t.Run(string(row.trap), func(t *testing.T) {
			lifeName := "charged_at_once"
			if row.trap == simulator.RefundHidden {
				lifeName = "refunded"
			}
			both := simulate(t, row.trap, lifeName, "").ask(t, row.change)
			if got := [2]string{both[0].says(), both[1].says()}; got != [2]string{row.first, row.two} {
				t.Errorf("became %q, then %q; want %q, then %q", got[0], got[1], row.first, row.two)
			}
		})
	}
	for _, trap := range simulator.Traps() {
		if !tried[trap] {
			t.Errorf("%s was not tried", trap)
		}
	}
}

// TestPoll_SharedNumber_IsRefused_WhereAnotherIsBound: two payments that share a
// number are told apart by the one that was bound first.
func TestPoll_SharedNumber_IsRefused_WhereAnotherIsBound(t *testing.T) {
	base, transport := providertest.Serve(t, simulate(t, simulator.SharedNumber, "charged_at_once", ""))
	q := cardQuery(t)
	q.Bound = "Fp00000000000001"
	_, err := providertest.Poll(t, adapterFor(t, base, transport, nil), q)
	if got := (outcome{err: err}).says(); got != "identity_mismatch" {
		t.Errorf("became %q", got)
	}
}

// TestPoll_FollowsAWallet_FromTheCodeToTheCharge, at each stage of its life.
func TestPoll_FollowsAWallet_FromTheCodeToTheCharge(t *testing.T) {
	for _, kind := range []string{kindMbank, kindMegapay} {
		t.Run(kind, func(t *testing.T) {
			s := simulate(t, "", "charged", kind)
			var got []string
			for _, at := range s.payment.Changes() {
				s.at = at
				got = append(got, s.ask(t, nil)[0].says())
			}
			want := "requires_action 120.50 KGS, processing 120.50 KGS, succeeded 120.50 KGS"
			if text := strings.Join(got, ", "); text != want {
				t.Errorf("became %s; want %s", text, want)
			}
		})
	}
}
