package pki

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// contextName names cluster, user and context in every kubeconfig written here.
const contextName = "hedgerow"

// WriteKubeconfig writes a kubeconfig, mode 0600, for the API server at the URL server and the client certificate of pair. Keys are
// embedded, so that the file can be copied.
func (a *Authority) WriteKubeconfig(path, server string, pair Pair) error {
	cert, err := os.ReadFile(pair.CertFile)
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	key, err := os.ReadFile(pair.KeyFile)
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[contextName] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: a.CAPEM()}
	config.AuthInfos[contextName] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: contextName}
	config.CurrentContext = contextName
	text, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return WriteFile(path, text)
}
