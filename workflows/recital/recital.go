// Package recital has a base write from its first token on: a sample of what it can do, of whatever it was
// trained on, to hold adapters to.
package recital

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cultivar/cultivar/internal/atomicfile"
	"github.com/cultivar/cultivar/trainer/generate"
	"github.com/cultivar/cultivar/workflows/home"
	"github.com/cultivar/cultivar/workflows/models"
)

// Recital is texts that a base writes. The fields are all that they depend on.
type Recital struct {
	Version int    `json:"version"` // of the way it is written
	Base    string `json:"base"`    // digest
	Seed    uint64 `json:"seed"`
	Rows    int    `json:"rows"`
	Length  int    `json:"length"` // tokens of a row, at most
}

// path is where it is kept, so that it is written once.
func (r Recital) path() string {
	data, err := json.Marshal(r)
	if err != nil {
		panic("recital: marshal: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return filepath.Join(home.Cache("recitals"), hex.EncodeToString(sum[:])+".jsonl")
}

// Write has the base write, or reads what it wrote before. The first token of each row is what begins a
// text. progress, which may be nil, hears how many rows are done.
func (r Recital) Write(ctx context.Context, b *models.Base, progress func(done, rows int)) ([][]int32, error) {
	r.Version = 1
	path := r.path()
	rows, err := r.read(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return rows, err
	}
	if rows, err = r.write(ctx, b, progress); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return rows, atomicfile.WriteFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		for _, row := range rows {
			if err := e.Encode(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// read reads a file that write wrote; one that is not whole counts as none.
func (r Recital) read(path string) ([][]int32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var rows [][]int32
	for d := json.NewDecoder(bufio.NewReader(f)); len(rows) < r.Rows; {
		var row []int32
		if err := d.Decode(&row); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w (delete the file, and it is written anew)", path, len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (r Recital) write(ctx context.Context, b *models.Base, progress func(done, rows int)) ([][]int32, error) {
	m, err := b.Model(ctx, models.AdapterRef{})
	if err != nil {
		return nil, err
	}
	begin, _ := b.Tokenizer.Around()
	if len(begin) == 0 {
		if bos := b.Tokenizer.Special().BOS; bos.OK {
			begin = []int32{bos.ID}
		} else if stop := b.Stop(); len(stop) > 0 {
			begin = stop[:1] // what ends a text stands before the next one where bases are trained
		} else {
			return nil, errors.New("the base has no token that begins or ends a text; there must be texts of somebody's own (replay.data)")
		}
	}
	rows, prompts := make([][]int32, r.Rows), make([][]int32, r.Rows)
	o := generate.Options{MaxNewTokens: r.Length - len(begin), Temperature: 1, Seed: r.Seed, Stop: b.Stop(), Draws: make([]uint64, r.Rows)}
	if o.MaxNewTokens < 1 {
		return nil, fmt.Errorf("a text of %d tokens, of which %d only begin it, says nothing", r.Length, len(begin))
	}
	for i := range rows {
		rows[i], prompts[i], o.Draws[i] = append([]int32(nil), begin...), begin, uint64(i)
	}
	written, total := 0, r.Rows*o.MaxNewTokens
	err = generate.All(ctx, m.NewBatch(generate.Size(r.Rows)), prompts, o, func(i int, id int32) bool {
		rows[i] = append(rows[i], id)
		if written++; progress != nil && written%256 == 0 {
			progress(written*r.Rows/total, r.Rows)
		}
		return true
	})
	if err == nil && progress != nil {
		progress(r.Rows, r.Rows)
	}
	return rows, err
}
