package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const text = "hunter2-hunter2"

type config struct {
	Name     string
	Key      String
	Optional *String
	hidden   String
	byName   map[string]String
}

type exported struct {
	Key      String
	Optional *String
}

func TestNothingPrintsTheText(t *testing.T) {
	s := New(text)
	c := config{Name: "n", Key: s, Optional: &s, hidden: s, byName: map[string]String{"a": s}}
	verbs := "%v %+v %#v %s %q %x" // a variable, since vet objects to some of these for a struct
	outputs := map[string]string{
		"Sprint":  fmt.Sprint(s, &s, c, &c, []String{s}),
		"Sprintf": fmt.Sprintf("%v %+v %#v %s %q %x %X %d", s, s, s, s, s, s, s, s),
		"struct":  fmt.Sprintf(verbs, c, c, c, c, c, c),
		"error":   fmt.Errorf("connect with %v: %w", c, errors.New("refused")).Error(),
	}
	for name, encode := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal, "xml": xml.Marshal} {
		b, err := encode(exported{s, &s})
		if err != nil {
			t.Fatal(err)
		}
		outputs[name] = string(b)
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "key", s, "config", c)
		outputs[name] = b.String()
	}
	for name, out := range outputs {
		for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
			if strings.Contains(out, leak) {
				t.Errorf("%s shows the text: %s", name, out)
			}
		}
		if !strings.Contains(out, mask) {
			t.Errorf("%s shows no mask: %s", name, out)
		}
	}
}

func TestMapKeysAreMaskedToo(t *testing.T) {
	b, err := json.Marshal(map[String]int{New(text): 1})
	if err != nil || string(b) != `{"***":1}` {
		t.Errorf("got %s (%v)", b, err)
	}
}

func TestRevealAndEqual(t *testing.T) {
	var zero, read String
	if err := json.Unmarshal([]byte(`"`+text+`"`), &read); err != nil {
		t.Fatal(err)
	}
	if read.Reveal() != text || !read.Equal(New(text)) || read.Equal(New(text+"x")) || read.IsZero() {
		t.Errorf("reveals %q", read.Reveal())
	}
	if !zero.IsZero() || zero.Reveal() != "" || !zero.Equal(New("")) || fmt.Sprint(zero) != mask {
		t.Error("the zero value is not the empty secret")
	}
}
