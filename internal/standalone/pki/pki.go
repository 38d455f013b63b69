// Package pki keeps the keys and certificates of one standalone instance: an authority of its own, the API server's certificate, the
// service account key, and client certificates wrapped into kubeconfigs. Everything lives in one folder, mode 0600, and is made once;
// an expired or damaged leaf is made anew, a damaged authority is an error. It never talks to anybody.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	leafLife      = 5 * 365 * 24 * time.Hour
	// renewBefore is how long before its end a leaf is replaced.
	renewBefore = 90 * 24 * time.Hour
)

// Authority signs the certificates of one instance.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair names the files of a certificate and its key, both PEM.
type Pair struct{ CertFile, KeyFile string }

// Open loads the authority kept in dir, or makes dir and a new authority in it.
func Open(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for certificates: %w", err)
	}
	a := &Authority{dir: dir}
	pair := a.pair("ca")
	cert, key, err := load(pair)
	if errors.Is(err, fs.ErrNotExist) {
		return a, a.create(pair)
	}
	if err != nil {
		return nil, fmt.Errorf("load certificate authority: %w (restore it, or remove %s and restart to make a new one)", err, dir)
	}
	a.cert, a.key = cert, key
	return a, nil
}

// CAFile is the authority's certificate.
func (a *Authority) CAFile() string { return a.pair("ca").CertFile }

// CAPEM is the authority's certificate as PEM.
func (a *Authority) CAPEM() []byte { return certPEM(a.cert.Raw) }

func (a *Authority) pair(name string) Pair {
	return Pair{CertFile: filepath.Join(a.dir, name+".crt"), KeyFile: filepath.Join(a.dir, name+".key")}
}

func (a *Authority) create(pair Pair) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	template, err := newTemplate("hedgerow-standalone", authorityLife)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign certificate authority: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(raw); err != nil {
		return fmt.Errorf("parse own certificate authority: %w", err)
	}
	a.key = key
	return save(pair, raw, key)
}

// Server returns a serving certificate for the names and addresses given, making it if the one kept does not fit.
func (a *Authority) Server(name string, hosts []string, addresses []net.IP) (Pair, error) {
	return a.leaf(name, func(t *x509.Certificate) {
		t.Subject.CommonName = name
		t.DNSNames, t.IPAddresses = hosts, addresses
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

// Client returns a client certificate for a user in groups, making it if the one kept does not fit.
func (a *Authority) Client(name, user string, groups ...string) (Pair, error) {
	return a.leaf(name, func(t *x509.Certificate) {
		t.Subject = pkix.Name{CommonName: user, Organization: groups}
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// SigningKey returns the file of a private key that is not bound to a certificate, making it if there is none.
func (a *Authority) SigningKey(name string) (string, error) {
	file := filepath.Join(a.dir, name+".key")
	if _, err := loadKey(file); err == nil {
		return file, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("load key %s: %w", name, err)
	}
	key, err := newKey()
	if err != nil {
		return "", err
	}
	return file, saveKey(file, key)
}

func (a *Authority) leaf(name string, fill func(*x509.Certificate)) (Pair, error) {
	pair := a.pair(name)
	template, err := newTemplate(name, leafLife)
	if err != nil {
		return pair, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	fill(template)
	if cert, _, err := load(pair); err == nil && a.fits(cert, template) {
		return pair, nil
	}
	key, err := newKey()
	if err != nil {
		return pair, err
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return pair, fmt.Errorf("sign certificate %s: %w", name, err)
	}
	return pair, save(pair, raw, key)
}

// fits reports whether cert can stand for what template asks.
func (a *Authority) fits(cert, template *x509.Certificate) bool {
	if cert.CheckSignatureFrom(a.cert) != nil || time.Now().Add(renewBefore).After(cert.NotAfter) {
		return false
	}
	if cert.Subject.String() != template.Subject.String() {
		return false
	}
	for _, host := range template.DNSNames {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	for _, ip := range template.IPAddresses {
		if cert.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}

func newTemplate(name string, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		// An hour of grace for clocks that are set back after the first start.
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.Add(life),
	}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

func certPEM(raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}
