package manifest

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// WorkloadKind is a kind with a pod template, and how kubectl calls it for short.
type WorkloadKind struct{ Kind, Short string }

// WorkloadKinds are all kinds with a pod template.
var WorkloadKinds = []WorkloadKind{
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

// addWorkloads adds one pod for every object with a pod template, except those that another one of the manifests controls, as a Deployment
// controls its ReplicaSets. The pod has the name of its workload; where a pod of that name is there already, or a workload of a kind that comes first in
// WorkloadKinds, its own kind is put before it: "ds:web", which no object can be called.
func (w *World) addWorkloads() {
	taken := map[[2]string]bool{}
	for _, p := range w.Pods {
		taken[[2]string{p.Namespace, p.Name}] = true
	}
	for _, o := range w.workloadObjects() {
		name := o.Name
		if taken[[2]string{o.Namespace, name}] {
			name = WorkloadKinds[rank(o.Kind.Kind)].Short + ":" + name
		}
		taken[[2]string{o.Namespace, name}] = true
		t := template(o.Value)
		pod := policy.FromPod(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: name, Labels: t.Labels}, Spec: t.Spec,
		})
		w.Pods = append(w.Pods, pod)
		w.Workloads = append(w.Workloads, &Workload{Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name, Pod: pod})
	}
}

// workloadObjects returns the objects that pods are added for, in an order that does not depend on that of the manifests.
func (w *World) workloadObjects() []*Object {
	owners := map[objectName]bool{}
	for _, o := range w.Objects {
		if template(o.Value) != nil {
			owners[objectName{o.Kind.Group, o.Kind.Kind, o.Namespace, o.Name}] = true
		}
	}
	var all []*Object
	for _, o := range w.Objects {
		if template(o.Value) != nil && !controlled(o, owners) {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b *Object) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(rank(a.Kind.Kind), rank(b.Kind.Kind)))
	})
	return all
}

// rank is the place of a kind in WorkloadKinds.
func rank(kind string) int {
	return slices.IndexFunc(WorkloadKinds, func(k WorkloadKind) bool { return k.Kind == kind })
}

// controlled reports whether the object belongs to a workload of the manifests.
func controlled(o *Object, owners map[objectName]bool) bool {
	meta, ok := o.Value.(metav1.Object)
	if !ok {
		return false
	}
	owner := metav1.GetControllerOfNoCopy(meta)
	if owner == nil {
		return false
	}
	return owners[objectName{groupOf(owner.APIVersion), owner.Kind, o.Namespace, owner.Name}]
}
