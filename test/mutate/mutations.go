package main

// mutations are the ways to break the code.
var mutations = []mutation{
	{leg: "program", name: "a spoofed source address passes", file: "internal/datapath/ebpf/bpf/hedgerow.c",
		old: "return source->interface != p->in;", new: "return 0;", suites: []string{"./internal/datapath/ebpf -run Spoof"}},
}
