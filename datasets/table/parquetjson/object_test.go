package parquetjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cultivar/cultivar/datasets/table"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/parquet-go/parquet-go"
)

// nullable is a column that may be null.
func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// foreign writes JSON rows by the other library.
func foreign(t testing.TB, schema *arrow.Schema, rows string) []byte {
	t.Helper()
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func objects(data []byte) (all []string, err error) {
	for row, err := range Objects("x", bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return all, err
		}
		all = append(all, string(row))
	}
	return all, nil
}

func TestObjects(t *testing.T) {
	call := arrow.StructOf(nullable("name", arrow.BinaryTypes.String), nullable("at", arrow.StructOf(nullable("b", arrow.PrimitiveTypes.Int64), nullable("a", arrow.BinaryTypes.String))))
	turn := arrow.StructOf(nullable("role", arrow.BinaryTypes.String), nullable("content", arrow.BinaryTypes.String), nullable("calls", arrow.ListOf(call)))
	schema := arrow.NewSchema([]arrow.Field{
		nullable("z", arrow.ListOf(turn)), nullable("big", arrow.BinaryTypes.LargeString), nullable("n", arrow.PrimitiveTypes.Int32),
		nullable("u", arrow.PrimitiveTypes.Uint64), nullable("x", arrow.PrimitiveTypes.Float64), nullable("ok", arrow.FixedWidthTypes.Boolean),
		nullable("dict", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}),
		nullable("deep", arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int64))), nullable("map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)),
		nullable("day", arrow.FixedWidthTypes.Date32), nullable("when", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}), nullable("raw", arrow.BinaryTypes.Binary),
	}, nil)
	rows := `[{"z":[{"role":"user","content":"<é>"},{"role":"assistant","calls":[{"name":"f","at":{"a":"x"}},{"name":"g","at":{"b":2}}]}],"n":-1,"x":0.5,"ok":true,"dict":"d"},
		{"z":[],"big":"long","deep":[[1,2],[],null,[null,3]],"map":[{"key":"k","value":1},{"key":"l","value":null}],"u":18446744073709551615},
		{"day":"2024-02-29","when":"2024-02-29T01:02:03.5Z","raw":"//4="}, {}]`
	got, err := objects(foreign(t, schema, rows))
	want := []string{
		`{"z":[{"role":"user","content":"<é>"},{"role":"assistant","calls":[{"name":"f","at":{"a":"x"}},{"name":"g","at":{"b":2}}]}],"n":-1,"x":0.5,"ok":true,"dict":"d"}`,
		`{"z":[],"big":"long","u":18446744073709551615,"deep":[[1,2],[],null,[null,3]],"map":{"k":1,"l":null}}`,
		`{"day":"2024-02-29","when":"2024-02-29T01:02:03.5Z","raw":{"base64":"//4="}}`,
		`{}`,
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, got\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Plain repeated columns and groups, which old writers make instead of lists, and our own files.
func TestObjectsWithoutListTypes(t *testing.T) {
	type pair struct {
		A int64    `parquet:"a"`
		B []string `parquet:"b"`
	}
	type row struct {
		Pairs []pair  `parquet:"pairs"`
		Real  float32 `parquet:"real"`
		Price int64   `parquet:"price,decimal(2:12)"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{Pairs: []pair{{1, []string{"x", "y"}}, {2, nil}}, Real: 0.1, Price: -5}, {Real: float32(math.NaN())}}); err != nil {
		t.Fatal(err)
	}
	got, err := objects(b.Bytes())
	want := `{"pairs":[{"a":1,"b":["x","y"]},{"a":2,"b":[]}],"real":0.1,"price":-0.05}|{"pairs":[],"real":null,"price":0.00}`
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("got %s, %v, want %s", strings.Join(got, "|"), err, want)
	}
}

// A text that is none stays none; the object is not read as if it were.
func TestObjectsNotUTF8(t *testing.T) {
	type row struct {
		Text string `parquet:"text"`
		Raw  []byte `parquet:"raw"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{"a\xe9b", []byte("plain")}}); err != nil {
		t.Fatal(err)
	}
	got, err := objects(b.Bytes())
	if err != nil || len(got) != 1 || utf8.ValidString(got[0]) || !strings.Contains(got[0], `"raw":"plain"`) || !json.Valid([]byte(got[0])) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestColumns(t *testing.T) {
	data := foreign(t, arrow.NewSchema([]arrow.Field{nullable("b", arrow.PrimitiveTypes.Int64), nullable("a", arrow.BinaryTypes.String)}, nil), `[{"b":1}]`)
	got, err := Columns("x", bytes.NewReader(data), int64(len(data)))
	if err != nil || len(got) != 2 || got[0] != "b" || got[1] != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzObjects(f *testing.F) {
	f.Add(foreign(f, arrow.NewSchema([]arrow.Field{nullable("a", arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int64)))}, nil), `[{"a":[[1],[]]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := objects(data)
		var corrupt *table.CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			t.Fatalf("got %v", err)
		}
		for _, row := range rows {
			if !json.Valid([]byte(row)) {
				t.Fatalf("row %.200s is not JSON", row)
			}
		}
	})
}
