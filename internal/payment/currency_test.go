package payment

import (
	"testing"
	"time"
)

func TestExponent(t *testing.T) {
	for _, c := range []struct {
		code     string
		exponent int
		ok       bool
	}{
		// CLDR names other digits for most of these.
		{"PKR", 2, true}, {"UZS", 2, true}, {"RSD", 2, true}, {"HUF", 2, true}, {"IQD", 3, true},
		{"JPY", 0, true}, {"UGX", 0, true}, {"KWD", 3, true}, {"CLF", 4, true},
		// The currencies of the providers' home markets.
		{"EUR", 2, true}, {"USD", 2, true}, {"KZT", 2, true}, {"UAH", 2, true}, {"KGS", 2, true},
		// First and last of the table.
		{"AED", 2, true}, {"ZWG", 2, true},
		// On the list without minor units.
		{"XAU", 0, false}, {"XDR", 0, false}, {"XTS", 0, false}, {"XXX", 0, false},
		{"DEM", 0, false}, {"AAA", 0, false}, {"ZZZ", 0, false}, {"", 0, false},
		{"usd", 0, false}, {"USd", 0, false}, {" USD", 0, false}, {"USDT", 0, false}, {"840", 0, false},
	} {
		t.Run("code="+c.code, func(t *testing.T) {
			if exponent, ok := Exponent(c.code); exponent != c.exponent || ok != c.ok {
				t.Errorf("Exponent(%q) = %d, %t; want %d, %t", c.code, exponent, ok, c.exponent, c.ok)
			}
		})
	}
}

func TestCurrencyByNumber(t *testing.T) {
	for _, c := range []struct {
		number string
		code   string
	}{
		{"980", "UAH"}, {"398", "KZT"}, {"840", "USD"}, {"978", "EUR"}, {"008", "ALL"},
		{"8", ""}, {"0980", ""}, {"999", ""}, {"959", ""}, {"000", ""}, {"UAH", ""}, {"", ""},
	} {
		t.Run("number="+c.number, func(t *testing.T) {
			if code, ok := CurrencyByNumber(c.number); code != c.code || ok != (c.code != "") {
				t.Errorf("CurrencyByNumber(%q) = %q, %t; want %q", c.number, code, ok, c.code)
			}
		})
	}
}

// The look-ups rest on it: the search on the order, the number on being the only one.
func TestCurrencies_AreSortedAndUnique(t *testing.T) {
	numbers := map[string]string{}
	for i, c := range currencies {
		if i > 0 && currencies[i-1].code >= c.code {
			t.Errorf("%s stands before %s", currencies[i-1].code, c.code)
		}
		if exponent, ok := Exponent(c.code); !ok || exponent != c.exponent {
			t.Errorf("Exponent(%q) = %d, %t; the table says %d", c.code, exponent, ok, c.exponent)
		}
		if code, ok := CurrencyByNumber(c.number); !ok || code != c.code {
			t.Errorf("CurrencyByNumber(%q) = %q, %t; the table says %q", c.number, code, ok, c.code)
		}
		numbers[c.number] = c.code
	}
	if len(numbers) != len(currencies) || len(currencies) < 150 {
		t.Errorf("%d numbers for %d currencies", len(numbers), len(currencies))
	}
}

func TestCurrencyListDate_IsADate(t *testing.T) {
	if _, err := time.Parse(time.DateOnly, CurrencyListDate); err != nil {
		t.Error(err)
	}
}

func TestCurrencyLookups_DoNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		Exponent("UAH")
		Exponent("none")
		CurrencyByNumber("980")
		CurrencyByNumber("none")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
