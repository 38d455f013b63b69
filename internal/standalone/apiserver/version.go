package apiserver

import (
	"runtime/debug"

	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/component-base/compatibility"
)

// kubernetesModule is the Go module whose version is the API server's.
const kubernetesModule = "k8s.io/kubernetes"

// KubernetesVersion is the release of Kubernetes that is linked in, such as "v1.36.3", or "unknown" outside module builds.
func KubernetesVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == kubernetesModule {
			return dep.Version
		}
	}
	return "unknown"
}

// releasedVersion answers /version with the release. Without it the answer is a placeholder that only the official build fills in.
type releasedVersion struct {
	compatibility.EffectiveVersion
}

func released(v compatibility.EffectiveVersion) compatibility.EffectiveVersion {
	return releasedVersion{v}
}

// Info is the stock answer with the release in place of the placeholder.
func (v releasedVersion) Info() *apiversion.Info {
	info := *v.EffectiveVersion.Info()
	if release := KubernetesVersion(); release != "unknown" {
		info.GitVersion, info.GitCommit, info.GitTreeState = release, "", ""
	}
	return &info
}
