package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"reconciler/internal/secret"
)

// The bounds of what an endpoint has in PEM, in bytes: a chain of four is under
// 8 KiB, a key under 4. All endpoints of a merchant are kept in one value.
const (
	maxChain       = 32 << 10
	maxKey         = 16 << 10
	maxAuthorities = 32 << 10
	maxSubject     = 256
)

// ClientCertificate is who we are to a receiver that asks (mTLS). The zero value
// is nobody.
type ClientCertificate struct {
	// Chain is certificates in PEM, the own one first, then its intermediates. It is
	// no secret, but who may be called is nobody's to read in a log.
	Chain secret.Text
	// Key is the own certificate's, in PEM (PKCS #8, PKCS #1 or SEC 1) without a passphrase.
	Key secret.Text
}

// CertificateFacts are what may be shown of a certificate.
type CertificateFacts struct {
	// Subject is its name in the form of RFC 2253 or, where that is empty, the first
	// of its other names; without characters that can't be printed.
	Subject string
	// It is valid from NotBefore to NotAfter.
	NotBefore, NotAfter time.Time
}

// What can be wrong with a client certificate, its key and with authorities. Each
// text completes "<the field> ..." and repeats nothing of them.
var (
	ErrChain      = errors.New("must be certificates in PEM, the own one first, of 32 KiB at most")
	ErrChainKey   = errors.New("holds a private key; the chain is shown to the receiver")
	ErrChainAlone = errors.New("is missing; wanted the certificate that the key belongs to")
	ErrKey        = errors.New("must be a private key in PEM without a passphrase, of 16 KiB at most")
	ErrKeyAlone   = errors.New("is missing; wanted the certificate's key")
	ErrKeyOther   = errors.New("does not belong to the certificate; wanted the key of the chain's first one")
	ErrCAs        = errors.New("must be certificates of authorities in PEM, of 32 KiB at most")
)

// ValidityError says that a certificate is not valid at a moment.
type ValidityError struct {
	// At is when it expired or, with Early, when it begins to be valid.
	At    time.Time
	Early bool
}

// Error completes "<the certificate> ...".
func (e *ValidityError) Error() string {
	at := e.At.UTC().Format(time.RFC3339)
	if e.Early {
		return "is not valid before " + at + "; wanted one that is valid now"
	}
	return "has expired at " + at + "; wanted one that is valid now"
}

// IsZero reports whether there is neither certificate nor key.
func (c ClientCertificate) IsZero() bool { return c.Chain.IsZero() && c.Key.IsZero() }

// Equal reports whether both are the same, byte for byte.
func (c ClientCertificate) Equal(other ClientCertificate) bool {
	return c.Chain.Reveal() == other.Chain.Reveal() && c.Key.Reveal() == other.Key.Reveal()
}

// Check says what is wrong with the chain and what with the key: nil, or one of
// the Err values. It does not look at the time: see CertificateFacts.Check.
func (c ClientCertificate) Check() (chain, key error) {
	if c.IsZero() {
		return nil, nil
	}
	_, chain = c.certificates()
	if c.Chain.IsZero() {
		chain = ErrChainAlone
	}
	switch {
	case c.Key.IsZero():
		key = ErrKeyAlone
	case !readableKey(c.Key):
		key = ErrKey
	case chain == nil:
		_, key = c.pair()
	}
	return chain, key
}

// readableKey reports whether there is a key of a kind that TLS can use, whosever
// it is.
func readableKey(key secret.Text) bool {
	text := key.Reveal()
	if len(text) > maxKey {
		return false
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return false
		}
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue
		}
		_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
		_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
		_, sec1 := x509.ParseECPrivateKey(block.Bytes)
		return pkcs8 == nil || pkcs1 == nil || sec1 == nil
	}
}

// pair makes what TLS uses. The error is one of the Err values: the library's own
// text may quote the PEM.
func (c ClientCertificate) pair() (tls.Certificate, error) {
	if _, err := c.certificates(); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair([]byte(c.Chain.Reveal()), []byte(c.Key.Reveal()))
	if err != nil {
		return tls.Certificate{}, ErrKeyOther
	}
	return pair, nil
}

func (c ClientCertificate) certificates() ([]*x509.Certificate, error) {
	text := c.Chain.Reveal()
	// By its words, because a block that is damaged is no block to the parser.
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, ErrChainKey
	}
	all := certificatesIn(text, maxChain)
	if len(all) == 0 {
		return nil, ErrChain
	}
	return all, nil
}

// certificatesIn reads PEM that holds certificates and nothing else; none: it
// does not.
func certificatesIn(text string, limit int) []*x509.Certificate {
	if len(text) > limit {
		return nil
	}
	var all []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if strings.Contains(string(rest), "-----BEGIN") { // a damaged one
				return nil
			}
			return all
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil
		}
		all = append(all, certificate)
	}
}

// Facts are what may be shown of the own certificate. The error is ErrChain or
// ErrChainKey.
func (c ClientCertificate) Facts() (CertificateFacts, error) {
	all, err := c.certificates()
	if err != nil {
		return CertificateFacts{}, err
	}
	return factsOf(all[0]), nil
}

func factsOf(c *x509.Certificate) CertificateFacts {
	subject := c.Subject.String()
	switch {
	case subject != "":
	case len(c.DNSNames) > 0:
		subject = c.DNSNames[0]
	case len(c.URIs) > 0:
		subject = c.URIs[0].String()
	case len(c.EmailAddresses) > 0:
		subject = c.EmailAddresses[0]
	}
	return CertificateFacts{Subject: Excerpt([]byte(subject[:min(len(subject), maxSubject)])), NotBefore: c.NotBefore, NotAfter: c.NotAfter}
}

// Check says whether the certificate is valid at that moment: nil or a
// *ValidityError.
func (f CertificateFacts) Check(now time.Time) error {
	switch {
	case now.After(f.NotAfter):
		return &ValidityError{At: f.NotAfter}
	case now.Before(f.NotBefore):
		return &ValidityError{At: f.NotBefore, Early: true}
	}
	return nil
}

// CheckCAs says what is wrong with authorities in PEM: nil or ErrCAs. None are right.
func CheckCAs(cas secret.Text) error {
	if !cas.IsZero() && len(certificatesIn(cas.Reveal(), maxAuthorities)) == 0 {
		return ErrCAs
	}
	return nil
}

// CountCAs is how many authorities there are in PEM; 0: none, or CheckCAs refuses them.
func CountCAs(cas secret.Text) int { return len(certificatesIn(cas.Reveal(), maxAuthorities)) }
