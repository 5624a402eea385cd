package catalog

// Described is a version and where it is.
type Described struct {
	Manifest
	Ref  string `json:"ref"`
	Path string `json:"path,omitempty"` // of its directory, when it is on this machine
}

// Card is what a version says of itself.
type Card struct {
	Card string `json:"card"` // Markdown
}

// Intact is a version of which all files are what its manifest says.
type Intact struct {
	Dataset string `json:"dataset"`
	Digest  string `json:"digest"`
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// Described is the version and where it is.
func (d *Dataset) Described() Described { return Described{d.Manifest, d.Ref(), d.Dir()} }

// Intact sums up a version that was verified.
func (d *Dataset) Intact() Intact {
	return Intact{d.Ref(), d.Manifest.Digest, len(d.Manifest.Files), d.Manifest.Size()}
}

// Size is that of the version's files in bytes.
func (m Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}
