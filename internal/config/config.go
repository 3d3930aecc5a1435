package config

import (
	"fmt"
	"net/http"

	"reconciler/internal/broker"
	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/endpoint"
	"reconciler/internal/notify/webhook"
	"reconciler/internal/providers/catalog"
	"reconciler/internal/retry"
	"reconciler/internal/worker"
)

// Config is a file that has passed every check.
type Config struct {
	File

	// dir is what relative paths of files to read are relative to.
	dir       string
	accounts  []account
	endpoints []notify.Endpoint
	// certificates are those that somebody should replace.
	certificates []Certificate
}

// account is a checked account with its provider's decoded settings.
type account struct {
	Account
	entry    catalog.Entry
	settings any
	cadence  retry.Cadence
	guard    guard.Options
}

// schedule is the delays before the attempts of a webhook.
func (c *Config) schedule() retry.Schedule {
	if c.Webhooks.Schedule == nil {
		return retry.Webhooks()
	}
	return c.Webhooks.Schedule
}

// WorkerOptions are the worker's options by this file. The caller adds
// connection, randomness and log. Each account gets a transport of its own.
func (c *Config) WorkerOptions(transport func() http.RoundTripper) (worker.Options, error) {
	o := worker.Options{
		Replicas: c.NATS.Replicas, StatusRetention: c.NATS.StatusRetention,
		LogRetention: c.NATS.LogRetention, DeadRetention: c.NATS.DeadRetention,
		Endpoints: c.endpoints, RunTime: c.EndpointOptions(), Schedule: c.schedule(),
		Webhook:     c.WebhookOptions(),
		ExpiryGrace: c.Watch.ExpiryGrace, FailureDelay: c.Watch.FailureDelay,
		DoubtLooks: c.Watch.Doubt.Looks, DoubtSpan: c.Watch.Doubt.Span,
		Concurrency: c.Worker.Concurrency, AckWait: c.Worker.AckWait, PullWait: c.Worker.PullWait,
		Callbacks: c.Callbacks.Listen != "",
	}
	for _, a := range c.accounts {
		provider, err := a.entry.New(a.settings, transport())
		if err != nil {
			return worker.Options{}, fmt.Errorf("account %q: %w", a.Name, err)
		}
		o.Accounts = append(o.Accounts, worker.Account{
			Name: a.Name, Provider: provider, Cadence: &a.cadence, Floor: a.MinInterval, Guard: a.guard,
		})
	}
	return o, nil
}

// EndpointOptions are the options of the directory of endpoints by this file. The
// caller adds broker and log.
func (c *Config) EndpointOptions() endpoint.Options {
	o := endpoint.Options{Configured: c.endpoints, AllowHTTP: c.Webhooks.AllowHTTP, DisableAfter: c.Webhooks.DisableAfter}
	for _, k := range c.Webhooks.Store.Keys {
		o.Keys = append(o.Keys, endpoint.Key{ID: k.ID, Value: k.Value})
	}
	return o
}

// WebhookOptions are the options of the sender of webhooks by this file.
func (c *Config) WebhookOptions() webhook.Options {
	return webhook.Options{
		Policy:    webhook.Policy{Allow: c.Webhooks.AllowNetworks, Ports: ports(c.Webhooks.AllowPorts)},
		TimeLimit: c.Webhooks.TimeLimit, ConnectLimit: c.Webhooks.ConnectLimit, TLSLimit: c.Webhooks.TLSLimit,
		HeaderLimit: c.Webhooks.HeaderLimit, Concurrency: c.Worker.Concurrency,
		Proxy: webhook.Proxy{URL: c.Webhooks.Proxy.URL, User: c.Webhooks.Proxy.User, Password: c.Webhooks.Proxy.Password},
	}
}

func ports(all []int) []uint16 {
	made := make([]uint16, len(all))
	for i, p := range all {
		made[i] = uint16(p) // 1 to 65535: checked
	}
	return made
}

// ConnectOptions are how to reach nats.url. name is what the server calls the
// connection.
func (c *Config) ConnectOptions(name string) broker.ConnectOptions {
	n, files := c.NATS, Lookup{Dir: c.dir}
	return broker.ConnectOptions{
		URL: n.URL, Name: name, CredentialsFile: files.resolve(n.CredentialsFile), NKeyFile: files.resolve(n.NKeyFile),
		User: n.User, Password: n.Password, Token: n.Token,
		TLS: broker.TLSOptions{
			CAFile: files.resolve(n.TLS.CAFile), CertFile: files.resolve(n.TLS.CertFile), KeyFile: files.resolve(n.TLS.KeyFile),
		},
	}
}
