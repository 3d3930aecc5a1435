package payment_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"reconciler/internal/payment"
)

// inMinor is money that the test knows to be valid.
func inMinor(t *testing.T, minor int64, currency string) payment.Money {
	t.Helper()
	m, err := payment.MinorMoney(minor, currency)
	if err != nil {
		t.Fatalf("MinorMoney(%d, %q): %v", minor, currency, err)
	}
	return m
}

// wantMoneyError checks that err is a *payment.MoneyError about field with
// problem in its words.
func wantMoneyError(t *testing.T, err error, field, problem string) {
	t.Helper()
	var fault *payment.MoneyError
	if !errors.As(err, &fault) {
		t.Fatalf("got error %v, want a *MoneyError", err)
	}
	if fault.Field != field || !strings.Contains(fault.Problem, problem) {
		t.Errorf("got %q %q, want %q with %q", fault.Field, fault.Problem, field, problem)
	}
	if want := fault.Field + " " + fault.Problem; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err.Error(), want)
	}
}

func TestParseMoney_Reads(t *testing.T) {
	for _, c := range []struct {
		name, amount, currency string
		minor                  int64
		shown                  string
	}{
		{"all decimals", "33.00", "USD", 3300, "33.00"},
		{"no decimals", "33", "USD", 3300, "33.00"},
		{"fewer decimals", "33.5", "USD", 3350, "33.50"},
		{"nothing", "0", "USD", 0, "0.00"},
		{"nothing with decimals", "0.00", "USD", 0, "0.00"},
		{"the smallest unit", "0.01", "USD", 1, "0.01"},
		{"leading zeros", "007.10", "USD", 710, "7.10"},
		{"no cents", "500", "JPY", 500, "500"},
		{"three decimals", "1.234", "KWD", 1234, "1.234"},
		{"four decimals", "1.2345", "CLF", 12345, "1.2345"},
		{"what a float can't hold", "0.29", "EUR", 29, "0.29"},
		{"beyond a float's digits", "90071992547409.93", "EUR", 9007199254740993, "90071992547409.93"},
		{"the most there is", "92233720368547758.07", "EUR", math.MaxInt64, "92233720368547758.07"},
		{"the most there is, without cents", "9223372036854775807", "JPY", math.MaxInt64, "9223372036854775807"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := payment.ParseMoney(c.amount, c.currency)
			if err != nil {
				t.Fatal(err)
			}
			if m != inMinor(t, c.minor, c.currency) || m.Minor() != c.minor || m.Currency() != c.currency || !m.Known() || m.IsZero() {
				t.Errorf("got %d %q, want %d %q", m.Minor(), m.Currency(), c.minor, c.currency)
			}
			if m.Amount() != c.shown || m.String() != c.shown+" "+c.currency {
				t.Errorf("shown as %q and %q, want %q", m.Amount(), m, c.shown)
			}
		})
	}
}

func TestParseMoney_Refuses(t *testing.T) {
	for _, c := range []struct{ name, amount, currency, field, problem string }{
		{"no amount", "", "USD", "amount", "is empty"},
		{"negative", "-1.00", "USD", "amount", "is negative"},
		{"plus sign", "+1.00", "USD", "amount", "digits and one dot only"},
		{"exponent", "1e2", "USD", "amount", "digits and one dot only"},
		{"comma", "1,00", "USD", "amount", "digits and one dot only"},
		{"thousands", "1 000", "USD", "amount", "digits and one dot only"},
		{"underscore", "1_000", "USD", "amount", "digits and one dot only"},
		{"white space around", " 1.00", "USD", "amount", "digits and one dot only"},
		{"line break", "1.00\n", "USD", "amount", "digits and one dot only"},
		{"two dots", "1.0.0", "USD", "amount", "digits and one dot only"},
		{"dot first", ".50", "USD", "amount", "digits and one dot only"},
		{"dot last", "1.", "USD", "amount", "digits and one dot only"},
		{"dot alone", ".", "USD", "amount", "digits and one dot only"},
		{"hexadecimal", "0x10", "USD", "amount", "digits and one dot only"},
		{"words", "NaN", "USD", "amount", "digits and one dot only"},
		{"other digits", "١٢", "USD", "amount", "digits and one dot only"},
		{"sign inside", "1-1", "USD", "amount", "digits and one dot only"},
		{"NUL", "1\x00", "USD", "amount", "digits and one dot only"},
		{"over-precise", "33.001", "USD", "amount", "has more than the 2 decimals of USD"},
		{"over-precise by zeros", "33.000", "USD", "amount", "has more than the 2 decimals of USD"},
		{"decimals without minor units", "33.0", "JPY", "amount", "has more than the 0 decimals of JPY"},
		{"21 characters", "000000000000000001.00", "USD", "amount", "is longer than 20 characters"},
		{"one more than there is", "92233720368547758.08", "USD", "amount", "is out of range"},
		{"twenty digits", "99999999999999999999", "JPY", "amount", "is out of range"},
		{"no currency", "1.00", "", "currency", "is not an ISO 4217 code"},
		{"no such currency", "1.00", "ABC", "currency", "is not an ISO 4217 code"},
		{"lower case", "1.00", "usd", "currency", "is not an ISO 4217 code"},
		{"gold", "1", "XAU", "currency", "is not an ISO 4217 code"},
		{"number for code", "1.00", "840", "currency", "is not an ISO 4217 code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := payment.ParseMoney(c.amount, c.currency)
			wantMoneyError(t, err, c.field, c.problem)
			if m.Known() {
				t.Errorf("got %s beside the error", m)
			}
		})
	}
}

func TestDecimalMoney(t *testing.T) {
	for _, c := range []struct {
		name     string
		amount   decimal.Decimal
		currency string
		minor    int64
		field    string // of the error; empty for none
		problem  string
	}{
		{"cents", decimal.RequireFromString("33.05"), "USD", 3305, "", ""},
		{"zeros beyond the cents", decimal.RequireFromString("33.0500"), "USD", 3305, "", ""},
		{"zero", decimal.Decimal{}, "USD", 0, "", ""},
		{"exponent above zero", decimal.New(5, 3), "JPY", 5000, "", ""},
		{"the most there is", decimal.New(math.MaxInt64, -2), "USD", math.MaxInt64, "", ""},
		{"one more", decimal.New(math.MaxInt64, -2).Add(decimal.New(1, -2)), "USD", 0, "amount", "is out of range"},
		{"part of a cent", decimal.RequireFromString("33.055"), "USD", 0, "amount", "has more than the 2 decimals of USD"},
		{"part of a yen", decimal.RequireFromString("0.5"), "JPY", 0, "amount", "has more than the 0 decimals of JPY"},
		{"negative", decimal.RequireFromString("-0.01"), "USD", 0, "amount", "is negative"},
		{"large exponent", decimal.New(1, 19), "JPY", 0, "amount", "is out of range"},
		{"huge exponent", decimal.New(1, math.MaxInt32), "USD", 0, "amount", "is out of range"},
		{"tiny exponent", decimal.New(1, math.MinInt32), "USD", 0, "amount", "is out of range"},
		{"gold", decimal.New(1, 0), "XAU", 0, "currency", "is not an ISO 4217 code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := payment.DecimalMoney(c.amount, c.currency)
			if c.field != "" {
				wantMoneyError(t, err, c.field, c.problem)
				return
			}
			if err != nil || m != inMinor(t, c.minor, c.currency) {
				t.Errorf("got %s, %v; want %d", m, err, c.minor)
			}
		})
	}
}

func TestMinorMoney_Refuses(t *testing.T) {
	_, err := payment.MinorMoney(-1, "USD")
	wantMoneyError(t, err, "amount", "is negative")
	_, err = payment.MinorMoney(1, "XXX")
	wantMoneyError(t, err, "currency", "is not an ISO 4217 code")
}

func TestMoney_AbsentIsNotNothing(t *testing.T) {
	var absent payment.Money
	none := inMinor(t, 0, "USD")
	if absent.Known() || !absent.IsZero() || absent == none || !none.Known() || none.IsZero() {
		t.Error("absent money and no money are not told apart")
	}
	if absent.Amount() != "" || absent.Currency() != "" || absent.String() != "no amount" {
		t.Errorf("absent money shows as %q %q %q", absent.Amount(), absent.Currency(), absent)
	}
}

func TestMoney_Less(t *testing.T) {
	one, two, euro := inMinor(t, 1, "USD"), inMinor(t, 2, "USD"), inMinor(t, 2, "EUR")
	var absent payment.Money
	for _, c := range []struct {
		name string
		a, b payment.Money
		want bool
	}{
		{"smaller", one, two, true},
		{"bigger", two, one, false},
		{"equal", two, two, false},
		{"another currency", one, euro, false},
		{"absent on the left", absent, two, false},
		{"absent on the right", one, absent, false},
		{"both absent", absent, absent, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.a.Less(c.b); got != c.want {
				t.Errorf("%s less than %s: %t", c.a, c.b, got)
			}
		})
	}
}

func TestMoney_PlusAndMinus(t *testing.T) {
	const most = math.MaxInt64
	usd := func(minor int64) payment.Money { return inMinor(t, minor, "USD") }
	for _, c := range []struct {
		name    string
		do      func(payment.Money, payment.Money) (payment.Money, error)
		a, b    payment.Money
		want    payment.Money
		field   string // of the error; empty for none
		problem string
	}{
		{"plus", payment.Money.Plus, usd(3300), usd(5), usd(3305), "", ""},
		{"plus nothing", payment.Money.Plus, usd(most), usd(0), usd(most), "", ""},
		{"plus up to the most", payment.Money.Plus, usd(most - 1), usd(1), usd(most), "", ""},
		{"plus beyond the most", payment.Money.Plus, usd(most), usd(1), payment.Money{}, "amount", "is out of range"},
		{"the most twice", payment.Money.Plus, usd(most), usd(most), payment.Money{}, "amount", "is out of range"},
		{"plus another currency", payment.Money.Plus, usd(1), inMinor(t, 1, "EUR"), payment.Money{}, "currency", "differs: USD and EUR"},
		{"plus absent", payment.Money.Plus, usd(1), payment.Money{}, payment.Money{}, "currency", "differs"},
		{"minus", payment.Money.Minus, usd(3300), usd(5), usd(3295), "", ""},
		{"minus all", payment.Money.Minus, usd(most), usd(most), usd(0), "", ""},
		{"minus more than there is", payment.Money.Minus, usd(4), usd(5), payment.Money{}, "amount", "is negative"},
		{"minus another currency", payment.Money.Minus, usd(1), inMinor(t, 1, "EUR"), payment.Money{}, "currency", "differs: USD and EUR"},
		{"absent minus", payment.Money.Minus, payment.Money{}, usd(0), payment.Money{}, "currency", "differs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.do(c.a, c.b)
			if c.field != "" {
				wantMoneyError(t, err, c.field, c.problem)
			} else if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestMoney_JSONRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name  string
		money payment.Money
		json  string
	}{
		{"cents", inMinor(t, 3300, "USD"), `{"amount":"33.00","minor":3300,"currency":"USD"}`},
		{"yen", inMinor(t, 500, "JPY"), `{"amount":"500","minor":500,"currency":"JPY"}`},
		{"fils", inMinor(t, 5, "KWD"), `{"amount":"0.005","minor":5,"currency":"KWD"}`},
		{"nothing", inMinor(t, 0, "EUR"), `{"amount":"0.00","minor":0,"currency":"EUR"}`},
		{"the most there is", inMinor(t, math.MaxInt64, "CLF"), `{"amount":"922337203685477.5807","minor":9223372036854775807,"currency":"CLF"}`},
		{"absent", payment.Money{}, `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.money)
			if err != nil || string(text) != c.json {
				t.Fatalf("got %s, %v; want %s", text, err, c.json)
			}
			back := inMinor(t, 1, "UAH") // so that null is seen to empty it
			if err := json.Unmarshal(text, &back); err != nil || back != c.money {
				t.Errorf("read back as %s, %v", back, err)
			}
		})
	}
}

func TestMoney_UnmarshalJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"minor units of another amount": `{"amount":"33.00","minor":33,"currency":"USD"}`,
		"no minor units":                `{"amount":"33.00","currency":"USD"}`,
		"minor units as text":           `{"amount":"33.00","minor":"3300","currency":"USD"}`,
		"minor units with a fraction":   `{"amount":"33.00","minor":3300.5,"currency":"USD"}`,
		"minor units out of range":      `{"amount":"33.00","minor":92233720368547758070,"currency":"USD"}`,
		"amount as a number":            `{"amount":33.00,"minor":3300,"currency":"USD"}`,
		"negative":                      `{"amount":"-33.00","minor":-3300,"currency":"USD"}`,
		"no such currency":              `{"amount":"33.00","minor":3300,"currency":"ABC"}`,
		"nothing in it":                 `{}`,
		"a string":                      `"33.00 USD"`,
		"a list":                        `[3300,"USD"]`,
	} {
		t.Run(name, func(t *testing.T) {
			m := inMinor(t, 1, "UAH")
			if err := json.Unmarshal([]byte(text), &m); err == nil {
				t.Errorf("read as %s", m)
			}
			if m != inMinor(t, 1, "UAH") {
				t.Errorf("a refused text left %s", m)
			}
		})
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range [][2]string{
		{"33.00", "USD"}, {"0.005", "KWD"}, {"500", "JPY"}, {"1.2345", "CLF"}, {"92233720368547758.07", "EUR"},
		{"007.1", "UAH"}, {"-1", "USD"}, {"1e9", "USD"}, {"1.", "USD"}, {".5", "USD"}, {"99999999999999999999", "JPY"},
		{"1", "XAU"}, {"", ""}, {"1", "usd"}, {"33.001", "USD"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := payment.ParseMoney(amount, currency)
		if err != nil {
			var fault *payment.MoneyError
			if !errors.As(err, &fault) || m.Known() {
				t.Fatalf("refused with %v and %s", err, m)
			}
			return
		}
		if !m.Known() || m.Currency() != currency || m.Minor() < 0 {
			t.Fatalf("%q %q read as %d %q", amount, currency, m.Minor(), m.Currency())
		}
		if back, err := payment.ParseMoney(m.Amount(), currency); err != nil || back != m {
			t.Fatalf("%q is shown as %q, which reads as %s, %v", amount, m.Amount(), back, err)
		}
		if !decimal.RequireFromString(amount).Equal(decimal.RequireFromString(m.Amount())) {
			t.Fatalf("%q is shown as %q", amount, m.Amount())
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back payment.Money
		if err := json.Unmarshal(text, &back); err != nil || back != m {
			t.Fatalf("%s reads as %s, %v", text, back, err)
		}
	})
}
