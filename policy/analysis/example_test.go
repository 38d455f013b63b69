package analysis_test

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

func Example() {
	web, db := map[string]string{"app": "web"}, map[string]string{"app": "db"}
	w := &analysis.World{
		Namespaces: []*policy.Namespace{{Name: "shop"}},
		Pods: []*policy.Pod{
			{Namespace: "shop", Name: "web-0", Labels: web}, {Namespace: "shop", Name: "web-1", Labels: web}, {Namespace: "shop", Name: "db-0", Labels: db},
		},
	}
	before := *w
	w.Policies = []*policy.Policy{onlyFrom(db, web, policy.Port{Protocol: policy.TCP, Number: 5432})}

	a := analysis.New(w)
	for _, src := range a.Groups() {
		fmt.Printf("%s reaches %s of shop/db-0\n", src.Name, a.Reach(src, a.GroupOf(w.Pods[2])))
	}
	for _, change := range analysis.Compare(&before, w).IsolationChanges() {
		fmt.Printf("%s: %s isolated\n", change.Who(), change.Direction)
	}
	// Output:
	// shop/app=web (2 pods) reaches TCP 5432 of shop/db-0
	// shop/db-0 reaches nothing of shop/db-0
	// outside reaches nothing of shop/db-0
	// shop/db-0: ingress isolated
}

// onlyFrom returns the policy that isolates pods of namespace shop for ingress and accepts one port from others.
func onlyFrom(subject, peer map[string]string, port policy.Port) *policy.Policy {
	subjects, _ := policy.SelectLabels(subject)
	peers, _ := policy.SelectLabels(peer)
	p := &policy.Policy{
		Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "shop", Name: "db"}, Tier: policy.NetworkPolicy,
		Subject: policy.PodSelector{Namespace: "shop", Pods: subjects},
	}
	p.Isolates[policy.Ingress] = true
	p.Rules[policy.Ingress] = []policy.Rule{{
		Action: policy.Accept, Peers: []policy.Peer{{Pods: &policy.PodSelector{Namespace: "shop", Pods: peers}}}, Ports: []policy.Port{port},
	}}
	return p
}
