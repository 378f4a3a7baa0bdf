package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// authority is the simulator's certificate authority. It creates certificates on demand.
type authority struct {
	pem         []byte
	cert        *x509.Certificate
	key         *ecdsa.PrivateKey
	defaultCert *tls.Certificate // self-signed, for another name; shown if there is no other
	lifetime    time.Duration    // of certificates

	mu     sync.Mutex // guards leaves
	leaves map[string]*tls.Certificate
}

// MakeCA creates a certificate authority for Options, valid for ten years. It returns the
// certificate and the private key as PEM.
func MakeCA() (certificatePEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := certificate("pilotsync simulator CA", now.AddDate(-1, 0, 0), now.AddDate(10, 0, 0))
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

func newAuthority(certificatePEM, keyPEM []byte, lifetime time.Duration) (*authority, error) {
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the certificate authority has a key of type %T; it takes ECDSA", pair.PrivateKey)
	}
	ca := &authority{pem: certificatePEM, cert: pair.Leaf, key: key, lifetime: lifetime, leaves: map[string]*tls.Certificate{}}
	fallback := ca.template("default.invalid")
	fallback.DNSNames = []string{"default.invalid"}
	ca.defaultCert, err = sign(fallback, fallback, key)
	return ca, err
}

// backdated is how long before its issue a certificate is valid, for clocks that are slow. It is
// more than at Let's Encrypt, whose certificates are valid an hour before.
const backdated = 24 * time.Hour

// template returns the template of a certificate that is issued now.
func (ca *authority) template(commonName string) *x509.Certificate {
	notBefore := time.Now().Add(-backdated)
	return certificate(commonName, notBefore, notBefore.Add(ca.lifetime))
}

// certificate returns what all certificates have in common.
func certificate(commonName string, notBefore, notAfter time.Time) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err) // crypto/rand doesn't fail
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// sign creates a certificate for the authority's own key. One key for all is enough for
// tests, and fast.
func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) (*tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate for %s: %w", template.Subject.CommonName, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// certify creates a certificate for names.
func (ca *authority) certify(names []string, notBefore, notAfter time.Time) (*tls.Certificate, error) {
	template := certificate("", notBefore, notAfter) // a common name has at most 64 bytes
	template.DNSNames = names
	return sign(template, ca.cert, ca.key)
}

// leaf returns a certificate for one name alone. It doesn't belong to any app's AutoSSL.
func (ca *authority) leaf(name string) (*tls.Certificate, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if leaf := ca.leaves[name]; leaf != nil {
		return leaf, nil
	}
	notBefore := time.Now().Add(-backdated)
	leaf, err := ca.certify([]string{name}, notBefore, notBefore.Add(ca.lifetime))
	if err != nil {
		return nil, err
	}
	ca.leaves[name] = leaf
	return leaf, nil
}
