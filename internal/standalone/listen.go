package standalone

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
)

// loopback is the only address of the machine that anything listens on.
const loopback = "127.0.0.1"

func serverURL(host string, port int) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// checkPort returns an error if a port that was asked for cannot be listened on.
func checkPort(port int) error {
	if port == 0 {
		return nil
	}
	l, err := listenOn(port)
	if err != nil {
		return err
	}
	return l.Close()
}

func listenOn(port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, fmt.Errorf("--port is %d: must be 1 to 65535, or 0 for any", port)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d of %s is in use: choose another --port, or leave it out", port, loopback)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on port %d of %s: %w", port, loopback, err)
	}
	return l, nil
}

// listen opens the API server's two listeners, on the machine's loopback and on the bridge, both on the same port.
func (i *Instance) listen() (*apiserver.Merged, error) {
	local, err := i.listenLocal()
	if err != nil {
		return nil, err
	}
	i.port = local.Addr().(*net.TCPAddr).Port
	bridge, err := i.network.Listen(net.JoinHostPort(fabric.BridgeIPv4.Addr().String(), strconv.Itoa(i.port)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on the bridge: %w", err), local.Close())
	}
	return apiserver.Merge(local, bridge), i.dir.SavePort(i.port)
}

func (i *Instance) listenLocal() (net.Listener, error) {
	if i.options.Port != 0 {
		return listenOn(i.options.Port)
	}
	if last := i.dir.Port(); last != 0 {
		if l, err := listenOn(last); err == nil {
			return l, nil
		}
	}
	return listenOn(0)
}
