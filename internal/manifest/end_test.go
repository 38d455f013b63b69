package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy"
)

const ends = `
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.1.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: etl-699b859947-h867f, namespace: data}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIPs: [{ip: 10.1.0.5}, {ip: "fd00::5"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.1.0.6}]}
---
apiVersion: v1
kind: Pod
metadata: {name: over, namespace: shop, labels: {app: web}}
status: {phase: Failed, podIPs: [{ip: 10.1.0.6}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, clusterIPs: [10.96.0.1, "fd00:96::1"], ports: [{name: http, port: 80, targetPort: http}, {name: num, port: 81, targetPort: 8081}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.50, ipMode: VIP}, {ip: 203.0.113.51, ipMode: Proxy}, {ip: 192.0.2.1}, {hostname: lb.example.com}]}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: web}, externalIPs: [203.0.113.60]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true, uid: u}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true, uid: u}]}
`

func TestFindEnd(t *testing.T) {
	w := read(t, ends)
	for name, want := range map[string]string{
		"shop/web-1":           "shop/web-1",
		"pod/shop/web-1":       "shop/web-1",
		"pods/shop/web-1":      "shop/web-1",
		"svc/shop/web":         "shop/web-1 shop/web-2",
		"Service/shop/web":     "shop/web-1 shop/web-2",
		"10.96.0.1":            "shop/web-1@10.1.0.5 shop/web-2@10.1.0.6: 10.96.0.1 is the cluster IP of Service shop/web",
		"fd00:96::1":           "shop/web-1@fd00::5: fd00:96::1 is the cluster IP of Service shop/web",
		"deploy/shop/api":      "shop/api",
		"deployments/shop/api": "shop/api",
		"shop/api":             "shop/api",
		"sts/shop/db":          "shop/db-0 shop/db-1",
		"shop/db":              "shop/db-0 shop/db-1",
		"203.0.113.50":         "shop/web-1@10.1.0.5 shop/web-2@10.1.0.6: 203.0.113.50 is an external address of Service shop/web",
		"203.0.113.51":         "203.0.113.51@203.0.113.51: 203.0.113.51 is outside the cluster",
		"203.0.113.60":         "shop/web-1@10.1.0.5 shop/web-2@10.1.0.6: 203.0.113.60 is an external address of Service shop/api",
		"node/n1":              "an address outside the cluster",
		"10.1.0.5":             "shop/web-1@10.1.0.5: 10.1.0.5 is pod shop/web-1",
		"::ffff:10.1.0.5":      "shop/web-1@10.1.0.5: 10.1.0.5 is pod shop/web-1",
		"[fd00::5]":            "shop/web-1@fd00::5: fd00::5 is pod shop/web-1",
		"10.1.0.6":             "shop/web-2@10.1.0.6: 10.1.0.6 is pod shop/web-2",
		"10.1.0.7":             "the unknown pod address 10.1.0.7@10.1.0.7: 10.1.0.7 lies in the pod range of node n1, but no pod has it",
		"192.0.2.1":            "192.0.2.1@192.0.2.1: 192.0.2.1 is node n1",
		"192.0.2.2":            "192.0.2.2@192.0.2.2: 192.0.2.2 is outside the cluster",
	} {
		e, err := w.FindEnd(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var all []string
		for _, end := range e.Ends {
			text := end.String()
			if end.Pod != nil {
				text = end.Pod.String()
			}
			if end.Address.IsValid() {
				text += "@" + end.Address.String()
			}
			all = append(all, text)
		}
		got := strings.Join(all, " ")
		if e.Note != "" {
			got += ": " + e.Note
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestFindEndErrors(t *testing.T) {
	w := read(t, ends)
	for name, want := range map[string]string{
		"":                `"" is none of`,
		"web":             `and an IP address; did you mean "svc/shop/web"?`,
		"web-1":           `and an IP address; did you mean "shop/web-1"?`,
		"wbe":             `node/NAME and an IP address`,
		"a/b/c/d":         `is none of`,
		"shop/":           `is none of`,
		"data/etl":        `there is no pod data/etl; did you mean "data/etl-699b859947-h867f"?`,
		"shop/web-3":      `there is no pod shop/web-3; did you mean "shop/web-1"?`,
		"svc/shop/wbe":    `there is no Service shop/wbe; did you mean "shop/web"?`,
		"sts/shop/api":    `there is no StatefulSet shop/api`,
		"deplo/shop/api":  `"deplo" is no kind that can be an end of a flow; did you mean "deploy"?`,
		"node/n2":         `there is no node n2; did you mean "n1"?`,
		"0.0.0.0":         `is not an address`,
		"224.0.0.1":       `is not an address`,
		"255.255.255.255": `is not an address`,
	} {
		if _, err := w.FindEnd(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", name, err, want)
		}
	}
}

func TestSplitTarget(t *testing.T) {
	for text, want := range map[string]string{
		"shop/web":             "shop/web",
		"shop/web:80":          "shop/web 80/TCP",
		"shop/web:80/udp":      "shop/web 80/UDP",
		"shop/web:http":        "shop/web http/TCP",
		"shop/web:http/SCTP":   "shop/web http/SCTP",
		"shop/web:ICMP":        "shop/web ICMP",
		"shop/web:icmp":        "shop/web ICMP",
		"svc/shop/web:1":       "svc/shop/web 1/TCP",
		"10.0.0.1":             "10.0.0.1",
		"10.0.0.1:65535":       "10.0.0.1 65535/TCP",
		"fd00::1":              "fd00::1",
		"fd00::1:80":           "fd00::1:80", // an address, too
		"[fd00::1]":            "[fd00::1]",
		"[fd00::1]:80/TCP":     "[fd00::1] 80/TCP",
		"1:2:3:4:5:6:7:8:80":   "!an IPv6 address with a port is written [ADDRESS]:PORT",
		"shop/web:":            "!TCP needs a port",
		"shop/web:0":           "!not between 1 and 65535",
		"shop/web:65536":       "!not between 1 and 65535",
		"shop/web:99999999999": "!not between 1 and 65535",
		"shop/web:80/":         "shop/web 80/TCP",
		"shop/web:80/x":        "!none of TCP, UDP, SCTP, ICMP",
		"shop/web:80/icmp":     "!ICMP has no ports",
		"shop/web:Http":        "!neither a number nor the name of a port",
		"shop/web:-1":          "!neither a number nor the name of a port",
	} {
		to, port, err := SplitTarget(text)
		got := to
		if port != nil {
			got += " " + port.String()
		}
		if problem, wanted := strings.CutPrefix(want, "!"); wanted {
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: error is %v, want %s", text, err, problem)
			}
		} else if err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestFlows(t *testing.T) {
	w := read(t, ends)
	for _, test := range []struct {
		to, port string
		want     []string
	}{
		{"shop/web-1", "80", []string{"80 to shop/web-1"}},
		{"shop/web-1", "http", []string{"8080 to shop/web-1 (http is port 8080 of shop/web-1)"}},
		{"shop/web-2", "http", []string{"error: pod shop/web-2 has no TCP port named http"}},
		{"svc/shop/web", "80", []string{
			"8080 to shop/web-1 (Service port 80 is pod port 8080 (named http))",
			"unserved: pod shop/web-2 has no TCP port named http, which Service port 80 leads to",
		}},
		{"svc/shop/web", "num", []string{"8081 to shop/web-1 (Service port 81 is pod port 8081)", "8081 to shop/web-2 (Service port 81 is pod port 8081)"}},
		{"svc/shop/web", "82", []string{"error: service shop/web has no port 82/TCP: it has 80/TCP (http), 81/TCP (num)"}},
		{"203.0.113.7", "http", []string{`error: 203.0.113.7 is no pod of the manifests, so nobody knows which port "http" is there: write its number`}},
	} {
		from, err := w.FindEnd("shop/api")
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.FindEnd(test.to)
		if err != nil {
			t.Fatal(err)
		}
		port, err := ParsePort(test.port, "")
		if err != nil {
			t.Fatal(err)
		}
		flows, unserved, err := w.Flows(from, to, port)
		var got []string
		for _, f := range flows {
			text := fmt.Sprintf("%d to %s", f.Port, f.Destination)
			if f.Note != "" {
				text += " (" + f.Note + ")"
			}
			got = append(got, text)
		}
		for _, u := range unserved {
			got = append(got, "unserved: "+u)
		}
		if err != nil {
			got = append(got, "error: "+err.Error())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:%s (-want +got):\n%s", test.to, test.port, diff)
		}
	}
}

func TestByFamily(t *testing.T) {
	w := read(t, ends)
	pods := map[string]*policy.Pod{}
	for _, p := range w.Pods {
		pods[p.Name] = p
	}
	for _, test := range []struct{ from, to, want string }{
		{"api", "web-1", "4 6"}, {"api", "web-2", "4"}, {"web-1", "web-2", "4"},
	} {
		f := Flow{Flow: policy.Flow{Source: policy.PodEnd(pods[test.from]), Destination: policy.PodEnd(pods[test.to])}}
		var got []string
		for _, g := range w.ByFamily(f) {
			if g.Source.Address.Is4() != g.Destination.Address.Is4() {
				t.Errorf("%s to %s", g.Source.Address, g.Destination.Address)
			}
			got = append(got, map[bool]string{true: "4", false: "6"}[g.Source.Address.Is4()])
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s to %s: families %v, want %s", test.from, test.to, got, test.want)
		}
	}
}

func TestByFamilyOfDisputedAddresses(t *testing.T) {
	w := read(t, `{apiVersion: v1, kind: List, items: [
		{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}},
		{apiVersion: v1, kind: Pod, metadata: {name: b}, status: {podIPs: [{ip: 10.0.0.1}, {ip: "fd00::2"}]}},
		{apiVersion: v1, kind: Pod, metadata: {name: over}, status: {phase: Failed, podIPs: [{ip: "fd00::2"}]}},
	]}`)
	var got []string
	for _, f := range w.ByFamily(Flow{Flow: policy.Flow{Source: policy.PodEnd(w.Pods[0]), Destination: policy.PodEnd(w.Pods[1])}}) {
		got = append(got, fmt.Sprintf("%s to %s", f.Source, f.Destination))
	}
	if diff := cmp.Diff([]string{"the disputed address 10.0.0.1 to the disputed address 10.0.0.1", "default/a to default/b"}, got); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
	want := []string{
		"-:2: warning: Pod default/a has the address 10.0.0.1, and so has another pod: nothing passes there until one of them gives it up",
		"-:3: warning: Pod default/b has the address 10.0.0.1, and so has another pod: nothing passes there until one of them gives it up",
	}
	if diff := cmp.Diff(want, w.Warnings()); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func FuzzEnds(f *testing.F) {
	for _, text := range []string{"shop/web-1:80/TCP", "[fd00::5]:http", "svc/shop/web", "10.96.0.1:ICMP", "deploy/shop/api:1"} {
		f.Add(text)
	}
	w, err := Read([]string{"-"}, strings.NewReader(ends))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, port, err := SplitTarget(text)
		if err != nil || port == nil {
			return
		}
		e, err := w.FindEnd(to)
		if err != nil {
			return
		}
		flows, _, err := w.Flows(e, e, *port)
		if err == nil && len(flows) == 0 {
			t.Errorf("%s: neither flows nor an error", text)
		}
	})
}
