package training

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"

	"github.com/cultivar/cultivar/datasets/pack"
)

// RunDigest identifies a run by what decides it: the version of the arithmetic, the given facts, and the
// tokens that are trained on.
func RunDigest(rows []pack.Row, facts ...any) string {
	data, err := json.Marshal(append([]any{NumericsVersion}, facts...))
	if err != nil {
		panic("training: marshal run identity: " + err.Error())
	}
	h := sha256.New()
	_, _ = h.Write(data)
	for _, row := range rows {
		writeRow(h, row)
		if row.Teacher != nil {
			writeRow(h, *row.Teacher)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func writeRow(w hash.Hash, row pack.Row) {
	_, _ = w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(row.IDs))))
	for i, id := range row.IDs {
		word := uint64(uint32(id))
		if row.Trained == nil || row.Trained[i] {
			word |= 1 << 32
		}
		_, _ = w.Write(binary.LittleEndian.AppendUint64(nil, word))
	}
}
