package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/secret"
)

func TestClientCertificate_SaysWhatIsWrongWithChainAndKey(t *testing.T) {
	certificate, key := selfSigned(t, "caller", time.Now().AddDate(1, 0, 0))
	other, otherKey := selfSigned(t, "other", time.Now().AddDate(1, 0, 0))
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	tests := []struct {
		name       string
		chain, key string
		wrongChain error
		wrongKey   error
	}{
		{"nothing", "", "", nil, nil},
		{"both", certificate, key.Reveal(), nil, nil},
		{"with an intermediate, and words between", "Bag Attributes\n" + certificate + "issuer: x\n" + other, "x\n" + key.Reveal(), nil, nil},
		{"the intermediate first", other + certificate, key.Reveal(), nil, ErrKeyOther},
		{"another's key", certificate, otherKey.Reveal(), nil, ErrKeyOther},
		{"no key", certificate, "", nil, ErrKeyAlone},
		{"no certificate", "", key.Reveal(), ErrChainAlone, nil},
		{"no certificate, and no key either", "", "canary", ErrChainAlone, ErrKey},
		{"both in the chain", certificate + key.Reveal(), key.Reveal(), ErrChainKey, nil},
		{"a damaged key in the chain", certificate + strings.Replace(key.Reveal(), "\n", "\n?", 1), key.Reveal(), ErrChainKey, nil},
		{"a request for a certificate", block("CERTIFICATE REQUEST", []byte("canary")), key.Reveal(), ErrChain, nil},
		{"a damaged certificate", certificate + block("CERTIFICATE", []byte("canary")), key.Reveal(), ErrChain, nil},
		{"a broken block", certificate + "-----BEGIN CERTIFICATE-----\ncanary", key.Reveal(), ErrChain, nil},
		{"words", "canary", "canary", ErrChain, ErrKey},
		{"a certificate for a key", certificate, certificate, nil, ErrKey},
		{"a key with a passphrase", certificate, block("ENCRYPTED PRIVATE KEY", []byte("canary")), nil, ErrKey},
		{"a chain without end", strings.Repeat(certificate, 100), key.Reveal(), ErrChain, nil},
		{"a key without end", certificate, key.Reveal() + strings.Repeat("\n", maxKey), nil, ErrKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := ClientCertificate{Chain: secret.New(tt.chain), Key: secret.New(tt.key)}
			chain, key := c.Check()
			if !errors.Is(chain, tt.wrongChain) || !errors.Is(key, tt.wrongKey) {
				t.Errorf("chain %v, key %v; want %v and %v", chain, key, tt.wrongChain, tt.wrongKey)
			}
			if printed := fmt.Sprintf("%v %v %+v %#v", chain, key, c, c); strings.Contains(printed, "canary") || strings.Contains(printed, "BEGIN") {
				t.Errorf("PEM shows: %s", printed)
			}
		})
	}
}

func TestClientCertificate_TakesEveryFormOfKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 5, 43, 129, 4, 0, 34}}) // as openssl writes them
	for name, key := range map[string]string{
		"PKCS #1": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})),
		"SEC 1":   string(parameters) + string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})),
	} {
		if !readableKey(secret.New(key)) {
			t.Errorf("%s can't be read", name)
		}
	}
}

func TestCertificateFacts_ShowTheSubjectAndWhenItIsValid(t *testing.T) {
	until := time.Now().AddDate(1, 0, 0).Truncate(time.Second)
	certificate, key := selfSigned(t, "shop\x1b[31m", until)
	facts, err := client(certificate, key).Facts()
	if err != nil || !strings.HasPrefix(facts.Subject, `CN=shop\`) || strings.Contains(facts.Subject, "\x1b") || !facts.NotAfter.Equal(until) {
		t.Errorf("%+v, %v", facts, err)
	}
	var invalid *ValidityError
	for at, early := range map[time.Time]bool{facts.NotBefore.Add(-1): true, facts.NotAfter.Add(1): false} {
		if err := facts.Check(at); !errors.As(err, &invalid) || invalid.Early != early {
			t.Errorf("at %s: %v", at, err)
		}
	}
	for _, at := range []time.Time{facts.NotBefore, facts.NotAfter} {
		if err := facts.Check(at); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
	if _, err := (ClientCertificate{}).Facts(); !errors.Is(err, ErrChain) {
		t.Errorf("of none: %v", err)
	}
}

func TestCheckCAs_TakesCertificatesOnly(t *testing.T) {
	certificate, key := selfSigned(t, "authority", time.Now().AddDate(1, 0, 0))
	for text, want := range map[string]error{
		"": nil, certificate: nil, certificate + certificate: nil, key.Reveal(): ErrCAs, certificate + key.Reveal(): ErrCAs, "canary": ErrCAs,
		strings.Repeat(certificate, 100): ErrCAs,
	} {
		if err := CheckCAs(secret.New(text)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%.30q: %v, want %v", text, err, want)
		}
	}
}

func TestPoolOptions_AreEqual_WhereTheyReachAnEndpointAlike(t *testing.T) {
	full := func() PoolOptions {
		return PoolOptions{
			Concurrency: 3, TimeLimit: 9, ConnectLimit: 3, TLSLimit: 3, HeaderLimit: 3, CAs: secret.New("ca"),
			Client: ClientCertificate{Chain: secret.New("chain"), Key: secret.New("key")},
			Proxy:  &Proxy{URL: "http://proxy:1", User: "u", Password: secret.New("p")},
		}
	}
	if !full().Equal(full()) || !(PoolOptions{}).Equal(PoolOptions{}) {
		t.Error("the same is not equal")
	}
	for name, change := range map[string]func(*PoolOptions){
		"concurrency": func(o *PoolOptions) { o.Concurrency++ }, "time limit": func(o *PoolOptions) { o.TimeLimit++ },
		"connect": func(o *PoolOptions) { o.ConnectLimit++ }, "TLS": func(o *PoolOptions) { o.TLSLimit++ },
		"header": func(o *PoolOptions) { o.HeaderLimit++ }, "CAs": func(o *PoolOptions) { o.CAs = secret.New("other") },
		"chain": func(o *PoolOptions) { o.Client.Chain = secret.New("other") }, "key": func(o *PoolOptions) { o.Client.Key = secret.Text{} },
		"no proxy": func(o *PoolOptions) { o.Proxy = nil }, "proxy": func(o *PoolOptions) { o.Proxy.Password = secret.New("other") },
	} {
		other := full()
		change(&other)
		if full().Equal(other) || other.Equal(full()) {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// Whatever the bytes are, they are refused or of use.
func FuzzClientCertificate(f *testing.F) {
	f.Add("", "")
	f.Add("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n")
	f.Add("words", "-----BEGIN EC PARAMETERS-----\nMAA=\n-----END EC PARAMETERS-----\n")
	f.Fuzz(func(t *testing.T, chain, key string) {
		c := ClientCertificate{Chain: secret.New(chain), Key: secret.New(key)}
		wrongChain, wrongKey := c.Check()
		if c.IsZero() || wrongChain != nil || wrongKey != nil {
			return
		}
		if _, err := c.pair(); err != nil {
			t.Errorf("it passes, and can't be used: %v", err)
		}
		if _, err := c.Facts(); err != nil {
			t.Error(err)
		}
	})
}
