package manifest

import (
	"cmp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// workloadKind is a kind with a pod template, and how kubectl calls it for short.
type workloadKind struct{ kind, short string }

// workloadKinds are all kinds with a pod template.
var workloadKinds = []workloadKind{
	{"Deployment", "deploy"}, {"ReplicaSet", "rs"}, {"StatefulSet", "sts"}, {"DaemonSet", "ds"}, {"Job", "job"}, {"CronJob", "cronjob"},
	{"ReplicationController", "rc"},
}

// template returns the pod template of an object; nil: it has none.
func template(object any) *corev1.PodTemplateSpec {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.ReplicaSet:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	case *corev1.ReplicationController:
		return o.Spec.Template
	}
	return nil
}

// PodSpec returns the spec of the object's pods: its own if it is a Pod, otherwise that of its pod template; nil: it has none.
func (o *Object) PodSpec() *corev1.PodSpec {
	if pod, ok := o.Value.(*corev1.Pod); ok {
		return &pod.Spec
	}
	if t := template(o.Value); t != nil {
		return &t.Spec
	}
	return nil
}

// addWorkloads adds one pod for every object with a pod template, except those that another one of the manifests controls, as a Deployment
// controls its ReplicaSets, and those whose Pods are there, as in what a cluster answers. The pod has the name of its workload; where a pod of that
// name is there already, or a workload of a kind that comes first in workloadKinds, its own kind is put before it: "ds:web", which no object can be called.
func (w *World) addWorkloads() {
	taken := map[[2]string]bool{}
	for _, p := range w.Pods {
		taken[[2]string{p.Namespace, p.Name}] = true
	}
	live := w.livePods()
	for _, o := range w.workloadObjects() {
		name := o.Name
		if pods := live[nameOf(o)]; len(pods) > 0 {
			w.Workloads = append(w.Workloads, &Workload{Kind: o.Kind.Kind, Namespace: o.Namespace, Name: name, Pods: pods})
			continue
		}
		if taken[[2]string{o.Namespace, name}] {
			name = workloadKinds[rank(o.Kind.Kind)].short + ":" + name
		}
		taken[[2]string{o.Namespace, name}] = true
		t := template(o.Value)
		pod := policy.FromPod(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: name, Labels: t.Labels}, Spec: t.Spec,
		})
		o.Pod = pod
		w.Pods = append(w.Pods, pod)
		w.Workloads = append(w.Workloads, &Workload{Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name, Pod: pod, Pods: []*policy.Pod{pod}})
	}
}

// workloadObjects returns the objects that pods are added for, in an order that does not depend on that of the manifests.
func (w *World) workloadObjects() []*Object {
	owners := w.templates()
	var all []*Object
	for _, o := range w.Objects {
		if template(o.Value) != nil && owners[controller(o)] == nil {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b *Object) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(rank(a.Kind.Kind), rank(b.Kind.Kind)))
	})
	return all
}

// rank is the place of a kind in workloadKinds.
func rank(kind string) int {
	return slices.IndexFunc(workloadKinds, func(k workloadKind) bool { return k.kind == kind })
}

// templates returns the objects with a pod template.
func (w *World) templates() map[objectName]*Object {
	all := map[objectName]*Object{}
	for _, o := range w.Objects {
		if template(o.Value) != nil {
			all[nameOf(o)] = o
		}
	}
	return all
}

// livePods returns the Pods of the manifests that are not over, by the workload that controls them, maybe through another one.
func (w *World) livePods() map[objectName][]*policy.Pod {
	pods := map[[2]string]*policy.Pod{}
	for _, p := range w.Pods {
		if !p.Terminated {
			pods[[2]string{p.Namespace, p.Name}] = p
		}
	}
	workloads, live := w.templates(), map[objectName][]*policy.Pod{}
	for _, o := range w.Objects {
		pod, ok := o.Value.(*corev1.Pod)
		p := pods[[2]string{o.Namespace, o.Name}]
		if !ok || p == nil {
			continue
		}
		owner := controller(o)
		if workloads[owner] == nil {
			owner = deploymentOf(pod, owner)
		}
		for steps := 0; workloads[owner] != nil && steps < 3; steps++ { // no kind of workload controls another one through more
			live[owner] = append(live[owner], p)
			owner = controller(workloads[owner])
		}
	}
	return live
}

// deploymentOf returns the Deployment of a Pod whose ReplicaSet is not among the manifests: the ReplicaSet's name is the Deployment's, and the value of the
// label pod-template-hash.
func deploymentOf(pod *corev1.Pod, replicaSet objectName) objectName {
	name, found := strings.CutSuffix(replicaSet.name, "-"+pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey])
	if replicaSet.kind != "ReplicaSet" || !found {
		return objectName{}
	}
	return objectName{appsv1.GroupName, "Deployment", pod.Namespace, name}
}

func nameOf(o *Object) objectName { return objectName{o.Kind.Group, o.Kind.Kind, o.Namespace, o.Name} }

// controller returns the name of what controls the object; nothing has the zero name.
func controller(o *Object) objectName {
	meta, ok := o.Value.(metav1.Object)
	if !ok {
		return objectName{}
	}
	owner := metav1.GetControllerOfNoCopy(meta)
	if owner == nil {
		return objectName{}
	}
	return objectName{groupOf(owner.APIVersion), owner.Kind, o.Namespace, owner.Name}
}
