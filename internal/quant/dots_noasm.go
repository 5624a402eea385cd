//go:build !amd64

package quant

// There is no kernel for few rows for this architecture: tensors are decoded.

func dotLanes(int) int { return 0 }

func (*ggml) canDot() bool { return false }

func (*ggml) dots(*dotJob, *dotSpace) bool { return false }

func (*fourBit) canDot() bool { return false }

func (*fourBit) dots(*dotJob, *dotSpace) bool { return false }

func (*rowInt8) canDot() bool { return false }

func (*rowInt8) dots(*dotJob, *dotSpace) bool { return false }
