// Package version says which version this is.
package version

// Version is the released version, or the one being worked on.
const Version = "0.1.0"

// Tool names the program and its version in what it writes.
const Tool = "cultivar/" + Version
