package sandbox

import (
	"slices"
	"testing"
	"time"
)

func TestSandbox_Trouble_IsOneProvidersAlone(t *testing.T) {
	kinds := TroubleKinds()
	slices.Sort(kinds)
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, Options{}, func(t *testing.T, s *Sandbox, c *client) {
				made := map[string]Payment{}
				for _, provider := range Providers() {
					made[provider] = mustCreate(t, s, CreateOptions{Provider: provider, Life: "charged_at_once"})
					if _, _, err := c.ask(t.Context(), made[provider]); err != nil { // with a token or session from here on
						t.Fatal(err)
					}
				}
				began := time.Now()
				if err := s.Trouble(Trouble{Provider: Uapay, Kind: kind, From: began, Until: began.Add(time.Minute)}); err != nil {
					t.Fatal(err)
				}
				for range 3 {
					for _, provider := range Providers() {
						_, _, _ = c.ask(t.Context(), made[provider])
						ask := s.Asked()[len(s.Asked())-1]
						inTrouble := provider == Uapay && ask.Arrived.Before(began.Add(time.Minute))
						if ask.Provider != provider || (ask.Told == Charged) == inTrouble || (ask.Fault != "") != inTrouble {
							t.Errorf("in a trouble of uapay, %s told %q: %+v", provider, ask.Told, ask)
						}
					}
				}
				if s.Trouble(Trouble{Provider: "nobody", Kind: kind, Until: began.Add(time.Hour)}) == nil {
					t.Error("a trouble of nobody was taken")
				}
			})
		})
	}
}
