package config

import (
	"cmp"
	"strings"
	"time"

	"reconciler/internal/guard"
	"reconciler/internal/payment"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/retry"
)

// wantedID is payment.CheckID's rule.
const wantedID = "1 to 128 bytes of text without control characters"

func (c *Config) checkAccounts(d *decoder, base retry.Cadence) {
	if len(c.Accounts) == 0 {
		d.at("accounts", "none", "at least one account: nothing could be polled")
	}
	seen := map[string]bool{}
	for i, a := range c.Accounts {
		path := item("accounts", i)
		if problem := payment.CheckID(a.Name); problem != "" {
			found, _ := phrase(problem, d.given[path+".name"])
			d.at(path+".name", found, "the name by which created events call this account: "+wantedID)
		} else if seen[a.Name] {
			d.at(path+".name", "a name that another account has", "another name")
		}
		seen[a.Name] = true
		c.accounts = append(c.accounts, checkAccount(d, path, a, base))
	}
}

// checkAccount checks one account and decodes its provider's settings.
func checkAccount(d *decoder, path string, a Account, base retry.Cadence) account {
	made := account{Account: a, cadence: a.Cadence.over(base), guard: a.protection()}
	// Over the defaults, not the base: the base's faults are told at the base.
	checkCadence(d, path+".cadence", a.Cadence.over(retry.Default()))
	checkGuard(d, path, made)
	entry, ok := catalog.Find(a.Provider)
	if !ok {
		oneOf(d, path+".provider", a.Provider, providerNames()...)
		return made
	}
	made.entry, made.settings = entry, entry.Settings()
	d.settings(a.Settings, made.settings)
	for _, f := range entry.Check(made.settings) {
		field := join(path+".settings", f.Field)
		found, wanted := phrase(f.Problem, d.given[field])
		d.at(field, found, wanted)
	}
	return made
}

func providerNames() []string {
	var names []string
	for _, e := range catalog.All() {
		names = append(names, e.Name)
	}
	return names
}

func checkGuard(d *decoder, path string, a account) {
	for _, f := range a.guard.Check() {
		d.at(path+guardField(f.Field), f.Found, f.Wanted)
	}
	if d.given[path+".limits.burst"] && a.guard.Rate == 0 {
		d.at(path+".limits.burst", "a burst without a rate", "limits.rate beside it")
	}
	first, longest := path+".breaker.reopen_first", path+".breaker.reopen_longest"
	if f, l := a.reopenTimes(); f > l {
		where := first
		if d.given[longest] {
			where = longest
		}
		d.at(where, "reopen_first "+length(f)+" above reopen_longest "+length(l), "reopen_longest to be the longer one")
	}
	if o := a.guard; o.Ratio == 0 && (d.given[path+".breaker.min_requests"] || d.given[path+".breaker.window"]) {
		d.at(path+".breaker.ratio", "0 (off) beside min_requests or window", "a ratio, or neither of the two")
	}
}

// guardField is where an option of the guard stands in an account.
func guardField(field string) string {
	switch {
	case field == "rate", field == "burst", field == "concurrency", field == "time_limit":
		return ".limits." + field
	case strings.HasPrefix(field, "reopen"):
		return ".breaker.reopen_first"
	}
	return ".breaker." + field
}

// protection is the guard of an account: the package's defaults and what the
// file sets.
func (a Account) protection() guard.Options {
	o := guard.Defaults()
	o.Rate = a.Limits.Rate
	o.Burst = cmp.Or(a.Limits.Burst, max(int(min(a.Limits.Rate, 1e6)), 1))
	o.Concurrency = cmp.Or(a.Limits.Concurrency, o.Concurrency)
	o.TimeLimit = cmp.Or(a.Limits.TimeLimit, o.TimeLimit)
	b := a.Breaker
	if b.Consecutive != nil {
		o.Consecutive = count(*b.Consecutive)
	}
	if b.Ratio != nil {
		o.Ratio = *b.Ratio
	}
	o.MinRequests = cmp.Or(count(b.MinRequests), o.MinRequests)
	o.Window = cmp.Or(b.Window, o.Window)
	if b.Ramp != nil {
		o.Ramp = *b.Ramp
	}
	if first, longest := a.reopenTimes(); b.ReopenFirst > 0 || b.ReopenLongest > 0 {
		o.Reopen = retry.Growth(first, max(first, longest), 2)
	}
	return o
}

// reopenTimes are the first and the longest time that a tap stays closed.
func (a Account) reopenTimes() (first, longest time.Duration) {
	usual := guard.Defaults().Reopen
	return cmp.Or(a.Breaker.ReopenFirst, usual[0]), cmp.Or(a.Breaker.ReopenLongest, usual[len(usual)-1])
}

// count makes a whole number what the guard takes; numbers out of range have
// been refused before.
func count(n int) uint32 { return uint32(min(max(n, 0), 1<<31)) }
