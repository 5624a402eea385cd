package publish

import "github.com/cultivar/cultivar/adapters/peft"

// Sound is an adapter that was read whole and found to be what it must be.
type Sound struct {
	Adapter string `json:"adapter"` // name@version, or the directory
	Digest  string `json:"adapter_digest"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"` // as float32
}

// Sound sums up what was found.
func (f Found) Sound() Sound {
	return Sound{f.Name, peft.Digest(f.Adapter), len(f.Adapter.Tensors), f.Size}
}
