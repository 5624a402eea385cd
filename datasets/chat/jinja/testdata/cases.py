"""Writes cases.json: templates with what Jinja makes of them in the environment of transformers.

usage: cases.py cases.json   (needs transformers and jinja2)

The templates are those below, a line each, and those of tricky.txt beside this file, where "---"
stands between two and \\CR for a carriage return."""
import datetime, json, os, sys
from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 13, 5, 9)


chat_template_utils.datetime = Clock
V = {"x": 5, "f": 2.5, "s": "héllo World", "e": "", "n": None, "t": True, "l": [3, 1, 2], "d": {"b": 1, "a": {"z": [1, 2.0, None, True, "q\"'\n\u00e9\u0001"]}, "items": "I"},
     "ms": [{"role": "system", "content": "Sys"}, {"role": "user", "content": " hi "}, {"role": "assistant", "content": "yo", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}],
     "words": ["b", "A", "c", "a"], "big": 1e16, "small": 1e-5, "neg": -7}
T = r'''
{{ x }} {{ f }} {{ n }} {{ t }} {{ l }} {{ d }} {{ big }} {{ small }} {{ 1.0 }} {{ 10/4 }} {{ 10/5 }} {{ 7//2 }} {{ neg//2 }} {{ neg%3 }} {{ 2**10 }} {{ 2**-1 }} {{ -x }}
{{ undefinedvar }}|{{ d.nope }}|{{ d['nope'] }}|{{ d.items is callable }}
{{ d['items'] }}{{ d.a.z[0] }}{{ d.a['z'][-1] }}
{{ d.nope.more }}
{{ undefinedvar + 1 }}
{{ 'a' + 1 }}
{{ 'a' ~ 1 ~ n ~ 2.0 ~ [1,'x'] }}
{{ (1,2) }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }} {{ {'a': 1, 2: 'b'} }}
{% for a in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }},{% endfor %}
{% for a in [] %}x{% else %}empty{% endfor %}
{% for a in nothing %}x{% else %}empty{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}
{% for k, v in d|items %}{{ k }}{% endfor %}
{% for k, v in d|dictsort %}{{ k }}{% endfor %}
{% for a in l if a > 1 %}{{ a }}{{ loop.last }}{% endfor %}
{% for a in l %}{% if a == 1 %}{% continue %}{% endif %}{{ a }}{% endfor %}
{% for a in l %}{% if a == 1 %}{% break %}{% endif %}{{ a }}{% endfor %}
{% set q = 1 %}{% for a in l %}{% set q = q + a %}{{ q }}{% endfor %}{{ q }}
{% set ns = namespace(q=1) %}{% for a in l %}{% set ns.q = ns.q + a %}{% endfor %}{{ ns.q }}
{% if x > 3 and not e or n %}A{% elif x %}B{% else %}C{% endif %}
{{ 'yes' if x else 'no' }} {{ 'yes' if e }}| {{ 'a' if e else 'b' if n else 'c' }}
{{ s|upper }} {{ s|lower }} {{ s|title }} {{ s|capitalize }} {{ s.title() }} {{ s.upper() }} {{ s|length }} {{ s[1:3] }} {{ s[::-1] }} {{ s[-3:] }}
{{ "they're bill's friends from the UK"|title }} {{ "they're bill's friends from the UK".title() }}
{{ '  x '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ ' a '.strip() }}|{{ 'xax'.lstrip('x') }}|{{ 'xax'.rstrip('x') }}
{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ 'a\nb\r\nc\n'.splitlines() }}
{{ ' a  b c '.split(None, 1) }} {{ ' a  b c '.rsplit(None, 1) }} {{ 'a\nb'.splitlines(True) }}
{{ s.startswith('h') }} {{ s.endswith('d') }} {{ s.find('l') }} {{ s.find('zz') }} {{ s.rfind('l') }} {{ s.count('l') }} {{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }}
{{ 'a-b'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'ab'.partition('x') }} {{ 'x'.join(['a','b']) }} {{ 'ab'.center(7, '*') }} {{ 'ab'.center(6) }}| {{ 'ab'.ljust(4) }}| {{ 'ab'.rjust(4) }} {{ '-5'.zfill(4) }}
{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }} {{ ''.isdigit() }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'aBc'.swapcase() }}
{{ l|join }} {{ l|join(', ') }} {{ ms|join(',', attribute='role') }} {{ l|sort }} {{ l|sort(reverse=true) }} {{ l|max }} {{ l|min }} {{ l|sum }} {{ l|first }} {{ l|last }} {{ l|reverse|list }} {{ s|reverse }}
{{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ words|unique|list }} {{ words|map('upper')|list }} {{ ms|map(attribute='role')|list }} {{ ms|map(attribute='nope', default='D')|list }}
{{ ms|selectattr('role', 'equalto', 'user')|list }} {{ ms|rejectattr('tool_calls', 'defined')|map(attribute='role')|join(',') }} {{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ l|select|list }}
{% if ms|selectattr('role', 'equalto', 'zzz') %}truthy{% endif %}
{{ (ms|selectattr('role', 'equalto', 'zzz')|list)|length }}
{{ ms|selectattr('role','equalto','user')|length }}
{{ d|tojson }} {{ d|tojson(indent=2) }} {{ []|tojson }} {{ {}|tojson(indent=2) }} {{ [1,[2]]|tojson(indent=4) }} {{ "é</>&'"|tojson }} {{ "é\U0001F600"|tojson(ensure_ascii=true) }} {{ {'b':1,'a':2}|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }}
{{ nothing|tojson }}
{{ 1.5|tojson }} {{ 1e16|tojson }} {{ none|tojson }} {{ true|tojson }} {{ (1,2)|tojson }}
{{ nothing|default('D') }} {{ n|default('D') }} {{ n|default('D', true) }} {{ e|d('D', boolean=True) }} {{ nothing|d }}|
{{ x is defined }} {{ nothing is defined }} {{ n is none }} {{ s is string }} {{ d is mapping }} {{ l is iterable }} {{ s is iterable }} {{ l is sequence }} {{ d is sequence }} {{ x is number }} {{ t is number }} {{ t is boolean }} {{ x is integer }} {{ f is float }} {{ t is true }} {{ x is odd }} {{ x is even }} {{ x is divisibleby 5 }} {{ x is eq 5 }} {{ x is in l }} {{ 3 is in l }} {{ x is not none }} {{ s is lower }} {{ 'AB' is upper }} {{ x is sameas 5 }} {{ x is callable }} {{ range is callable }}
{{ 3 in l }} {{ 'b' in d }} {{ 'ell' in s }} {{ 9 not in l }} {{ 'x' in nothing }}
{{ 3 in s }}
{{ 1 < 2 < 3 }} {{ 1 < 2 > 5 }} {{ 1 == 1.0 }} {{ 'a' < 'b' }} {{ [1,2] < [1,3] }} {{ true == 1 }} {{ none == none }} {{ nothing == nothing2 }} {{ 'a' == 1 }}
{{ 'a' < 1 }}
{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ [1] + [2] }} {{ 'a' 'b' "c" }}
{{ '%s is %d and %.2f %5s|%-5s|%05d %x %%' % ('a', 3, 2.5, 'r', 'l', 42, 255) }} {{ '%s'|format('z') }} {{ '{} {1}'|string }} {{ '{} {}'.format(1, 'b') }} {{ '{0}{1}{0}'.format('a','b') }} {{ '{a}'.format(a=1) }}
{{ "a\nb\n\nc"|indent }}|{{ "a\nb"|indent(2, true) }}|{{ "a\n\nb"|indent(2, blank=true) }}|{{ "a\nb"|indent('>>') }}
{{ '42'|int }} {{ '4x'|int(7) }} {{ '3.9'|int }} {{ 3.9|int }} {{ '2.5'|float }} {{ 2.675|round(2) }} {{ 2.5|round }} {{ 3.5|round }} {{ 2.1|round(0,'ceil') }} {{ 7|round }} {{ -3|abs }} {{ '0x1f'|int(base=16) }}
{{ range(3)|list }} {{ range(1,4)|list }} {{ range(5,0,-2)|list }}
{{ [1,2,3,4,5]|batch(2)|list }} {{ [1,2,3,4,5]|batch(2,'x')|list }} {{ [1,2,3,4,5]|slice(2)|list }} {{ 'a b c'|wordcount }} {{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(11, true, leeway=0) }} {{ '<a>&"'|e }} {{ 'a b/c?'|urlencode }} {{ 'x'|center(5) }}|
{% for g in ms|groupby('role') %}{{ g[0] }}:{{ g[1]|length }};{% endfor %}
{% for role, list in ms|groupby('role') %}{{ role }}{{ list|length }}{% endfor %}
{% macro m(a, b='B', c=a) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1,2,3,z=4) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1,2) }}
{% macro m(a) %}{{ caller() }}{{ a }}{% endmacro %}{% call m(1) %}body{{ x }}{% endcall %}
{% macro m() %}{{ caller(7) }}{% endmacro %}{% call(v) m() %}got{{ v }}{% endcall %}
{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n-1) }}{% endif %}{% endmacro %}{{ r(3) }}
{% set v %}  block {{ x }} {% endset %}[{{ v }}]{% set w | upper | trim %} abc {% endset %}[{{ w }}]
{% filter upper %}abc{{ s }}{% endfilter %}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% set a, b = (1, 2) %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}
{% for item in [{'c': [{'c': []}]}] recursive %}<{{ loop.depth }}{{ loop(item.c) }}>{% endfor %}
{% for a in l %}{{ loop.cycle('o', 'e') }}{{ loop.changed(a > 1) }}{% endfor %}
{% raw %}{{ not }} {% x %}{% endraw %}
{# comment #}a{#- b -#} c
a {%- if t %} b {%- endif %} c {{- x }} d {{ x -}} e
  {% if t %}
  indented
  {% endif %}
end
  {%+ if t %}
keep{% endif +%}
x
a{{ "\n" }}b{{ '\t\x41\u00e9\\ \' \d \101' }}
{{ l.append(4) }}
{{ d.update({}) }}
{{ d.get('b') }} {{ d.get('zz') }} {{ d.get('zz', 'D') }} {{ d.keys()|list }} {{ d.values()|list|length }} {{ d.keys() | length }}
{{ x.__class__ }}
{{ s.foo }}|{{ s.foo is defined }} {{ l.foo is defined }} {{ n.foo is defined }}
{{ n.foo.bar }}
{{ none.x }}|
{{ l[10] }}|{{ l[1] }}|{{ l['a'] }}|{{ s[0] }}|{{ s[100] }}|{{ l[1:] }}|{{ l[:-1] }}|{{ l[::2] }}|{{ l[5:] }}
{{ raise_exception('boom ' ~ x) }}
{{ dict(a=1, b=2) }} {{ dict([('a', 1)]) }} {{ cycler('a','b').next() }}
{% set j = joiner('; ') %}{{ j() }}a{{ j() }}b
{{ not x }} {{ not not x }} {{ x and 'r' }} {{ e or 'r' }} {{ n and 1 }}
{{ 1 if nothing else 2 }} {{ nothing|length }} {{ nothing|join }}|{{ nothing|list }} {{ nothing|upper }}|
{{ n|length }}
{{ x|length }}
{{ n|upper }} {{ l|upper }} {{ x|trim }} {{ n ~ '' }} {{ n|string }}
{{ 1_000 }} {{ 0x1F }} {{ 1e3 }} {{ 1.5e-7 }} {{ 123456789012345678 }} {{ 0.1 + 0.2 }} {{ 1e22 }} {{ 1/3 }}
{{ x|nosuchfilter }}
{% nosuchtag %}
{% if x %}
{{ "unclosed }}
{{ -x|abs }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 'a' ~ 1 + 2 }} {{ 7 % 3 * 2 }}
{{ ms[0].role ~ ms[1]['content']|trim }} {{ ms[-1].tool_calls[0].function.arguments|tojson }}
{%- for m in ms %}{% if loop.first and m['role'] == 'system' %}{% set sysm = m.content %}{% endif %}{{ sysm }}{% endfor %}{{ sysm }}
{% if true %}{% set inner = 3 %}{% endif %}{{ inner }}
{{ [1,2,3][0] }}{{ 'abc'[1] }}{{ {'a': {'b': 2}}.a.b }}{{ (l|sort)[0] }}{{ (1,2)[1] }}{{ l.0 }}
{{ l|map('string')|join('-') }} {{ ['a','bb']|map('length')|list }} {{ [[3,1],[2]]|map('sort')|list }} {{ [1,2]|map('default', 5)|list }}
{{ "a" is eq("a") }} {{ x is ge 5 }} {{ x is not in [1,2] }} {{ x is number and x > 2 }}
{{ '' is string and '' is not none }} {{ ('a' is string) if t else 0 }}
{{ [none, true, 1.0, 'a"b', "a'b", "a'b\"c", '\n\t\\', 'é', '\x07', '\u200b'] }}
{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}
{% set x.y = 1 %}
{{ ['x', 'y']|first }} {{ []|first is defined }} {{ ''|first is defined }} {{ {'a':1}|first }} {{ {'a':1}|list }} {{ 'ab'|list }}
{{ s|replace('o', '0') }} {{ s|replace('o', '0', 1) }} {{ 5|replace(5, 6) }} {{ 'aaa'|replace('a', 'b', count=2) }}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }};{% endfor %}
{% for i in range(2) %}{{ caller is defined }}{% endfor %}
{{ ms|map(attribute='content')|map('trim')|list|tojson }} {{ ms | length }} {{ ms | last }} {{ (ms | last).role }}
{{ 'a'|attr('upper') is defined }} {{ d|attr('b') is defined }} {{ ('a'|attr('upper'))() }}
{{ [3,1]|sort|join(',') }}{{ [{'a':2},{'a':1}]|sort(attribute='a')|map(attribute='a')|list }} {{ [{'a':2},{'a':1}]|max(attribute='a') }} {{ [{'a':2},{'a':1}]|sum(attribute='a') }} {{ [{'a':{'b':2}}]|map(attribute='a.b')|list }} {{ [[1,2],[3,4]]|map(attribute=1)|list }}
{{ {'b':1,'A':2}|dictsort }} {{ {'b':1,'a':2}|dictsort(by='value') }} {{ {'b':1,'a':2}|dictsort(reverse=true) }}
{% generation %}gen{{ x }}{% endgeneration %} out
{% for m in ms %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}
{{ "İstanbul"|lower }} {{ "straße"|upper }} {{ "ΑΣ"|lower }} {{ "ǆ"|title }} {{ "ﬁ"|upper }}
{{ 'x' in ('x', 'y') }} {{ {} == {} }} {{ {'a': 1} == {'a': 1.0} }} {{ [1] == (1,) }}
{{ true|int }} {{ true + 1 }} {{ true ~ '' }} {{ false|string }} {{ [true, false]|tojson }} {{ 5 == 5.0 }} {{ true|float }}
{{ "%.1f" % 2.25 }} {{ "%d%%" % 50 }} {{ "%s %s" % ("a", [1]) }} {{ "%r" % "x" }} {{ "%e" % 12345.678 }} {{ "%g" % 0.0001 }} {{ "%g" % 1e10 }} {{ "%c" % "x" }} {{ "%(a)s" % {'a': 1} }}
{{- '' -}}   trimmed
{%- set a = 1 -%}

after
{% if 1 %}


multi
{% endif %}
{{ x }}   
{{ x }}
{% set a = 5 %}
{# c #}
 {# c #}
	{% if t %}	tab{% endif %}	
{{ strftime_now is defined }} {{ messages is defined }} {{ loop is defined }}
{{ "ΑΣ ΣΑΣ ΟΔΥΣΣΕΥΣ"|lower }} {{ "ŉ ß ﬀ ΐ"|upper }} {{ "ß"|capitalize }} {{ "ǆa"|capitalize }} {{ 'éÉ'.swapcase() }}
{{ [1.0, 2.50, -0.0, 1e-4, 123456789.123, 1e15, 1e17] }} {{ 100000000000000000000.0 }}
{{ 'a'.join(ms|map(attribute='role')) }} {{ ms|map(attribute='role')|first }} {{ ms|map(attribute='role')|sort }}
{% for a, b in [(1,2),(3,4)] %}{{ a }}{{ b }}{% endfor %}{% for a, (b, c) in [(1,(2,3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1,2,3)] %}{{ a }}{% endfor %}
{% set x = 9 %}{{ x }}{% macro q() %}{{ x }}{% endmacro %}{% set x = 10 %}{{ q() }}
{% macro q() %}{{ later }}{% endmacro %}{% set later = 1 %}{{ q() }}
{% for x in [1] %}{{ x }}{% endfor %}{{ x }}
{% for i in [1,2] %}{% if i == 1 %}{% set seen = true %}{% endif %}{{ seen is defined }}{% endfor %}
{{ 'abc'[::-1] }}{{ 'abc'[-2:] }}{{ [1,2,3,4][::-2] }}{{ [1,2,3][3:0:-1] }}{{ 'héé'[1] }}{{ 'abc'[5:] }}|
{{ 'a\tb' }} {{ "q\"q" }} {{ 'it\'s' }} {{ '\z' }}
{{ s.split('o')[0] ~ s.split('o')[-1] }} {{ (s.split('o'))|length }}
{{ content is defined and content }}|{{ content if content is defined else 'none' }}
{{ ms[0]['content'].strip() + '!' }} {{ ms[1:]|length }} {{ ms[0].content is string }} {{ ms[-1]['tool_calls'] is not none }}
{% set loop_messages = ms[1:] %}{% for m in loop_messages %}{{ loop.index0 % 2 == 0 }}{{ m['role'] == 'user' }}{% endfor %}
{% if 'tool_calls' in ms[2] and ms[2].tool_calls %}{% for tc in ms[2].tool_calls %}{{ tc.function.name }}{{ tc.function.arguments|tojson }}{% endfor %}{% endif %}
{% for m in ms %}{% if (m.role == "user") != (loop.index0 % 2 == 1) %}{{ raise_exception("bad") }}{% endif %}{{ m.role }}{% endfor %}
{{ '%s' % none }} {{ '%s' % (1,) }} {{ '%5.1f|' % 3.14159 }} {{ '%+d' % 5 }} {{ '% d' % 5 }} {{ '%-5d|' % 5 }}
{{ 'x'.format is callable }}
{{ l.index(1) }} {{ l.count(1) }} {{ (1,2,1).count(1) }} {{ 'abc'.index('c') }}
{{ 'abc'.index('z') }}
{{ 1/0 }}
{{ [] + 'a' }}
{{ foo() }}
{{ x() }}
{{ 'a' if x == 5 }}{{ 'a' if x == 6 }}|
{{ '{{' }} {{ '}}' }} {{ {'a': {'b': 1}} }} {{ '%}' }}
'''
# cases: every line alone, plus some multi-line groups
lines = [l for l in T.split("\n") if l]
multi = ["""  {% if t %}
  indented
  {% endif %}
end""", """  {%+ if t %}
keep{% endif +%}
x""", """{%- set a = 1 -%}

after""", """{% if 1 %}


multi
{% endif %}
{{ x }}   
{{ x }}
{% set a = 5 %}
{# c #}
 {# c #}
	{% if t %}	tab{% endif %}	
z
""", "a\r\nb{% if t %}\r\nc\r{% endif %}\n\n", "{# a\n #}\nb\n{#- c -#}\n d", "{% raw -%}\n  a {{ b }}\n{%- endraw %}\nc", "{% raw %}\n  a\n  {% endraw %}\nc", "x\n   {{ x }}\n   {%- if t %}\n y\n {%- endif -%}\n z\n",
"{% macro a() %}\n  one\n  {% if t %}two{% endif %}\n{% endmacro %}\n[{{ a() }}]", "\n\n{% for i in l %}\n  - {{ i }}\n{% endfor %}\n\n"]
with open(os.path.join(os.path.dirname(__file__), "tricky.txt"), encoding="utf-8") as f:
    tricky = f.read().rstrip("\n").replace("\\CR", "\r").split("\n---\n")
out = []
for t in lines + multi + tricky:
    c = {"template": t}
    try:
        c["text"] = _compile_jinja_template(t).render(**json.loads(json.dumps(V)))
    except Exception as ex:
        c["error"] = type(ex).__name__ + ": " + str(ex)
    out.append(c)
json.dump({"vars": V, "cases": out}, open(sys.argv[1], "w"), ensure_ascii=False, indent=1)
