// Package parquetjson reads Parquet of any columns as JSON objects, for rows that others wrote: what is called
// training data has no columns that could be known beforehand.
package parquetjson

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/cultivar/cultivar/datasets/table"
	"github.com/parquet-go/parquet-go"

	footer "github.com/parquet-go/parquet-go/format"
)

// maxDepth bounds how deep columns may nest.
const maxDepth = 64

// Columns returns the names of a Parquet file's columns in their order. Its name stands in errors.
func Columns(name string, r io.ReaderAt, size int64) ([]string, error) {
	f, err := openAny(r, size)
	if err != nil {
		return nil, &table.CorruptError{Path: name, Err: err}
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	return names, nil
}

func openAny(r io.ReaderAt, size int64) (f *parquet.File, err error) {
	err = table.Guard(func() error {
		f, err = table.OpenParquet(r, size, nil, parquet.SkipBloomFilters(true))
		return err
	})
	return f, err
}

// Objects yields the rows of a Parquet file as JSON objects with the keys in the order of the
// columns. What is null is left out, at the top and in structs: a struct has a null for every key
// that only other rows have. A time is RFC 3339, bytes that are no text are base64. A row is valid
// until the next one. Errors are *CorruptError; the first ends it.
func Objects(name string, r io.ReaderAt, size int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := openAny(r, size)
		var o *objectReader
		if err == nil {
			o, err = newObjectReader(f.Schema())
		}
		if err != nil {
			yield(nil, &table.CorruptError{Path: name, Err: err})
			return
		}
		for _, group := range f.RowGroups() {
			if more, err := o.group(group, yield); err != nil {
				yield(nil, &table.CorruptError{Path: name, Err: err})
				return
			} else if !more {
				return
			}
		}
	}
}

// column is a node of the schema with what is needed to put rows together again (Dremel): the
// levels at which it is there, and the leaves below it.
type column struct {
	name        string
	def, rep    int // the levels at this node
	first, last int // leaves: [first, last)
	optional    bool
	repeated    bool
	shape       shape
	children    []*column
	leaf        parquet.Type
}

type shape int

const (
	isLeaf shape = iota
	isStruct
	isList
	isMap
)

type objectReader struct {
	root  *column
	kinds []parquet.Kind
	out   []byte
}

func newObjectReader(schema *parquet.Schema) (*objectReader, error) {
	o := &objectReader{}
	root, err := o.column("", schema, 0, 0, 0)
	o.root = root
	return o, err
}

func (o *objectReader) column(name string, n parquet.Node, def, rep, depth int) (*column, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("columns nest more than %d deep", maxDepth)
	}
	c := &column{name: name, optional: n.Optional(), repeated: n.Repeated(), first: len(o.kinds), shape: isStruct}
	if c.repeated {
		rep++
	}
	if c.repeated || c.optional {
		def++
	}
	c.def, c.rep = def, rep
	if n.Leaf() {
		c.shape, c.leaf = isLeaf, n.Type()
		o.kinds = append(o.kinds, n.Type().Kind())
	}
	for _, f := range n.Fields() {
		child, err := o.column(f.Name(), f, def, rep, depth+1)
		if err != nil {
			return nil, err
		}
		c.children = append(c.children, child)
	}
	c.last = len(o.kinds)
	if len(c.children) == 1 && c.children[0].repeated {
		c.fold(n)
	}
	return c, nil
}

// fold recognises the groups that stand for a list or a map.
func (c *column) fold(n parquet.Node) {
	inner := c.children[0]
	var list, dict bool
	if t := n.Type().LogicalType(); t != nil {
		_, list = t.Value.(*footer.ListType)
		_, dict = t.Value.(*footer.MapType)
	}
	switch {
	case dict && len(inner.children) == 2:
		c.shape = isMap
	case list && inner.shape == isStruct && len(inner.children) == 1 && inner.name != "array" && inner.name != c.name+"_tuple":
		c.shape = isList
	}
}

func (o *objectReader) group(group parquet.RowGroup, yield func([]byte, error) bool) (more bool, err error) {
	rows := group.Rows()
	defer func() { _ = table.Guard(rows.Close) }()
	buf := make([]parquet.Row, table.Batch)
	for left := group.NumRows(); left > 0; {
		n := 0
		err := table.Guard(func() (err error) { n, err = rows.ReadRows(buf); return err })
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if n == 0 || int64(n) > left {
			return false, fmt.Errorf("row group has other than %d rows", group.NumRows())
		}
		left -= int64(n)
		for _, row := range buf[:n] {
			object, err := o.object(row)
			if err != nil {
				return false, err
			}
			if !yield(object, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// object writes one row. The values are copied out of pages of the library, hence the guard.
func (o *objectReader) object(row parquet.Row) (object []byte, err error) {
	leaves, err := o.split(row)
	if err != nil {
		return nil, err
	}
	o.out = o.out[:0]
	err = table.Guard(func() error { return o.fields(o.root, leaves) })
	return o.out, err
}

// split divides the values of a row by leaf, and holds them to the schema.
func (o *objectReader) split(row parquet.Row) ([][]parquet.Value, error) {
	leaves := make([][]parquet.Value, len(o.kinds))
	for _, v := range row {
		at := v.Column()
		if at < 0 || at >= len(leaves) || !v.IsNull() && v.Kind() != o.kinds[at] {
			return nil, errors.New("row has a value of a wrong type")
		}
		leaves[at] = append(leaves[at], v)
	}
	for _, values := range leaves {
		if len(values) == 0 || values[0].RepetitionLevel() != 0 {
			return nil, errors.New("row ends early")
		}
	}
	return leaves, nil
}

// isNull tells whether a column is not there. The leaves are those of one instance of its parent.
func (c *column) isNull(leaves [][]parquet.Value) bool {
	return c.optional && leaves[c.first][0].DefinitionLevel() < c.def
}

// value writes a column that is not null.
func (o *objectReader) value(c *column, leaves [][]parquet.Value) error {
	switch {
	case c.repeated:
		return o.list(c, c, leaves)
	case c.shape == isList:
		return o.list(c.children[0], c.children[0].children[0], leaves)
	case c.shape == isMap:
		return o.dict(c.children[0], leaves)
	case c.shape == isStruct:
		return o.fields(c, leaves)
	}
	var err error
	o.out, err = appendLeaf(o.out, c.leaf, leaves[c.first][0])
	return err
}

// fields writes a struct without its nulls.
func (o *objectReader) fields(c *column, leaves [][]parquet.Value) error {
	o.out = append(o.out, '{')
	begun := false
	for _, child := range c.children {
		if child.isNull(leaves) {
			continue
		}
		if begun {
			o.out = append(o.out, ',')
		}
		begun = true
		o.out = quote(o.out, child.name)
		o.out = append(o.out, ':')
		if err := o.value(child, leaves); err != nil {
			return fmt.Errorf("column %s: %w", child.name, err)
		}
	}
	o.out = append(o.out, '}')
	return nil
}

// list writes the instances of a repeated column, each of which is an element.
func (o *objectReader) list(repeated, element *column, leaves [][]parquet.Value) error {
	o.out = append(o.out, '[')
	err := each(repeated, leaves, func(i int, one [][]parquet.Value) error {
		if i > 0 {
			o.out = append(o.out, ',')
		}
		if element.isNull(one) {
			o.out = append(o.out, "null"...)
			return nil
		}
		if element == repeated { // a list without a group around it
			plain := *element
			plain.repeated = false
			return o.value(&plain, one)
		}
		return o.value(element, one)
	})
	o.out = append(o.out, ']')
	return err
}

// dict writes a map as an object. Keys that are no texts become texts.
func (o *objectReader) dict(pairs *column, leaves [][]parquet.Value) error {
	key, value := pairs.children[0], pairs.children[1]
	o.out = append(o.out, '{')
	err := each(pairs, leaves, func(i int, one [][]parquet.Value) error {
		if i > 0 {
			o.out = append(o.out, ',')
		}
		at := len(o.out)
		if err := o.value(key, one); err != nil {
			return err
		}
		if o.out[at] != '"' {
			name := string(o.out[at:])
			o.out = quote(o.out[:at], name)
		}
		o.out = append(o.out, ':')
		if value.isNull(one) {
			o.out = append(o.out, "null"...)
			return nil
		}
		return o.value(value, one)
	})
	o.out = append(o.out, '}')
	return err
}

// each calls f with the leaves of every instance of a repeated column: an instance begins where the
// repetition level is at most that of the column.
func each(c *column, leaves [][]parquet.Value, f func(i int, one [][]parquet.Value) error) error {
	if leaves[c.first][0].DefinitionLevel() < c.def {
		return nil // an empty list
	}
	at := make([]int, c.last-c.first)
	one := make([][]parquet.Value, len(leaves))
	for i := 0; at[0] < len(leaves[c.first]); i++ {
		for j := range at {
			values := leaves[c.first+j]
			end := at[j] + 1
			for end < len(values) && values[end].RepetitionLevel() > c.rep {
				end++
			}
			if at[j] >= len(values) {
				return errors.New("columns of a list differ in length")
			}
			one[c.first+j] = values[at[j]:end]
			at[j] = end
		}
		if err := f(i, one); err != nil {
			return err
		}
	}
	return nil
}
