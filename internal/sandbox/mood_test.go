package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestSandbox_Tells_WhatIsNotTrue_AndTheLedgerSaysBoth(t *testing.T) {
	// What three looks at a part-refunded payment are told, in the order of looks.
	rows := []struct {
		kind  TroubleKind
		looks int
		want  [3]Word
	}{
		{TellsFlapping, 0, [3]Word{Charged, PartRefunded, Charged}},
		{TellsRegression, 1, [3]Word{InProgress, PartRefunded, PartRefunded}},
		{TellsRegression, 0, [3]Word{InProgress, InProgress, InProgress}},
		{TellsContradiction, 2, [3]Word{Declined, Declined, PartRefunded}},
		{TellsNothingKnown, 0, [3]Word{NotKnown, NotKnown, NotKnown}},
	}
	for _, provider := range []string{Finipay, Halyk, Ecommpay} {
		for _, row := range rows {
			t.Run(fmt.Sprint(provider, " ", row.kind, " ", row.looks), func(t *testing.T) {
				inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
					p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "part_refunded"})
					wait(time.Hour)
					_, _, _ = c.ask(t.Context(), p)
					trouble := lasting(provider, row.kind, 10*time.Minute)
					trouble.Looks = row.looks
					mustTrouble(t, s, trouble)
					for i, want := range row.want {
						if _, _, err := c.ask(t.Context(), p); err != nil {
							t.Fatal(err)
						}
						checkTold(t, lastAsk(s), want, row.kind)
						if i == 0 && s.Truth(provider, p.Reference).Word != PartRefunded {
							t.Error("the truth has changed")
						}
					}
					wait(10 * time.Minute)
					_, _, _ = c.ask(t.Context(), p)
					checkTold(t, lastAsk(s), PartRefunded, row.kind)
				})
			})
		}
	}
}

// checkTold judges an entry about a part-refunded payment.
func checkTold(t *testing.T, got Ask, want Word, kind TroubleKind) {
	t.Helper()
	lie := want != PartRefunded
	taken := want == PartRefunded || want == Charged
	if got.Told != want || got.Truth != PartRefunded || (got.Fault == string(kind)) != lie || (got.Fault == "") == lie ||
		(got.CapturedMinor > 0) != taken || (got.RefundedMinor > 0) == lie || got.Raw == "" {
		t.Errorf("wrote down %+v, want %s told", got, want)
	}
}

func TestSandbox_Tells_AtUapay_AndToWhomThereIsNothingToLieAbout(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
		held := mustCreate(t, s, CreateOptions{Provider: Uapay, Life: "held_then_captured"})
		open := mustCreate(t, s, CreateOptions{Provider: Uapay, Life: "stuck"})
		qr := mustCreate(t, s, CreateOptions{Provider: Finipay, Life: "charged_at_once", QR: true})
		wait(time.Hour)
		rows := []struct {
			p    Payment
			kind TroubleKind
			want Word
		}{
			{held, TellsRegression, Held}, {held, TellsContradiction, Declined}, {held, TellsFlapping, Held}, {held, TellsNothingKnown, NotKnown},
			{open, TellsRegression, PayerAction}, {open, TellsContradiction, PayerAction},
			{qr, TellsContradiction, Charged}, // which has no word for it
			{qr, TellsRegression, Waiting},
		}
		for _, row := range rows {
			mustTrouble(t, s, lasting(row.p.Provider, row.kind, time.Minute))
			_, _, _ = c.ask(t.Context(), row.p)
			if got := lastAsk(s); got.Told != row.want || (got.Fault != "") != (got.Told != got.Truth) {
				t.Errorf("%s of %s: %+v, want %s", row.kind, row.p.Life, got, row.want)
			}
			wait(time.Minute)
		}
		// Who came after it began to forget is known.
		mustTrouble(t, s, lasting(Uapay, TellsNothingKnown, time.Hour))
		wait(time.Second)
		young := mustCreate(t, s, CreateOptions{Provider: Uapay, Life: "charged_at_once"})
		if _, _, _ = c.ask(t.Context(), young); lastAsk(s).Told != Charged || lastAsk(s).Fault != "" {
			t.Errorf("of a younger payment: %+v", lastAsk(s))
		}
	})
}

func TestSandbox_TokensRevoked_OnceOrAgainAndAgain(t *testing.T) {
	for _, provider := range []string{Halyk, Uapay} {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
			began := time.Now()
			err := s.Trouble(Trouble{
				Provider: provider, Kind: TokensRevoked, From: began.Add(time.Minute), Until: began.Add(10 * time.Minute), Every: 5 * time.Minute,
			})
			if err != nil {
				t.Fatal(err)
			}
			// The instant of each look, and whether its token was revoked since the last.
			for _, look := range []struct {
				at      time.Duration
				revoked bool
			}{{0, false}, {59 * time.Second, false}, {time.Minute, true}, {time.Minute, false}, {5 * time.Minute, false}, {6 * time.Minute, true}, {7 * time.Minute, false}, {12 * time.Minute, false}} {
				wait(time.Until(began.Add(look.at)))
				_, _, _ = c.ask(t.Context(), p)
				got, fault := lastAsk(s), ""
				if look.revoked {
					fault = string(TokensRevoked)
				}
				if got.TokenRefused != look.revoked || (got.Refused != "") != look.revoked || got.Fault != fault || (got.Told == Charged) == look.revoked {
					t.Errorf("%s after %v: %+v", provider, look.at, got)
				}
			}
		})
	}
}

func TestSandbox_RefusesLoginOrAccount_InTheProvidersOwnWords_UntilItEnds(t *testing.T) {
	rows := []struct {
		provider string
		kind     TroubleKind
		status   int
		says     string
	}{
		{Finipay, RefusesLogin, 401, "UNAUTHORIZED"}, {Halyk, RefusesLogin, 401, "invalid_"}, {Halyk, RefusesAccount, 200, `"109"`},
		{Uapay, RefusesLogin, 200, "SIGNATURE_ERROR"}, {Uapay, RefusesAccount, 200, "NOT_FOUND"},
		{Ecommpay, RefusesLogin, 400, "3261"}, {Ecommpay, RefusesAccount, 400, "2442"},
	}
	for _, row := range rows {
		inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
			p := mustCreate(t, s, CreateOptions{Provider: row.provider, Life: "charged_at_once"})
			_, _, _ = c.ask(t.Context(), p)
			mustTrouble(t, s, lasting(row.provider, row.kind, 24*time.Hour))
			for range 2 { // with the token it has, then with one it would need
				_, _, _ = c.ask(t.Context(), p)
				wait(time.Hour)
			}
			status, body, err := c.ask(t.Context(), p)
			got := lastAsk(s)
			if status != row.status || !strings.Contains(body, row.says) || err != nil {
				t.Errorf("%s %s: answered %d %s %v", row.provider, row.kind, status, body, err)
			}
			if got.Fault != string(row.kind) || got.Refused == "" || got.Told != "" {
				t.Errorf("%s %s: wrote down %+v", row.provider, row.kind, got)
			}
			wait(24 * time.Hour)
			_, _, _ = c.ask(t.Context(), p) // a token that is too old by now
			if _, _, _ = c.ask(t.Context(), p); lastAsk(s).Told != Charged {
				t.Errorf("%s %s: after its end %+v", row.provider, row.kind, lastAsk(s))
			}
		})
	}
}

// timesOf are the moments that an answer holds, by provider; finipay's status answer
// of a card holds none.
var timesOf = map[string]func(body string) (time.Time, error){
	Halyk: func(body string) (time.Time, error) {
		return time.Parse("2006-01-02T15:04:05.000000-07:00", first(body, `"createdDate":"([^"]+)"`))
	},
	Uapay: func(body string) (time.Time, error) {
		iat, _ := payload(body)["iat"].(float64)
		return time.Unix(int64(iat), 0), nil
	},
	Ecommpay: func(body string) (time.Time, error) {
		return time.Parse("2006-01-02T15:04:05-0700", first(body, `"created_date":"([^"]+)"`))
	},
}

func first(text, pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

func TestSandbox_ClockStepped_PutsTheTimesOfAnswersOff_AndNothingElse(t *testing.T) {
	for _, provider := range Providers() {
		for _, clock := range []time.Duration{3 * time.Hour, -26 * time.Hour} {
			inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
				dates := &dateReader{next: c.http.Transport}
				c.http.Transport = dates
				p := mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
				_, right, err := c.ask(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				stepped := lasting(provider, ClockStepped, time.Hour)
				stepped.Clock = clock
				mustTrouble(t, s, stepped)
				_, body, err := c.ask(t.Context(), p)
				if got := lastAsk(s); err != nil || got.Told != Charged || got.Fault != string(ClockStepped) || got.HTTPStatus != 200 {
					t.Fatalf("%s: %+v, %v", provider, got, err)
				}
				if off := time.Until(dates.date).Round(time.Minute); off != clock {
					t.Errorf("%s: the Date is off by %v, want %v", provider, off, clock)
				}
				read := timesOf[provider]
				if read == nil {
					return
				}
				was, errWas := read(right)
				is, errIs := read(body)
				if errWas != nil || errIs != nil || is.Sub(was) != clock {
					t.Errorf("%s: %v became %v, want off by %v (%v, %v)", provider, was, is, clock, errWas, errIs)
				}
			})
		}
	}
}

// dateReader remembers the last answer's Date.
type dateReader struct {
	next http.RoundTripper
	date time.Time
}

func (d *dateReader) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := d.next.RoundTrip(r)
	if err == nil {
		d.date, _ = http.ParseTime(res.Header.Get("Date"))
	}
	return res, err
}
