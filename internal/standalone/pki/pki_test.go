package pki

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/keyutil"
)

// TestRoundTrip serves with a serving certificate, connects with what a kubeconfig holds, and looks at who arrived.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	server, err := a.Server("apiserver", []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Client("agent", "hedgerow:agent:node1", "hedgerow:agents")
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, a, server)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := a.WriteKubeconfig(kubeconfig, url, client); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, config), "CN=hedgerow:agent:node1,O=hedgerow:agents"; got != want {
		t.Errorf("server saw %q, want %q", got, want)
	}
	checkModes(t, dir)
}

func serve(t *testing.T, a *Authority, pair Pair) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(pair.CertFile, pair.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CAPEM())
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.String())
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, config *rest.Config) string {
	t.Helper()
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func checkModes(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode().Perm())
		}
	}
}

func TestKeptAcrossOpens(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	first := contents(t, makeLeaf(t, a, "127.0.0.1").CertFile)
	again := open(t, dir)
	if diff := cmp.Diff(string(a.CAPEM()), string(again.CAPEM())); diff != "" {
		t.Errorf("authority changed (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(first, contents(t, makeLeaf(t, again, "127.0.0.1").CertFile)); diff != "" {
		t.Errorf("certificate changed though nothing asked for it (-first +second):\n%s", diff)
	}
	if second := contents(t, makeLeaf(t, again, "127.0.0.2").CertFile); second == first {
		t.Error("certificate kept although an address was added")
	}
	key, err := again.SigningKey("service-account")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyutil.PublicKeysFromFile(key); err != nil {
		t.Errorf("kube-apiserver would not take the key: %v", err)
	}
	text := contents(t, key)
	if _, err := again.SigningKey("service-account"); err != nil || contents(t, key) != text {
		t.Errorf("signing key was made anew (error %v)", err)
	}
}

func TestHalfAnAuthorityIsAnError(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	before := contents(t, a.CAFile())
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("got error %v, want one that says what to do", err)
	}
	if contents(t, a.CAFile()) != before {
		t.Error("the authority's certificate was overwritten")
	}
}

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func makeLeaf(t *testing.T, a *Authority, address string) Pair {
	t.Helper()
	pair, err := a.Server("apiserver", nil, []net.IP{net.ParseIP(address)})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
