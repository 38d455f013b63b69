package pods

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// refusal is what a user reads about a pod that asks for more than there is.
func refusal(problems []string) string {
	return "standalone cannot run this pod: " + strings.Join(problems, "; ")
}

// complaints collects what a pod asks for in vain, by field path.
type complaints []string

func (c *complaints) when(wrong bool, format string, args ...any) {
	if wrong {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

// unsupported says which fields of a pod would have to be ignored although its programs rely on them. Fields that only harden or limit (seccomp and
// AppArmor's defaults, SELinux options, resources) are ignored without a word, as a kubelet does on a machine that lacks them.
func unsupported(pod *v1.Pod) []string {
	var c complaints
	s := &pod.Spec
	for i := range s.Volumes {
		v := &s.Volumes[i]
		c.when(v.EmptyDir == nil, "spec.volumes[%d] (%s): only emptyDir volumes are supported", i, v.Name)
	}
	c.when(s.HostPID, "spec.hostPID is not supported")
	c.when(s.HostIPC, "spec.hostIPC is not supported")
	c.when(orZero(s.ShareProcessNamespace), "spec.shareProcessNamespace is not supported")
	c.when(s.HostUsers != nil && !*s.HostUsers, "spec.hostUsers: false is not supported")
	c.when(orZero(s.RuntimeClassName) != "", "spec.runtimeClassName: there is only the built-in runtime")
	c.when(len(s.ResourceClaims) > 0, "spec.resourceClaims are not supported")
	c.when(len(s.EphemeralContainers) > 0, "spec.ephemeralContainers are not supported")
	c.when(orZero(s.SetHostnameAsFQDN), "spec.setHostnameAsFQDN is not supported")
	c.when(s.OS != nil && s.OS.Name != v1.Linux, "spec.os: this machine runs Linux")
	if sc := s.SecurityContext; sc != nil {
		c.when(len(sc.Sysctls) > 0, "spec.securityContext.sysctls are not supported")
		c.profiles("spec.securityContext", sc.SeccompProfile, sc.AppArmorProfile)
	}
	c.containers("spec.initContainers", s.InitContainers, s.HostNetwork)
	c.containers("spec.containers", s.Containers, s.HostNetwork)
	return c
}

func (c *complaints) containers(path string, list []v1.Container, hostNetwork bool) {
	for i := range list {
		c.container(fmt.Sprintf("%s[%d]", path, i), &list[i])
		c.ports(fmt.Sprintf("%s[%d]", path, i), &list[i], hostNetwork)
	}
}

// ports: in the node's own network namespace every port is a host port.
func (c *complaints) ports(path string, k *v1.Container, hostNetwork bool) {
	for i, p := range k.Ports {
		c.when(p.HostPort != 0 && !hostNetwork, "%s.ports[%d].hostPort is not supported", path, i)
	}
}

func (c *complaints) container(path string, k *v1.Container) {
	c.when(len(k.EnvFrom) > 0, "%s.envFrom is not supported", path)
	for i := range k.Env {
		from := k.Env[i].ValueFrom
		c.when(from != nil && from.FieldRef == nil, "%s.env[%d] (%s): only values and fieldRef are supported", path, i, k.Env[i].Name)
	}
	c.when(len(k.VolumeDevices) > 0, "%s.volumeDevices are not supported", path)
	for i, m := range k.VolumeMounts {
		c.when(m.SubPath != "" || m.SubPathExpr != "", "%s.volumeMounts[%d].subPath is not supported", path, i)
		c.when(m.MountPropagation != nil && *m.MountPropagation != v1.MountPropagationNone,
			"%s.volumeMounts[%d].mountPropagation is not supported", path, i)
	}
	c.when(k.Lifecycle != nil && k.Lifecycle.StopSignal != nil, "%s.lifecycle.stopSignal is not supported", path)
	c.when(len(k.RestartPolicyRules) > 0, "%s.restartPolicyRules are not supported", path)
	c.when(k.RestartPolicy != nil && *k.RestartPolicy != v1.ContainerRestartPolicyAlways,
		"%s.restartPolicy: only Always is supported, for sidecars", path)
	c.probe(path+".livenessProbe", k.LivenessProbe)
	c.probe(path+".readinessProbe", k.ReadinessProbe)
	c.probe(path+".startupProbe", k.StartupProbe)
	if sc := k.SecurityContext; sc != nil {
		c.when(sc.ProcMount != nil && *sc.ProcMount != v1.DefaultProcMount, "%s.securityContext.procMount is not supported", path)
		c.profiles(path+".securityContext", sc.SeccompProfile, sc.AppArmorProfile)
	}
}

func (c *complaints) probe(path string, p *v1.Probe) {
	c.when(p != nil && p.GRPC != nil, "%s.grpc is not supported", path)
}

func (c *complaints) profiles(path string, seccomp *v1.SeccompProfile, apparmor *v1.AppArmorProfile) {
	c.when(seccomp != nil && seccomp.Type == v1.SeccompProfileTypeLocalhost, "%s.seccompProfile: Localhost is not supported", path)
	c.when(apparmor != nil && apparmor.Type == v1.AppArmorProfileTypeLocalhost, "%s.appArmorProfile: Localhost is not supported", path)
}
