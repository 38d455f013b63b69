package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The kernel program's sources and the object that is made of them.
const (
	sources = "internal/datapath/ebpf/bpf"
	object  = "internal/datapath/ebpf/program_bpfel.o"
)

// compileProgram compiles the kernel program with one of its files broken, as "go generate" does, and returns the path of the object.
func compileProgram(ctx context.Context, folder, name string, broken []byte) (string, error) {
	if err := os.CopyFS(filepath.Join(folder, "bpf"), os.DirFS(sources)); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "bpf", name), broken, 0o644); err != nil {
		return "", err
	}
	out := filepath.Join(folder, "program.o")
	for _, command := range [][]string{
		{"clang-14", "-O2", "-g", "-Wall", "-Werror", "-Wno-unused-variable", "-Wno-unused-function", "-Wno-unused-but-set-variable", "-target", "bpfel", "-mcpu=v3",
			"-c", filepath.Join(folder, "bpf", "hedgerow.c"), "-o", out},
		{"llvm-strip-14", "-g", out},
	} {
		if text, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", command[0], err, text)
		}
	}
	return out, nil
}
