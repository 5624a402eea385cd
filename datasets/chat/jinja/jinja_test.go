package jinja

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// cases.json holds templates with what Jinja 3.1, in the environment of transformers, makes of them.
func TestAgainstJinja(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vars  json.RawMessage
		Cases []struct{ Template, Text, Error string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		vars, err := FromJSON(file.Vars)
		if err != nil {
			t.Fatal(err)
		}
		got, err := render(c.Template, vars.(*Dict))
		switch {
		case c.Error != "" && err == nil:
			t.Errorf("%s\n got %q\nwant error %s", c.Template, got, c.Error)
		case c.Error == "" && err != nil:
			t.Errorf("%s\n got error %v\nwant %q", c.Template, err, c.Text)
		case c.Error == "" && got != c.Text:
			t.Errorf("%s\n got %q\nwant %q", c.Template, got, c.Text)
		}
	}
}

func render(source string, vars *Dict) (string, error) {
	tmpl, err := Parse(source)
	if err != nil {
		return "", err
	}
	out, err := tmpl.Render(vars, Options{Now: time.Date(2024, 7, 26, 13, 5, 9, 0, time.UTC)})
	return out.Text, err
}

func TestStrftime(t *testing.T) {
	now := time.Date(2024, 7, 6, 3, 5, 9, 1200000, time.UTC)
	for format, want := range map[string]string{
		"%d %b %Y":          "06 Jul 2024",
		"%Y-%m-%d":          "2024-07-06",
		"%A %a %B %H:%M:%S": "Saturday Sat July 03:05:09",
		"%-d %-m %e %I %p":  "6 7  6 03 AM",
		"%j %w %u %U %W %V": "188 6 6 26 27 27",
		"%f %y %% %Z%z|":    "001200 24 % |",
	} {
		if got, err := strftime(format, now); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", format, got, err, want)
		}
	}
	if _, err := strftime("%Q", now); err == nil {
		t.Error("unknown directive is accepted")
	}
	got, err := render("{{ strftime_now('%d %b %Y') }}", NewDict())
	if err != nil || got != "26 Jul 2024" {
		t.Errorf("got %q, %v", got, err)
	}
}

// hostileLimits keep the test short; what is tested is that every kind of work is counted.
var hostileLimits = Limits{Steps: 500_000, Memory: 32 << 20, Output: 4 << 20, Depth: 100}

// TestHostile runs templates that try to take forever or everything. None may take long, and all
// that ask for too much must say so.
func TestHostile(t *testing.T) {
	// What comes after it is done again and again, on texts of a million characters.
	const each = "{% set s = '1' * 1000000 %}{% set sigma = 'Σ' * 100000 %}{% set words = 'a ' * 100000 %}{% for a in range(99999) %}{% if 1 == "
	for name, source := range map[string]string{
		"each numbers":   each + "s|int" + "%}{% endif %}{% endfor %}",
		"each floats":    each + "s|float" + "%}{% endif %}{% endfor %}",
		"each prefixes":  each + "s.startswith(s)" + "%}{% endif %}{% endfor %}",
		"each removed":   each + "s.removeprefix(s)" + "%}{% endif %}{% endfor %}",
		"each found":     each + "s.find('z')" + "%}{% endif %}{% endfor %}",
		"each parts":     each + "s.partition('z')" + "%}{% endif %}{% endfor %}",
		"each asked":     each + "s.isprintable()" + "%}{% endif %}{% endfor %}",
		"each titled":    each + "s.istitle()" + "%}{% endif %}{% endfor %}",
		"each digits of": each + "s.isdigit()" + "%}{% endif %}{% endfor %}",
		"each widths":    each + "s.ljust(1)" + "%}{% endif %}{% endfor %}",
		"each zeros":     each + "s.zfill(1)" + "%}{% endif %}{% endfor %}",
		"each cut off":   each + "s|truncate(2000000)" + "%}{% endif %}{% endfor %}",
		"each stripped":  each + "(s|trim(s))" + "%}{% endif %}{% endfor %}",
		"each items":     each + "s[9999999]" + "%}{% endif %}{% endfor %}",
		"each keyed":     each + "{}[s]" + "%}{% endif %}{% endfor %}",
		"each swapped":   each + "sigma.swapcase()" + "%}{% endif %}{% endfor %}",
		"each right":     each + "words.rsplit(none, 99999)" + "%}{% endif %}{% endfor %}",
		"each sorted":    each + "([s] * 1000)|sort|first" + "%}{% endif %}{% endfor %}",
		"each unique":    each + "([s] * 1000)|unique|list|length" + "%}{% endif %}{% endfor %}",
		"each most":      each + "([s] * 1000)|max" + "%}{% endif %}{% endfor %}",
		"each letters":   each + "(s * 30)|list|length" + "%}{% endif %}{% endfor %}",
		"each reversed":  each + "(s * 30)|reverse|length" + "%}{% endif %}{% endfor %}",
		"each lines":     each + "('\n' * 30000000).splitlines()|length" + "%}{% endif %}{% endfor %}",
		"each title":     each + "words|title" + "%}{% endif %}{% endfor %}",
		"each swap":      each + "('é' * 100000).swapcase()" + "%}{% endif %}{% endfor %}",
		"each words":     each + "('a ' * 15000000).split()|length" + "%}{% endif %}{% endfor %}",
		"each escapes":   each + "('\\x00' * 8000000)|tojson|length" + "%}{% endif %}{% endfor %}",
		"each quoted":    each + "['\\x00' * 8000000]|string|length" + "%}{% endif %}{% endfor %}",
		"each slices":    each + "[1]|slice(1000000)|list|length" + "%}{% endif %}{% endfor %}",
		"named":          "{% macro m() %}{{ kwargs|length }}{% endmacro %}{% set d = dict.fromkeys(range(99999)|map('string')|list) %}{% for a in range(99) %}{{ m(**d) }}{% endfor %}",
		"scopes":         strings.Repeat("{% with %}", 150) + "{% for a in range(99999) %}{{ range }}{% endfor %}" + strings.Repeat("{% endwith %}", 150),
		"loops":          "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
		"doubling":       "{% set ns = namespace(s='x') %}{% for a in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
		"repeat":         "{{ 'x' * 9999999999 }}",
		"lists":          "{{ [1] * 9999999999 }}",
		"pad":            "{{ 'x'.center(99999999999) }}",
		"width":          "{{ '%999999999d' % 1 }}",
		"replace":        "{% set ns = namespace(s='x') %}{% for a in range(60) %}{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
		"macros":         "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
		"loop":           "{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
		"output":         "{% set s = 'x' * 1000000 %}{% for a in range(100) %}{{ s }}{% endfor %}",
		"indent":         "{{ [[[1]]]|tojson(indent=100000) }}",
		"values":         "{% set ns = namespace(l=[1]) %}{% for a in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
		"compare":        "{% set ns = namespace(l=[1], m=[1]) %}{% for a in range(100) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
		"nesting":        "{% set ns = namespace(l=[]) %}{% for a in range(10000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
		"power":          "{{ 99 ** 99 }}",
		"spec":           "{{ '{:>999999999}'.format('a') }}",
		"specs":          "{% for a in range(100000) %}{{ '{:>9999}'.format(a) }}{% endfor %}",
		"starred":        "{{ '%*d' % (999999999, 1) }}",
		"tabs":           "{{ ('\t' * 1000000).expandtabs(9999) }}",
		"digits":         "{{ '{:.99999999f}'.format(1.5) }}",
		"ranges":         "{% for a in range(99999) %}{{ range(99999)|length }}{% endfor %}",
		"batches":        "{{ range(99999)|batch(1000000, 'x')|list|length }}{{ range(99999)|map('center', 9999)|list|length }}",
		"splits":         "{% set s = 'a ' * 1000000 %}{% for a in range(99) %}{{ s.split()|length }}{% endfor %}",
		"sorts":          "{% set l = range(99999)|list %}{% for a in range(99) %}{{ l|sort(reverse=true)|first }}{% endfor %}",
		"keys":           "{% set s = 'a' * 1000000 %}{% for a in range(1000) %}{{ dict.fromkeys(s|list)|length }}{% endfor %}",
		"captures":       "{% macro m(n) %}{% set x %}{{ 'y' * 100000 }}{{ m(n) }}{% endset %}{{ x }}{% endmacro %}{{ m(1) }}",
		"join":           "{% set l = range(1000)|list %}{% for a in l %}{{ l|join('x' * 100000) }}{% endfor %}",
	} {
		start := time.Now()
		tmpl, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := tmpl.Render(NewDict(), Options{Limits: hostileLimits}); err == nil {
			t.Errorf("%s: succeeds with %d bytes", name, len(out.Text))
		} else if strings.HasPrefix(name, "each ") && !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: takes %v", name, d)
		}
	}
}

func TestParseLimits(t *testing.T) {
	deep := strings.Repeat("(", 100_000)
	for _, source := range []string{"{{ " + deep + " }}", "{{ " + deep[:500] + " }}", "{% if a %}{% else %}", "{{", "{%", "{#", "{{ 'a", "{% raw %}"} {
		if _, err := Parse(source); err == nil {
			t.Errorf("%.20q is accepted", source)
		}
	}
}

func TestInputIsNotChanged(t *testing.T) {
	vars, err := FromJSON([]byte(`{"l": [1, 2], "d": {"a": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"{{ l.append(3) }}", "{{ l.pop() }}", "{{ d.update(b=2) }}", "{{ d.pop('a') }}", "{% set d.a = 2 %}", "{{ l.sort() }}"} {
		if got, err := render(source, vars.(*Dict)); err == nil {
			t.Errorf("%s gives %q", source, got)
		}
	}
	if got, err := render("{{ l }}{{ l|sort(reverse=true) }}{{ l|reverse|list }}{{ l }}{{ d }}", vars.(*Dict)); got != "[1, 2][2, 1][2, 1][1, 2]{'a': 1}" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzRender(f *testing.F) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		f.Fatal(err)
	}
	var file struct {
		Vars  json.RawMessage
		Cases []struct{ Template string }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	for _, c := range file.Cases {
		f.Add(c.Template)
	}
	limits := Limits{Steps: 20_000, Memory: 1 << 20, Output: 1 << 20, Depth: 50}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse(source)
		if err != nil {
			return
		}
		vars, err := FromJSON(file.Vars)
		if err != nil {
			t.Fatal(err)
		}
		first, err1 := tmpl.Render(vars.(*Dict), Options{Limits: limits})
		again, err2 := tmpl.Render(vars.(*Dict), Options{Limits: limits})
		if first.Text != again.Text || (err1 == nil) != (err2 == nil) {
			t.Fatalf("two renderings differ: %q and %q", first.Text, again.Text)
		}
	})
}

// TestErrorsQuoteNothing: what a template is given stands in none of its errors, what it says itself does.
func TestErrorsQuoteNothing(t *testing.T) {
	vars, err := FromJSON([]byte(`{"m": "Quillwort", "d": {"Quillwort": {"_Quillwort": 1}, "ok": 1}, "n": 77123}`))
	if err != nil {
		t.Fatal(err)
	}
	for source, shows := range map[string]string{
		"{{ raise_exception('no such role') }}":                                       "no such role",
		"{{ raise_exception('unexpected: ' + m) }}":                                   "unexpected: …",
		"{{ raise_exception(m ~ ' is bad: ' ~ m) }}":                                  "… is bad: …",
		"{{ raise_exception('a' ~ (' b' if m else 'c')) }}":                           "a b",
		"{{ raise_exception('role {} is unknown'.format(m)) }}":                       "role … is unknown",
		"{{ raise_exception('%s has role %(x)s'|format(m, x=m)) }}":                   "… has role …",
		"{{ raise_exception('%-8s is no role' % m) }}":                                "… is no role",
		"{{ raise_exception(m) }}":                                                    "template line 1: the template raises an exception",
		"\n{% set f = raise_exception %}{{ f(m|upper) }}":                             "template line 2: the template raises an exception",
		"{% macro e(x) %}{{ raise_exception(x) }}{% endmacro %}{{ e('two system') }}": "two system",
		"{% macro e(x) %}{{ raise_exception(x) }}{% endmacro %}{{ e(m) }}":            "raises an exception",
		"{% call raise_exception(m) %}{% endcall %}":                                  "line 1",
		"{{ {'a': 1}[m].b }}":                                                         "'dict object' has no attribute '…'",
		"{{ {'a': 1}['c'].b }}":                                                       "'c'",
		"{{ {'a': 1}[n].b }}":                                                         "line 1",
		"{{ [1][n].b }}":                                                              "line 1",
		"{{ (m|attr(m)).b }}":                                                         "line 1",
		"{{ (m|attr('__class__')).b }}":                                               "__class__",
		"{{ m.nothing.b }}":                                                           "nothing",
		"{{ [1]|map(m)|list }}":                                                       "line 1",
		"{{ [1]|select(m)|list }}":                                                    "line 1",
		"{{ [d]|map(attribute='ok.x.' ~ m)|list|first|length }}":                      "line 1",
		"{{ '%(a)s' % d }}":                                                           "argument \"…\"",
		"{{ ('%(' ~ m ~ 'x)s') % d }}":                                                "line 1",
		"{{ ('{' ~ m ~ '}').format(1) }}":                                             "line 1",
		"{{ ('{:' ~ m ~ '}').format(1) }}":                                            "line 1",
		"{{ ('%' ~ m ~ 'd') % 'x' }}":                                                 "line 1",
		"{{ strftime_now('%Q' ~ m) }}":                                                "line 1",
		"{{ namespace(d.Quillwort) }}":                                                "line 1",
		"{{ range(**d.Quillwort) }}":                                                  "line 1",
		"{{ dict.fromkeys(**d) }}":                                                    "line 1",
		"{% macro e() %}{% endmacro %}{{ e(**d) }}":                                   "macro \"e\" takes no argument",
		"{{ m|int(**d) }}":                                                            "line 1",
		"{{ m + 1 }}":                                                                 "line 1",
		"{{ m|round }}":                                                               "line 1",
		"{% for a, b in [[m]] %}{% endfor %}":                                         "line 1",
		"{{ m.split(1) }}":                                                            "line 1",
		"{{ m.index('x') }}":                                                          "line 1",
		"{{ m() }}":                                                                   "line 1",
		"{{ m < 1 }}":                                                                 "line 1",
	} {
		got, err := render(source, vars.(*Dict))
		if err == nil {
			t.Errorf("%s gives %q", source, got)
			continue
		}
		if s := err.Error(); strings.Contains(strings.ToLower(s), "quillwort") || strings.Contains(s, "77123") || !strings.Contains(s, shows) {
			t.Errorf("%s: %s, want %s", source, s, shows)
		}
	}
}
