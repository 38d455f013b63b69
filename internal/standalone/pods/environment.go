package pods

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// environment is a list of NAME=value in which each name occurs once, in the order of first mention.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if e.values == nil {
		e.values = map[string]string{}
	}
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) get(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

func (e *environment) list() []string {
	list := make([]string, 0, len(e.names))
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}

// facts are what the downward API tells that is not in the pod's object.
type facts struct {
	nodeAddresses, addresses []netip.Addr
}

// declared evaluates a container's env: references see what was declared before.
func declared(pod *v1.Pod, c *v1.Container, f *facts) (*environment, error) {
	var e environment
	for i := range c.Env {
		v := &c.Env[i]
		if v.ValueFrom == nil {
			e.set(v.Name, expand(v.Value, e.get))
			continue
		}
		if v.ValueFrom.FieldRef == nil {
			return nil, fmt.Errorf("env %s: only values and fieldRef are supported", v.Name)
		}
		value, err := fieldValue(pod, v.ValueFrom.FieldRef.FieldPath, f)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", v.Name, err)
		}
		e.set(v.Name, value)
	}
	return &e, nil
}

// fieldValue evaluates a field path of the downward API for environment variables.
func fieldValue(pod *v1.Pod, path string, f *facts) (string, error) {
	if field, key, ok := subscript(path); ok {
		switch field {
		case "metadata.labels":
			return pod.Labels[key], nil
		case "metadata.annotations":
			return pod.Annotations[key], nil
		}
	}
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.podIP":
		return join(f.addresses[:min(1, len(f.addresses))]), nil
	case "status.podIPs":
		return join(f.addresses), nil
	case "status.hostIP":
		return join(f.nodeAddresses[:min(1, len(f.nodeAddresses))]), nil
	case "status.hostIPs":
		return join(f.nodeAddresses), nil
	}
	return "", fmt.Errorf("field path %q is not supported", path)
}

// subscript splits field['key'].
func subscript(path string) (field, key string, ok bool) {
	field, rest, ok := strings.Cut(path, "['")
	if !ok {
		return "", "", false
	}
	key, ok = strings.CutSuffix(rest, "']")
	return field, key, ok
}

func join(addresses []netip.Addr) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ",")
}

// fullEnvironment is what a container's program gets: the image's variables, the host name, then the declared ones.
func fullEnvironment(image *image, hostname string, declared *environment) []string {
	var e environment
	for _, list := range [][]string{image.env, {"HOSTNAME=" + hostname, "HOME=/root"}, declared.list()} {
		for _, v := range list {
			name, value, _ := strings.Cut(v, "=")
			e.set(name, value)
		}
	}
	return e.list()
}

// commandLine is what a container runs: its command and args, with references to declared variables, or the image's.
func commandLine(image *image, c *v1.Container, declared *environment) []string {
	expanded := func(list []string) []string {
		var out []string
		for _, s := range list {
			out = append(out, expand(s, declared.get))
		}
		return out
	}
	command, args := expanded(c.Command), expanded(c.Args)
	if len(command) > 0 {
		return append(command, args...)
	}
	if len(args) > 0 {
		return append(slices.Clone(image.entrypoint), args...)
	}
	return append(slices.Clone(image.entrypoint), image.command...)
}
