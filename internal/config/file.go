package config

import (
	"time"

	"reconciler/internal/secret"
)

// File is the configuration file. Each field's comment says unit, default and
// what goes wrong when it is set badly; configs/reconciler.yaml shows them all.
//
// Relative paths of files to read (secrets, credentials, certificates) are
// relative to the configuration file; DataDir is relative to the working folder.
type File struct {
	NATS      NATS       `yaml:"nats"`
	Log       Log        `yaml:"log"`
	Worker    Worker     `yaml:"worker"`
	Watch     Watch      `yaml:"watch"`
	Webhooks  Webhooks   `yaml:"webhooks"`
	Callbacks Callbacks  `yaml:"callbacks"`
	Health    Health     `yaml:"health"`
	Accounts  []Account  `yaml:"accounts"`
	Endpoints []Endpoint `yaml:"endpoints"`
}

// NATS says where the broker is.
type NATS struct {
	// URL of a server or, comma-separated, of a cluster's; empty: the broker is
	// embedded in the worker.
	URL string `yaml:"url"`
	// DataDir holds the embedded broker's store; default "data". Losing it loses
	// every timer and every status.
	DataDir string `yaml:"data_dir"`
	// Listen is the loopback address on which the embedded broker takes clients
	// of this machine; empty: none. They need the token in DataDir.
	Listen string `yaml:"listen"`
	// Ways to log in at URL; at most one.
	CredentialsFile string      `yaml:"credentials_file"`
	NKeyFile        string      `yaml:"nkey_file"`
	User            string      `yaml:"user"`
	Password        secret.Text `yaml:"password"`
	Token           secret.Text `yaml:"token"`
	TLS             TLS         `yaml:"tls"`
	// Replicas of the streams that are created: 1 (default), 3 or 5.
	Replicas int `yaml:"replicas"`
	// How long the streams keep messages; defaults 90d, 30d, 365d. The first must
	// exceed the longest watch: a payment's last event is its state.
	StatusRetention time.Duration `yaml:"status_retention"`
	LogRetention    time.Duration `yaml:"log_retention"`
	DeadRetention   time.Duration `yaml:"dead_retention"`
}

// TLS names PEM files for the connection to NATS.
type TLS struct {
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Log says what is logged, to standard error.
type Log struct {
	// Level is debug, info (default), warn or error. One line per poll is debug.
	Level string `yaml:"level"`
	// Format is json (default) or console, for people.
	Format string `yaml:"format"`
}

// Worker bounds the process.
type Worker struct {
	// Concurrency is how many messages each loop has in hand; default 64.
	Concurrency int `yaml:"concurrency"`
	// AckWait is when a message of a dead or frozen worker is given to another;
	// default 60s. It must exceed every time limit by 5 s.
	AckWait time.Duration `yaml:"ack_wait"`
	// StopLimit is how long a stop waits for the messages in hand; default 20s.
	StopLimit time.Duration `yaml:"stop_limit"`
	// PullWait is how long one pull waits for messages; default 5s.
	PullWait time.Duration `yaml:"pull_wait"`
}

// Watch says how payments are watched where an account says nothing else.
type Watch struct {
	// Cadence by phase; a phase that is left out keeps its default.
	Cadence Cadence `yaml:"cadence"`
	// ExpiryGrace is how long after expires_at "not found" is final; default 1h.
	ExpiryGrace time.Duration `yaml:"expiry_grace"`
	// FailureDelay is the longest wait after a look that was not answered; default 30s.
	FailureDelay time.Duration `yaml:"failure_delay"`
	Doubt        Doubt         `yaml:"doubt"`
}

// Doubt is when a lasting contradiction becomes a review.
type Doubt struct {
	// Looks in a row; default 3.
	Looks int `yaml:"looks"`
	// Span is the least time between the first and the last of them; default 10m.
	Span time.Duration `yaml:"span"`
}

// Cadence is the tables of looks by phase. Nil: left out; empty: not watched,
// which Open and Held can't be.
type Cadence struct {
	Open    []Step `yaml:"open"`
	Held    []Step `yaml:"held"`
	Settled []Step `yaml:"settled"`
	Closed  []Step `yaml:"closed"`
	Parked  []Step `yaml:"parked"`
}

// Step is one row: while the age is below Until, look every Every.
type Step struct {
	Until time.Duration `yaml:"until"`
	Every time.Duration `yaml:"every"`
}

// defaults is what a file may leave out. What is left at zero here has its
// default in the package that owns the option; those set here are read by this
// package too.
func defaults() File {
	return File{
		NATS:   NATS{DataDir: "data", Replicas: 1, StatusRetention: 90 * day},
		Log:    Log{Level: "info", Format: "json"},
		Worker: Worker{AckWait: time.Minute, StopLimit: 20 * time.Second},
	}
}
