package config

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/secret"
)

func (c *Config) checkWebhooks(d *decoder) {
	for _, f := range c.schedule().Check() {
		d.at("webhooks.schedule"+strings.TrimPrefix(f.Field, "attempts"), f.Found, f.Wanted)
	}
	if d.given["webhooks.allow_ports"] && len(c.Webhooks.AllowPorts) == 0 {
		d.at("webhooks.allow_ports", "an empty list", "at least one port, or no allow_ports, which allows all")
	}
	c.checkLimits(d)
	c.checkProxy(d)
	c.checkStore(d)
}

// checkLimits compares the parts of an attempt with the whole of it: a part that can
// never run out says less about what went wrong.
func (c *Config) checkLimits(d *decoder) {
	w := c.Webhooks
	whole := cmp.Or(w.TimeLimit, webhook.DefaultTimeLimit)
	connect := cmp.Or(w.ConnectLimit, min(webhook.DefaultConnectLimit, whole))
	tls := cmp.Or(w.TLSLimit, connect)
	if connect+tls+w.HeaderLimit <= whole || d.refused["webhooks.time_limit"] {
		return
	}
	for _, part := range []string{"header_limit", "tls_limit", "connect_limit"} {
		if path := "webhooks." + part; d.given[path] {
			found := length(connect) + " to connect, " + length(tls) + " for TLS, " + length(w.HeaderLimit) + " for the header"
			d.at(path, found, "at most "+length(whole)+" in all, webhooks.time_limit; tls_limit is as long as connect_limit where it is left out")
			return
		}
	}
}

func (c *Config) checkProxy(d *decoder) {
	const at = "webhooks.proxy"
	p := c.Webhooks.Proxy
	if !d.given[at] || d.refused[at] {
		return
	}
	if p.URL == "" && !d.refused[at+".url"] {
		d.at(at+".url", "nothing", "http:// or https:// with a host and a port, or no webhooks.proxy, which sends directly")
	}
	if (webhook.Proxy{URL: p.URL}).Check() != nil {
		d.at(at+".url", "something else", "http:// or https:// with a host and a port, and nothing else")
	}
	if (webhook.Proxy{URL: "http://proxy:1", User: p.User}).Check() != nil {
		d.at(at+".user", "a colon or a character that is not printable", "a name without a colon in printable ASCII")
	}
	if p.User == "" && !p.Password.IsZero() {
		d.at(at+".user", "nothing", "the user whose password is given")
	}
}

// checkStore checks the keys of endpoints made at run time.
func (c *Config) checkStore(d *decoder) {
	const list = "webhooks.store.keys"
	if d.given["webhooks.store"] && !d.refused["webhooks.store"] && !d.refused[list] && len(c.Webhooks.Store.Keys) == 0 {
		d.at(list, "no key", "at least one, or no webhooks.store, which turns endpoints at run time off")
	}
	seen := map[string]bool{}
	for i, k := range c.Webhooks.Store.Keys {
		path := item(list, i)
		for _, problem := range (endpoint.Key{ID: k.ID, Value: k.Value}).Check() {
			switch {
			case errors.Is(problem, endpoint.ErrKeyID):
				d.at(path+".id", missingOr(d.given[path+".id"], "something else"), "1 to 32 characters of a-z, 0-9, _ and -")
			case errors.Is(problem, endpoint.ErrKeyValue):
				d.at(path+".value", missingOr(d.given[path+".value"], "something else"), "standard base64 of 32 bytes, such as `openssl rand -base64 32` prints")
			}
		}
		if k.ID != "" && seen[k.ID] {
			d.at(path+".id", "an id that another key has", "another id: what a key sealed names it")
		}
		seen[k.ID] = true
	}
}

func missingOr(given bool, otherwise string) string {
	if given {
		return otherwise
	}
	return "nothing"
}

func (c *Config) checkEndpoints(d *decoder) {
	for i, e := range c.Endpoints {
		path := item("endpoints", i)
		made := notify.Endpoint{
			ID: e.ID, Merchant: e.Merchant, URL: e.URL, AllowHTTP: c.Webhooks.AllowHTTP, Events: e.Events,
			Secrets: e.Secrets, Headers: e.headers(), Format: notify.Format(e.Format), Schedule: e.Schedule,
			Client: webhook.ClientCertificate{
				Chain: c.pem(d, path+".certificate_file", e.CertificateFile), Key: c.pem(d, path+".key_file", e.KeyFile),
			},
			CAs:         c.pem(d, path+".ca_file", e.CAFile),
			Concurrency: e.Concurrency, Rate: e.Rate, Disabled: e.Disabled,
		}.WithDefaults()
		checkEndpoint(d, path, made)
		c.checkValidity(d, path, made)
		for _, other := range c.endpoints {
			if made.ID != "" && other.Merchant == made.Merchant && other.ID == made.ID {
				d.at(path+".id", "an id that another endpoint of this merchant has", "another id")
				break
			}
		}
		c.endpoints = append(c.endpoints, made)
	}
}

func checkEndpoint(d *decoder, path string, e notify.Endpoint) {
	if plain(e) { // said here, because the setting that allows it is one for all endpoints
		d.at(path+".url", "a plain http address", "https, or webhooks.allow_http for trials")
		e.AllowHTTP = true
	}
	// The worker gives each endpoint a guard, which has its own idea of a rate.
	o := guard.Defaults()
	o.Rate = e.Rate
	for _, f := range o.Check() {
		d.refuse(join(path, f.Field), f.Found, f.Wanted)
	}
	for _, f := range e.Check() {
		field := join(path, f.Field)
		if d.refused[field+".name"] || d.refused[field+".value"] { // of a header: it was said there
			continue
		}
		found, wanted := phrase(f.Problem, d.given[field])
		if f.Field == "merchant" {
			wanted = "the merchant_id of created events: " + wantedID
		}
		d.at(field, found, wanted)
	}
	if d.given[path+".events"] && len(e.Events) == 0 {
		d.at(path+".events", "an empty list", "payment.* for all, types such as payment.succeeded, or disabled: true")
	}
	if d.given[path+".schedule"] && len(e.Schedule) == 0 {
		d.at(path+".schedule", "an empty list", "at least one delay, or no schedule, which takes webhooks.schedule")
	}
}

func (e Endpoint) headers() []webhook.Header {
	var headers []webhook.Header
	for _, h := range e.Headers {
		headers = append(headers, webhook.Header(h))
	}
	return headers
}

// pem reads a file with certificates or a key. No fault repeats what is in it, nor
// its name: PEM in the place of the name is as likely a mistake.
func (c *Config) pem(d *decoder, path, name string) secret.Text {
	if name == "" || d.refused[path] {
		return secret.Text{}
	}
	text, problem := Lookup{Dir: c.dir}.readSecret(name)
	if problem != nil {
		d.refuse(path, problem.Error(), "a file in PEM; relative paths are relative to this file")
		return secret.Text{}
	}
	return secret.New(text)
}

// plain reports whether an endpoint's URL is http where https is demanded.
func plain(e notify.Endpoint) bool {
	u, err := url.Parse(e.URL)
	return err == nil && u.Scheme == "http" && !e.AllowHTTP
}
