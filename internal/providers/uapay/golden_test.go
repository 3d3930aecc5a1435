package uapay

import (
	"slices"
	"testing"

	"reconciler/internal/providers/providertest"
)

// asking is what a golden case says of the requests.
type asking struct {
	// Requests are the methods to be asked; default: a session, then checkStatus.
	Requests []string `json:"requests"`
}

func goldens(t testing.TB) []providertest.Golden[asking] {
	t.Helper()
	return providertest.Goldens[asking](t, 47)
}

func TestPoll_ReadsGoldenAnswersOverHTTP(t *testing.T) {
	for _, g := range goldens(t) {
		for _, form := range []string{"plain", "signed"} {
			t.Run(g.Name+" "+form, func(t *testing.T) {
				server := &fake{wrap: form == "signed", answer: always(string(g.Body))}
				got, err := providertest.Poll(t, overHTTP(t, server), g.Query())
				g.Check(t, mappingVersion, got, err)
				want := g.Case.Requests
				if want == nil {
					want = []string{"sessions/create", "invoicer/payments/checkStatus"}
				}
				if asked := server.asked(); !slices.Equal(asked, want) {
					t.Errorf("asked %v, want %v", asked, want)
				}
			})
		}
	}
}

// personal are values of the samples that must never leave the adapter.
var personal = []string{
	"Fb64oESWzABBCf9fjbBsPKJyhxFfW7V6xCATquk3R46P", "eJxVUtFu2zAMfM5fGP0AS7JjWwlUAVmDrcHm1ugcDNnLYChE425RXMne0nx9STkpMgGCSd6JNI9U9c4BLL",
	"ukrsotsbank", "XAFO8XZ_Fa-UpxbzASJniw", "api.zero.uapay.ua", "4444444444", "4444443333", "c0eb5ebd", "Q1URF9TQMKDE",
	"test@uapay.ua", "test@ukr.net", "shop.example", "receipts", "Shevchenko", "test payment",
}

func TestPoll_LetsNoPersonalValueOut(t *testing.T) {
	providertest.CheckLeaks(t, goldens(t), personal, func(g providertest.Golden[asking], body []byte) []any {
		got, err := overHTTP(t, &fake{answer: always(string(body))}).Poll(t.Context(), g.Query())
		return []any{got, err}
	})
}
