// Package webhooktest makes certificates for tests of endpoints that ask who calls
// (mTLS): new ones each time, so that no key stands in a file. It keeps nothing,
// opens no connection, and ends the test where a certificate can't be made.
package webhooktest

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
	"testing"
	"time"
)

// Certificate is a certificate that is its own authority, with its key.
type Certificate struct {
	// Chain and Key are in PEM.
	Chain, Key string
	// Pair is both as TLS takes them.
	Pair tls.Certificate
}

// Make makes a certificate of that common name and, where a host is given, for that
// name or address. It is valid for a year until then, for servers and clients.
func Make(t testing.TB, name string, until time.Time, hosts ...string) Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	made := Certificate{
		Chain: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}
	if made.Pair, err = tls.X509KeyPair([]byte(made.Chain), []byte(made.Key)); err != nil {
		t.Fatal(err)
	}
	return made
}

// Pool is those certificates as authorities.
func Pool(t testing.TB, all ...Certificate) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, c := range all {
		if !pool.AppendCertsFromPEM([]byte(c.Chain)) {
			t.Fatal("no certificate")
		}
	}
	return pool
}
