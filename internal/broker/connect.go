package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/secret"
)

// TLSOptions name PEM files. All empty uses TLS only if the URL or the server
// asks for it, with the system's certificates.
type TLSOptions struct {
	CAFile, CertFile, KeyFile string
}

// ConnectOptions say where a NATS server is and who we are. At most one of
// CredentialsFile, NKeyFile, User with Password, and Token is set.
type ConnectOptions struct {
	// URL is one address or several with commas between them; no user name or
	// password belongs into it.
	URL             string
	Name            string
	CredentialsFile string
	NKeyFile        string
	User            string
	Password, Token secret.Text
	TLS             TLSOptions
	// Dialer, if set, opens the sockets.
	Dialer nats.CustomDialer
	// PingInterval is how often an idle connection is tried; default 20 s. A dead
	// server is noticed after three of them.
	PingInterval time.Duration
	// Rand is as in Options.
	Rand func() float64

	inProcess nats.InProcessConnProvider
}

// Connect connects and returns once the server has accepted us. A server that
// can't be reached is tried again until ctx ends; one that refuses us is not.
// Afterwards the connection is kept for ever: it reconnects with growing,
// jittered pauses. While it is cut, publishes fail at once instead of waiting in
// a buffer, from where they would go out late and out of order.
//
// Errors name the setting to look at ("nats.url", "nats.token" ...), never its value.
func Connect(ctx context.Context, o ConnectOptions, log zerolog.Logger) (*nats.Conn, error) {
	if o.Rand == nil {
		o.Rand = systemRand
	}
	if o.PingInterval <= 0 {
		o.PingInterval = pingInterval
	}
	options, err := o.options(log)
	if err != nil {
		return nil, err
	}
	for pace := newPacer("connect to NATS", log, o.Rand); ; {
		conn, err := nats.Connect(o.URL, options...)
		if err == nil {
			return conn, nil
		}
		explained := o.explain(err)
		if !unreachable(err) {
			return nil, explained
		}
		if ended := pace.wait(ctx, explained); ended != nil {
			return nil, ended
		}
	}
}

// Timings of a connection, unless it says otherwise.
const (
	dialTimeout  = 5 * time.Second
	pingInterval = 20 * time.Second
	pingsMissed  = 2
)

func (o ConnectOptions) options(log zerolog.Logger) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(o.Name),
		nats.Timeout(dialTimeout),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(), // a credential that is being renewed must not end the worker
		nats.CustomReconnectDelay(func(attempt int) time.Duration { return reconnectDelay(attempt, o.Rand()) }),
		nats.PingInterval(o.PingInterval),
		nats.MaxPingsOutstanding(pingsMissed),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: we closed it ourselves
				log.Warn().Err(err).Msg("connection to NATS lost")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info().Msg("connected to NATS again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn().Err(err).Msg("NATS reported an error")
		}),
	}
	if o.inProcess != nil {
		return append(options, nats.InProcessServer(o.inProcess), nats.Token(o.Token.Reveal())), nil
	}
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	if o.Dialer != nil {
		options = append(options, nats.SetCustomDialer(o.Dialer))
	}
	identity, err := o.identity()
	if err != nil {
		return nil, err
	}
	encryption, err := o.TLS.options()
	return append(append(options, identity...), encryption...), err
}

// identity gives the option for the one way we prove who we are.
func (o ConnectOptions) identity() ([]nats.Option, error) {
	ways := map[string]bool{
		"nats.credentials_file": o.CredentialsFile != "", "nats.nkey_file": o.NKeyFile != "",
		"nats.user": o.User != "", "nats.token": !o.Token.IsZero(),
	}
	count := 0
	for _, set := range ways {
		if set {
			count++
		}
	}
	switch {
	case count > 1:
		return nil, errors.New("only one of nats.credentials_file, nats.nkey_file, nats.user and nats.token may be set")
	case o.User == "" && !o.Password.IsZero():
		return nil, errors.New("nats.password is set without nats.user")
	case o.CredentialsFile != "":
		if _, err := os.Stat(o.CredentialsFile); err != nil {
			return nil, fmt.Errorf("nats.credentials_file: %w", err)
		}
		return []nats.Option{nats.UserCredentials(o.CredentialsFile)}, nil
	case o.NKeyFile != "":
		option, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey_file: %w", err)
		}
		return []nats.Option{option}, nil
	case o.User != "":
		return []nats.Option{nats.UserInfo(o.User, o.Password.Reveal())}, nil
	case !o.Token.IsZero():
		return []nats.Option{nats.Token(o.Token.Reveal())}, nil
	}
	return nil, nil
}

// options reads every file once, so that a wrong one is an error now; the client
// library reads them again at each connection, so that they may be renewed.
func (t TLSOptions) options() ([]nats.Option, error) {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("nats.tls.cert_file and nats.tls.key_file belong together: one of them is missing")
	}
	options := []nats.Option{nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12})}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("nats.tls.ca_file: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, errors.New("nats.tls.ca_file holds no certificate in PEM form")
		}
		options = append(options, nats.RootCAs(t.CAFile))
	}
	if t.CertFile != "" {
		if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
			return nil, fmt.Errorf("nats.tls.cert_file and nats.tls.key_file: %w", err)
		}
		options = append(options, nats.ClientCert(t.CertFile, t.KeyFile))
	}
	if len(options) == 1 {
		return nil, nil
	}
	return options, nil
}

func checkURL(list string) error {
	if strings.TrimSpace(list) == "" {
		return errors.New("nats.url is empty")
	}
	for _, one := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" {
			return errors.New("nats.url: not an address such as nats://host:4222") // the parser's error repeats the address
		}
		if u.User != nil {
			return errors.New("nats.url holds a user name, password or token: use nats.user, nats.password or nats.token")
		}
	}
	return nil
}

// reconnectDelay is how long to wait after all servers were tried: 100 ms,
// doubling to 5 s, each between half and one and a half of that, so that a fleet
// does not come back all at once.
func reconnectDelay(attempt int, random float64) time.Duration {
	delay := min(100*time.Millisecond<<min(max(attempt-1, 0), 10), 5*time.Second)
	return time.Duration(float64(delay) * (0.5 + random))
}

// unreachable tells network failures, which pass, from refusals, which don't.
func unreachable(err error) bool {
	var netErr net.Error
	var opErr *net.OpError
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrStaleConnection) || errors.As(err, &opErr) || errors.As(err, &netErr)
}

// explain says which setting to look at.
func (o ConnectOptions) explain(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("the NATS server refused us: check %s: %w", o.credential(), err)
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("TLS is on at one end only: check nats.tls and the scheme of nats.url: %w", err)
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("no NATS server answers at nats.url: %w", err)
	}
	var opErr *net.OpError
	if errors.As(err, &opErr) { // without the address
		return fmt.Errorf("no NATS server answers at nats.url: %w", opErr.Err)
	}
	return fmt.Errorf("connect to NATS: check nats.url, nats.tls and %s: %w", o.credential(), err)
}

func (o ConnectOptions) credential() string {
	switch {
	case o.CredentialsFile != "":
		return "nats.credentials_file"
	case o.NKeyFile != "":
		return "nats.nkey_file"
	case o.User != "":
		return "nats.user and nats.password"
	case !o.Token.IsZero():
		return "nats.token"
	}
	return "nats.user, nats.token or nats.credentials_file (none is set)"
}
