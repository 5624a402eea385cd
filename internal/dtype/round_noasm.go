//go:build !arm64

package dtype

// roundVector converts nothing: there is a vector form for arm64 only, since nothing that is done
// often rounds.
func roundVector(Type, []uint16, []float32) int { return 0 }
