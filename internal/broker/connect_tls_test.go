package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
)

// certificate is one that signs itself, as a key pair and as a file of its authority.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

func TestConnect_TrustsTheGivenAuthorityOnly(t *testing.T) {
	pair, authority := certificate(t)
	_, stranger := certificate(t)
	s := foreign(t, server.Options{TLS: true, TLSTimeout: 10, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}})
	for _, row := range []struct {
		name, file string
		ok         bool
	}{{"the right one", authority, true}, {"another one", stranger, false}, {"the system's", "", false}} {
		t.Run(row.name, func(t *testing.T) {
			o := broker.ConnectOptions{URL: s.ClientURL(), TLS: broker.TLSOptions{CAFile: row.file}}
			conn, err := broker.Connect(brokertest.Context(t), o, zerolog.Nop())
			if err == nil {
				conn.Close()
			}
			if (err == nil) != row.ok {
				t.Fatalf("connect: %v, want success %t", err, row.ok)
			}
			if err != nil && !strings.Contains(err.Error(), "nats.tls") {
				t.Errorf("the error does not name the setting: %v", err)
			}
		})
	}
}
