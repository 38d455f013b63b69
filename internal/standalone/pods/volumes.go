package pods

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

func volumeDir(dir, name string) string { return filepath.Join(dir, "volumes", name) }

// makeVolumes makes the pod's emptyDir volumes. Those of medium Memory are filesystems in memory.
func makeVolumes(pod *v1.Pod, dir string) error {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		path := volumeDir(dir, v.Name)
		if err := os.MkdirAll(path, 0o777); err != nil {
			return fmt.Errorf("make volume %s: %w", v.Name, err)
		}
		if v.EmptyDir != nil && v.EmptyDir.Medium == v1.StorageMediumMemory {
			if err := unix.Mount("volume", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, memoryOptions(v.EmptyDir)); err != nil {
				return fmt.Errorf("make volume %s: %w", v.Name, err)
			}
		}
		mode := os.FileMode(0o777)
		if sc := pod.Spec.SecurityContext; sc != nil && sc.FSGroup != nil {
			if err := os.Chown(path, -1, int(*sc.FSGroup)); err != nil {
				return fmt.Errorf("make volume %s: %w", v.Name, err)
			}
			mode |= os.ModeSetgid
		}
		if err := os.Chmod(path, mode); err != nil { // not bounded by the umask
			return fmt.Errorf("make volume %s: %w", v.Name, err)
		}
	}
	return nil
}

func memoryOptions(v *v1.EmptyDirVolumeSource) string {
	if v.SizeLimit == nil || v.SizeLimit.Value() <= 0 {
		return "mode=0777"
	}
	return fmt.Sprintf("mode=0777,size=%d", v.SizeLimit.Value())
}

// removeVolumes removes the volumes. It may be repeated.
func removeVolumes(pod *v1.Pod, dir string) error {
	for i := range pod.Spec.Volumes {
		path := volumeDir(dir, pod.Spec.Volumes[i].Name)
		// EINVAL: it is not a filesystem of its own.
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
			return fmt.Errorf("remove volume %s: %w", pod.Spec.Volumes[i].Name, err)
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove volume %s: %w", pod.Spec.Volumes[i].Name, err)
		}
	}
	return nil
}

func volumeMounts(c *v1.Container, dir string) []container.Mount {
	var mounts []container.Mount
	for _, m := range c.VolumeMounts {
		mounts = append(mounts, container.Mount{Source: volumeDir(dir, m.Name), Target: m.MountPath, ReadOnly: m.ReadOnly})
	}
	return mounts
}
