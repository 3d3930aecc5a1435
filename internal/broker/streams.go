package broker

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ProvisionOptions say what Provision makes and demands.
type ProvisionOptions struct {
	// StatusRetention is how long changes (and references, and created events
	// where the stream is made by us) are kept; default 90 days. The last change is a payment's
	// state, so it must exceed LongestWatch.
	StatusRetention time.Duration
	// LogRetention is how long webhook records are kept; default 30 days.
	LogRetention time.Duration
	// DeadRetention is how long dead letters are kept; default 1 year.
	DeadRetention time.Duration
	// Replicas of created streams; 0 takes those of Options.
	Replicas int
	// LongestWatch is the longest time a payment is polled after its last change.
	LongestWatch time.Duration
	// Patience is how long a cluster is asked again before a stream that it says
	// it does not know is created: a meta leader that has just changed does not
	// know all streams at once. 0 means 30 s. A single server is believed at once.
	Patience time.Duration
}

const day = 24 * time.Hour

func (o ProvisionOptions) withDefaults(replicas int) ProvisionOptions {
	if o.StatusRetention == 0 {
		o.StatusRetention = 90 * day
	}
	if o.LogRetention == 0 {
		o.LogRetention = 30 * day
	}
	if o.DeadRetention == 0 {
		o.DeadRetention = 365 * day
	}
	if o.Replicas == 0 {
		o.Replicas = replicas
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	return o
}

// definitions are the streams as we create them, in this order.
func definitions(o ProvisionOptions) []jetstream.StreamConfig {
	log := func(name, what, subject string, age time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Description: what, Subjects: []string{subject}, MaxAge: age,
			Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage, Replicas: o.Replicas,
			// No limits but age: what is full drops the oldest silently.
			MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
			// Any replica answers a direct read, and it may be behind.
			AllowDirect: false,
		}
	}
	work := log(StreamWork, "timers of the reconciler and what they made due", FilterTimers, 0)
	work.Subjects = []string{FilterTimers, FilterDue}
	work.Retention = jetstream.WorkQueuePolicy
	work.AllowMsgSchedules = true
	work.AllowRollup = true // a timer replaces the one before it by rolling up its subject
	// As long as a payment's state: what is known of it is worth a hint. The
	// subject says everything, so a second entry says nothing more.
	references := log(StreamReferences, "which payment a provider's callback is about", FilterReferences, o.StatusRetention)
	references.MaxMsgsPerSubject = 1
	return []jetstream.StreamConfig{
		log(StreamPayments, "payments created, as upstream published them", FilterCreated, o.StatusRetention),
		log(StreamStatus, "every change of a payment's status; the last one is its state", FilterStatus, o.StatusRetention),
		work,
		log(StreamWebhookLog, "one record per webhook attempt", FilterWebhookLog, o.LogRetention),
		log(StreamDead, "what could not be handled, whole, with the reason", FilterDead, o.DeadRetention),
		references,
	}
}
