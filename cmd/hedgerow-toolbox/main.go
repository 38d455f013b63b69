// Hedgerow-toolbox is the one program of the image that is built into standalone: the commands of Kubernetes' agnhost
// test image that need no cluster, unchanged, and a few plain ones for images without a shell. It is called as
// /agnhost COMMAND, or by a link named like a command. It is static, so that an image is this one file.
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/kubernetes/test/images/agnhost/connect"
	"k8s.io/kubernetes/test/images/agnhost/dns"
	entrypoint "k8s.io/kubernetes/test/images/agnhost/entrypoint-tester"
	"k8s.io/kubernetes/test/images/agnhost/liveness"
	logsgen "k8s.io/kubernetes/test/images/agnhost/logs-generator"
	"k8s.io/kubernetes/test/images/agnhost/mounttest"
	agnhostnet "k8s.io/kubernetes/test/images/agnhost/net"
	"k8s.io/kubernetes/test/images/agnhost/netexec"
	"k8s.io/kubernetes/test/images/agnhost/nonewprivs"
	"k8s.io/kubernetes/test/images/agnhost/pause"
	portforwardtester "k8s.io/kubernetes/test/images/agnhost/port-forward-tester"
	"k8s.io/kubernetes/test/images/agnhost/porter"
	servehostname "k8s.io/kubernetes/test/images/agnhost/serve-hostname"
	tcpreset "k8s.io/kubernetes/test/images/agnhost/tcp-reset"
	testwebserver "k8s.io/kubernetes/test/images/agnhost/test-webserver"
)

func main() {
	root := newRoot()
	root.SetArgs(arguments(root, os.Args))
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:          "agnhost",
		Short:        "Servers and clients for trying a network",
		SilenceUsage: true,
	}
	root.AddCommand(
		connect.CmdConnect, dns.CmdDNSSuffix, dns.CmdDNSServerList, dns.CmdEtcHosts, entrypoint.CmdEntrypointTester,
		liveness.CmdLiveness, logsgen.CmdLogsGenerator, mounttest.CmdMounttest, agnhostnet.CmdNet, netexec.CmdNetexec,
		nonewprivs.CmdNoNewPrivs, pause.CmdPause, portforwardtester.CmdPortForwardTester, porter.CmdPorter,
		servehostname.CmdServeHostname, tcpreset.CmdTCPReset, testwebserver.CmdTestWebserver,
		newCat(), newEnv(), newExit(), newSleep(),
	)
	return root
}

// arguments returns the command line, led by the program's own name when that is a command.
func arguments(root *cobra.Command, argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	name := filepath.Base(argv[0])
	for _, c := range root.Commands() {
		if c.Name() == name {
			return append([]string{name}, argv[1:]...)
		}
	}
	return argv[1:]
}
