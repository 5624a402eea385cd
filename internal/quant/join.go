package quant

import (
	"errors"
	"fmt"
)

// Join is the rows of tensors of one format and width, those of one below those of the other. It shares
// their memory.
func Join(parts ...*Tensor) (*Tensor, error) {
	if len(parts) == 0 {
		return nil, errors.New("no tensors to join")
	}
	first := parts[0]
	j := &Tensor{Format: first.Format, Cols: first.Cols}
	for _, p := range parts {
		if p.Format != first.Format || p.Cols != first.Cols || p.Rows != first.Rows {
			return nil, fmt.Errorf("%v of %d×%d and %v of %d×%d cannot be joined", first.Format, first.Rows, first.Cols, p.Format, p.Rows, p.Cols)
		}
		j.Rows += p.Rows
	}
	if err := checkShape(j.Rows, j.Cols); err != nil {
		return nil, err
	}
	j.storage = joined(parts)
	return j, nil
}

// joined is tensors of equally many rows.
type joined []*Tensor

func (j joined) decode(dst []float32, row, col int) {
	n := j[0].Rows
	j[row/n].Decode(dst, row%n, col)
}

func (j joined) bytes() (total int64) {
	for _, p := range j {
		total += p.Bytes()
	}
	return total
}
