// Package version says which version this is.
package version

import "runtime"

// Version is the released version, or the one being worked on.
const Version = "0.1.0"

// Tool names the program and its version in what it writes.
const Tool = "cultivar/" + Version

// Info is the version and what it was built for.
type Info struct {
	Version  string `json:"version"`
	Go       string `json:"go"`       // that it was built with
	Platform string `json:"platform"` // system/architecture
}

// Build describes this program.
func Build() Info { return Info{Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH} }
