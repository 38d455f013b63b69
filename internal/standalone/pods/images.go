package pods

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// ToolboxImage is the name of the image that is built in. Any tag is accepted.
const ToolboxImage = "hedgerow/toolbox"

// Images are the root filesystems that containers can have: one, made of the toolbox program, under several names.
type Images struct {
	dir    string
	digest string
}

// image is a root filesystem and what runs in it unless the container says otherwise.
type image struct {
	dir        string
	id         string
	entrypoint []string
	command    []string
	env        []string
	workingDir string
}

// imagePath is the PATH of a container that sets none.
const imagePath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// plainCommands are toolbox commands that containers find in their PATH.
var plainCommands = []string{"cat", "env", "pause", "sleep"}

// NewImages makes the built-in image in dir, which must not exist or be left from an earlier run, out of the program at toolbox. The program is
// linked, not copied, where the filesystem allows.
func NewImages(dir, toolbox string) (*Images, error) {
	digest, err := fileDigest(toolbox)
	if err != nil {
		return nil, fmt.Errorf("make image %s: %w", ToolboxImage, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("make image %s: %w", ToolboxImage, err)
	}
	if err := buildImage(dir, toolbox); err != nil {
		return nil, fmt.Errorf("make image %s: %w", ToolboxImage, err)
	}
	return &Images{dir: dir, digest: digest}, nil
}

func buildImage(dir, toolbox string) error {
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{{"bin", 0o755}, {"etc", 0o755}, {"root", 0o700}, {"tmp", 0o1777}, {"var/tmp", 0o1777}, {"dev", 0o755}, {"proc", 0o555}, {"sys", 0o555}} {
		full := filepath.Join(dir, d.name)
		if err := os.MkdirAll(full, 0o755); err != nil {
			return err
		}
		mode := d.mode.Perm()
		if d.mode&0o1000 != 0 {
			mode |= os.ModeSticky
		}
		if err := os.Chmod(full, mode); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:\nnobody:x:65534:65534:nobody:/:\n",
		"etc/group":  "root:x:0:\nnobody:x:65534:\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, name := range plainCommands {
		if err := os.Symlink("/agnhost", filepath.Join(dir, "bin", name)); err != nil {
			return err
		}
	}
	if err := os.Symlink("/agnhost", filepath.Join(dir, "pause")); err != nil {
		return err
	}
	return linkFile(toolbox, filepath.Join(dir, "agnhost"))
}

// linkFile makes a hard link, or a copy if the two names are on different filesystems.
func linkFile(from, to string) error {
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EPERM) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func fileDigest(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// find returns the image that a reference names. The error says which images there are.
func (i *Images) find(reference string) (*image, error) {
	found := &image{dir: i.dir, id: ToolboxImage + "@sha256:" + i.digest, env: []string{imagePath}, workingDir: "/"}
	name := repository(reference)
	switch {
	case strings.TrimPrefix(name, "docker.io/") == ToolboxImage, path.Base(name) == "agnhost":
		found.entrypoint, found.command = []string{"/agnhost"}, []string{"pause"}
	case path.Base(name) == "pause":
		found.entrypoint = []string{"/pause"}
	default:
		return nil, fmt.Errorf("image %q is not known: standalone has no registry and pulls nothing; "+
			"use the built-in image %s, which also answers to …/agnhost and …/pause", reference, ToolboxImage)
	}
	return found, nil
}

// repository is a reference without tag and digest.
func repository(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	if slash, colon := strings.LastIndex(name, "/"), strings.LastIndex(name, ":"); colon > slash {
		name = name[:colon]
	}
	return name
}
