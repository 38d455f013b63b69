package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// load reads a certificate and its key; both missing is fs.ErrNotExist, one missing is not.
func load(pair Pair) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	_, certErr := os.Stat(pair.CertFile)
	_, keyErr := os.Stat(pair.KeyFile)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("load %s: %w", pair.CertFile, fs.ErrNotExist)
	}
	both, err := tls.LoadX509KeyPair(pair.CertFile, pair.KeyFile)
	if err != nil {
		return nil, nil, errors.New(err.Error()) // a single missing file must not look like a first start
	}
	key, ok := both.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("load %s: not an elliptic curve key", pair.KeyFile)
	}
	return both.Leaf, key, nil
}

func loadKey(file string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", file, err)
	}
	return key, nil
}

// save writes the key first: a certificate without a key is the state that a later start must notice.
func save(pair Pair, cert []byte, key *ecdsa.PrivateKey) error {
	if err := saveKey(pair.KeyFile, key); err != nil {
		return err
	}
	return WriteFile(pair.CertFile, certPEM(cert))
}

// saveKey writes the form that kube-apiserver understands as a service account key, too: SEC 1, not PKCS 8.
func saveKey(file string, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}

// WriteFile replaces a file as a whole, mode 0600: a reader sees the old content or the new one.
func WriteFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
