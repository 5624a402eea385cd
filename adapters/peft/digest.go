package peft

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/cultivar/cultivar/adapters"
)

// Digest identifies what an adapter computes: "sha256:" and the hex digest over the settings that
// serving depends on and all tensors, as docs/format/adapter.md defines it. Names of the base,
// dropout and the files' layout do not count.
func Digest(a *adapters.Adapter) string {
	c := a.Config
	serving := map[string]any{
		"alpha_pattern": pattern(c.AlphaPattern, number), "lora_alpha": number(c.Alpha), "r": c.Rank,
		"rank_pattern":   pattern(c.RankPattern, func(n int) any { return n }),
		"target_modules": targetsValue(c.TargetModules), "use_dora": c.UseDoRA, "use_rslora": c.UseRSLoRA,
	}
	if len(c.TargetParameters) > 0 { // absent elsewhere: digests from before there were any stay what they were
		serving["target_parameters"] = parametersValue(c.TargetParameters)
	}
	var config strings.Builder
	dumps(&config, serving, "\n")
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "cultivar adapter 1\n%s\n", config.String())
	for _, t := range sorted(a.Tensors) {
		_, _ = fmt.Fprintf(h, "tensor %d:%s %v %x\n", len(t.Name), t.Name, t.Shape, sumFloats(t.Data))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// sumFloats is the SHA-256 of the values as little-endian float32.
func sumFloats(values []float32) []byte {
	h := sha256.New()
	var buf [4096]byte
	for len(values) > 0 {
		n := min(len(values), len(buf)/4)
		for i, v := range values[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
		}
		_, _ = h.Write(buf[:4*n])
		values = values[n:]
	}
	return h.Sum(nil)
}
