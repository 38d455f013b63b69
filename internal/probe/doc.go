// Package probe answers with packets who reaches whom in a world: it builds throw-away nodes with the real compiler, the real datapath in the kernel and
// one network namespace for each pod, and sends real connections from end to end. In flow a world and flows; out flow what got through, and
// why the rest did not. There is no API server and no agent.
//
// Everything lives in namespaces and mounts without a name, held by file descriptors of this process: when it ends, also by SIGKILL, the kernel takes
// all of it back. The machine's own network is never entered for writing. It needs root.
package probe
