package pods

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// action is what a probe or a hook does: the one that is not nil.
type action struct {
	exec  *v1.ExecAction
	http  *v1.HTTPGetAction
	tcp   *v1.TCPSocketAction
	sleep *v1.SleepAction
}

// act does it. Connections come from the node, as a kubelet's do.
func (w *worker) act(ctx context.Context, s *slot, c *container.Container, a *action) error {
	switch {
	case a.exec != nil:
		return execIn(ctx, c, a.exec.Command)
	case a.http != nil:
		return w.httpGet(ctx, s, a.http)
	case a.tcp != nil:
		address, err := w.actionAddress(s, a.tcp.Host, a.tcp.Port)
		if err != nil {
			return err
		}
		conn, err := w.m.dialFromNode(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	case a.sleep != nil:
		if !sleep(ctx.Done(), time.Duration(a.sleep.Seconds)*time.Second) {
			return ctx.Err()
		}
		return nil
	}
	return errors.New("nothing to do that is known here")
}

func execIn(ctx context.Context, c *container.Container, argv []string) error {
	var out bytes.Buffer
	code, err := c.Exec(ctx, argv, nil, &out, &out)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(out.String()))
	}
	return nil
}

// maxAnswer bounds what is read of an HTTP answer.
const maxAnswer = 10 << 10

func (w *worker) httpGet(ctx context.Context, s *slot, a *v1.HTTPGetAction) error {
	address, err := w.actionAddress(s, a.Host, a.Port)
	if err != nil {
		return err
	}
	request, err := httpRequest(ctx, a, address)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext:       w.m.dialFromNode,
		DisableKeepAlives: true,
		// As a kubelet: the question is whether the container answers, not who it is.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("HTTP status %d: %s", answer.StatusCode, bytes.TrimSpace(body))
	}
	return nil
}

func httpRequest(ctx context.Context, a *v1.HTTPGetAction, address string) (*http.Request, error) {
	target, err := url.Parse(a.Path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", a.Path, err)
	}
	if target.Opaque != "" {
		return nil, fmt.Errorf("path %q is none: begin it with a slash", a.Path)
	}
	target.Scheme, target.Host = "http", address
	if a.Scheme == v1.URISchemeHTTPS {
		target.Scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "hedgerow-standalone")
	for _, h := range a.HTTPHeaders {
		if strings.EqualFold(h.Name, "Host") {
			request.Host = h.Value
			continue
		}
		request.Header.Add(h.Name, h.Value)
	}
	return request, nil
}

// actionAddress resolves host, "" being the pod, and a port that may be the name of one of the container's.
func (w *worker) actionAddress(s *slot, host string, port intstr.IntOrString) (string, error) {
	number, err := portNumber(containerOf(w.current(), s.name), port)
	if err != nil {
		return "", err
	}
	if host == "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.sandbox.addresses) == 0 {
			return "", errors.New("the pod has no address")
		}
		host = w.sandbox.addresses[0].String()
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return "", fmt.Errorf("host %q is not an IP address; names are not resolved here", host)
	}
	return net.JoinHostPort(host, strconv.Itoa(number)), nil
}

func portNumber(c *v1.Container, port intstr.IntOrString) (int, error) {
	if port.Type == intstr.Int {
		return port.IntValue(), nil
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort), nil
		}
	}
	number, err := strconv.Atoi(port.StrVal)
	if err != nil {
		return 0, fmt.Errorf("container %s has no port named %q", c.Name, port.StrVal)
	}
	return number, nil
}
