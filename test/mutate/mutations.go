package main

// mutations are the ways to break the code.
var mutations = append(append(evaluator, compiler...), program...)

const (
	policySuite  = "./policy"
	compileSuite = "./internal/compile"
	kernelSuite  = "./internal/datapath/ebpf -run "
)
