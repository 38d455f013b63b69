package pods

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// containerSpec makes the specification of a container's next run.
func (w *worker) containerSpec(pod *v1.Pod, s *slot, image *image) (*container.Spec, error) {
	c := containerOf(pod, s.name)
	f := &facts{nodeAddresses: w.m.cfg.NodeAddresses, addresses: w.sandbox.addresses}
	env, err := declared(pod, c, f)
	if err != nil {
		return nil, err
	}
	spec := &container.Spec{
		Hostname: hostname(pod), Netns: w.sandbox.Netns, Image: image.dir, Scratch: s.scratch(),
		Files: w.systemFiles(pod, f),
		Command: container.Command{
			Args: commandLine(image, c, env), Env: fullEnvironment(image, hostname(pod), env), Dir: image.workingDir,
		},
	}
	if c.WorkingDir != "" {
		spec.Command.Dir = expand(c.WorkingDir, env.get)
	}
	if err := secure(spec, pod.Spec.SecurityContext, c.SecurityContext); err != nil {
		return nil, err
	}
	spec.Mounts = append(volumeMounts(c, w.dir),
		container.Mount{Source: s.terminationFile(), Target: terminationPath(c)})
	return spec, os.MkdirAll(s.scratch(), 0o700)
}

func (s *slot) scratch() string         { return filepath.Join(s.dir, "root") }
func (s *slot) terminationFile() string { return filepath.Join(s.dir, "termination") }

func terminationPath(c *v1.Container) string {
	if c.TerminationMessagePath == "" {
		return v1.TerminationMessagePathDefault
	}
	return c.TerminationMessagePath
}

// hostname is the pod's name, or what it asks for, cut to what the kernel takes.
func hostname(pod *v1.Pod) string {
	name := pod.Name
	if pod.Spec.Hostname != "" {
		name = pod.Spec.Hostname
	}
	if pod.Spec.HostnameOverride != nil && *pod.Spec.HostnameOverride != "" {
		name = *pod.Spec.HostnameOverride
	}
	if len(name) > 63 {
		name = strings.TrimRight(name[:63], "-.")
	}
	return name
}

// secure applies the security contexts; the container's goes before the pod's.
func secure(spec *container.Spec, pod *v1.PodSecurityContext, c *v1.SecurityContext) error {
	if pod == nil {
		pod = &v1.PodSecurityContext{}
	}
	if c == nil {
		c = &v1.SecurityContext{}
	}
	if err := checkIDs(pod, c); err != nil {
		return err
	}
	user := first(c.RunAsUser, pod.RunAsUser)
	group := first(c.RunAsGroup, pod.RunAsGroup)
	spec.Command.UID, spec.Command.GID = uint32(orZero(user)), uint32(orZero(group))
	if orZero(first(c.RunAsNonRoot, pod.RunAsNonRoot)) && orZero(user) == 0 {
		return errors.New("container has runAsNonRoot and image will run as root; set runAsUser")
	}
	for _, g := range pod.SupplementalGroups {
		spec.Command.Groups = append(spec.Command.Groups, uint32(g))
	}
	if pod.FSGroup != nil {
		spec.Command.Groups = append(spec.Command.Groups, uint32(*pod.FSGroup))
	}
	spec.ReadOnlyRoot = orZero(c.ReadOnlyRootFilesystem)
	spec.Privileged = orZero(c.Privileged)
	spec.Command.NoNewPrivileges = c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation
	return setCapabilities(spec, c.Capabilities)
}

// checkIDs refuses numbers that the API does not have for users and groups: cut to what the kernel takes, one of them would be root's.
func checkIDs(pod *v1.PodSecurityContext, c *v1.SecurityContext) error {
	ids := slices.Clone(pod.SupplementalGroups)
	for _, id := range []*int64{c.RunAsUser, c.RunAsGroup, pod.RunAsUser, pod.RunAsGroup, pod.FSGroup} {
		ids = append(ids, orZero(id))
	}
	for _, id := range ids {
		if id < 0 || id > math.MaxInt32 {
			return fmt.Errorf("securityContext: %d is no number of a user or group: choose one from 0 to %d", id, math.MaxInt32)
		}
	}
	return nil
}

func setCapabilities(spec *container.Spec, asked *v1.Capabilities) error {
	if spec.Privileged {
		spec.Command.Capabilities = container.AllCapabilities()
		return nil
	}
	var add, drop []string
	if asked != nil {
		for _, c := range asked.Add {
			add = append(add, string(c))
		}
		for _, c := range asked.Drop {
			drop = append(drop, string(c))
		}
	}
	mask, err := container.Capabilities(add, drop)
	if err != nil {
		return fmt.Errorf("securityContext.capabilities: %w", err)
	}
	spec.Command.Capabilities = mask
	return nil
}

// first returns the first pointer that is not nil.
func first[T any](pointers ...*T) *T {
	for _, p := range pointers {
		if p != nil {
			return p
		}
	}
	return nil
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// systemFiles are the files that a container finds beside those of its image.
func (w *worker) systemFiles(pod *v1.Pod, f *facts) []container.File {
	return []container.File{
		{Path: "/etc/hosts", Content: hostsFile(pod, f.addresses), Mode: 0o644},
		{Path: "/etc/hostname", Content: hostname(pod) + "\n", Mode: 0o644},
		{Path: "/etc/resolv.conf", Content: w.m.resolvConf(pod), Mode: 0o644},
	}
}

func hostsFile(pod *v1.Pod, addresses []netip.Addr) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, a := range addresses {
		fmt.Fprintf(&b, "%s\t%s\n", a, hostname(pod))
	}
	for _, alias := range pod.Spec.HostAliases {
		fmt.Fprintf(&b, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
	}
	return b.String()
}

// resolvConf follows dnsPolicy and dnsConfig. Default, the node's own resolver, has none here.
func (m *Manager) resolvConf(pod *v1.Pod) string {
	var servers, searches, options []string
	policy := pod.Spec.DNSPolicy
	if policy == v1.DNSClusterFirst && !pod.Spec.HostNetwork || policy == v1.DNSClusterFirstWithHostNet || policy == "" {
		for _, a := range m.cfg.Nameservers {
			servers = append(servers, a.String())
		}
		if d := m.cfg.ClusterDomain; d != "" {
			searches = []string{pod.Namespace + ".svc." + d, "svc." + d, d}
			options = []string{"ndots:5"}
		}
	}
	if c := pod.Spec.DNSConfig; c != nil {
		servers, searches = append(servers, c.Nameservers...), append(searches, c.Searches...)
		for _, o := range c.Options {
			options = slices.DeleteFunc(options, func(s string) bool { return s == o.Name || strings.HasPrefix(s, o.Name+":") })
			if o.Value != nil {
				options = append(options, o.Name+":"+*o.Value)
			} else {
				options = append(options, o.Name)
			}
		}
	}
	var b strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(searches) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(searches, " "))
	}
	if len(options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(options, " "))
	}
	return b.String()
}

// Limits of a termination message, as a kubelet has them.
const (
	maxTermination     = 4096
	maxTerminationTail = 2048
)

// terminationMessage is what the program left at its termination message path, or the end of its log if it asked for that.
func (w *worker) terminationMessage(s *slot, code int) string {
	message := readSome(s.terminationFile(), 0, maxTermination)
	c := containerOf(w.pod, s.name)
	if message == "" && code != 0 && c.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		message = readSome(s.log, maxTerminationTail, maxTerminationTail)
	}
	return message
}

// readSome reads at most limit bytes of a file, from tail bytes before its end unless tail is 0. What cannot be read is empty.
func readSome(name string, tail, limit int64) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && tail > 0 && info.Size() > tail {
		if _, err := f.Seek(-tail, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, _ := io.ReadAll(io.LimitReader(f, limit))
	return strings.ToValidUTF8(string(b), "")
}
