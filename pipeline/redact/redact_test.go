package redact

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func everything() *Redactor {
	cfg := DefaultConfig()
	cfg.Entities = allEntities
	return New(cfg)
}

// Each text names what is to be found in double angle brackets, ENTITY:value.
func TestRedact(t *testing.T) {
	for _, marked := range []string{
		// E-mail.
		"write to <<EMAIL:ann.b+c@mail.example.co.uk>>.",
		"<<<EMAIL:ann@example.org>>> and (<<EMAIL:bob@example.org>>), '<<EMAIL:o'neil@example.org>>'",
		"müßig: <<EMAIL:jürgen@bücher.de>>, \u00a0<<EMAIL:a@b.io>>\u2014ok",
		"联系<<EMAIL:wang@example.cn>>谢谢",
		"mailto:<<EMAIL:x_1@example.com>>?subject=hi",
		"not: @home, a@b, user@localhost, logo@2x.png, lodash@4.17.21, a.@example.org, git@github.com:org/repo",
		"<<EMAIL:git@github.com>> is an address here",
		// Phone.
		"<<PHONE:+49 (0)30 1234 5678>> or <<PHONE:+1-206-555-0100x22>>",
		"Tel.:\u00a0<<PHONE:030 1234567>>; fax <<PHONE:(07) 5331 0577>>",
		"<<PHONE:(206) 555-0100>> <<PHONE:206.555.0100 ext. 42>>\n<<PHONE:0044 20 7946 0958>>",
		"call me at <<PHONE:(96) 627-277>> now; mobile <<PHONE:5550100123>>",
		"电话<<PHONE:+86 138 1234 5678>>。",
		"on 2024-01-15 10:30, 12.05.2023, 12/27/1986, 1990-2000, at 10:30:00",
		"costs 1 234 567 or 1.234.567 or $206-555-0100, part 206-555-01001, order 1234567890",
		"isbn 978-3-16-148410-0, address 10.0.0.999, id ab-206-555-0100, /206-555-0100/, 3.14159265",
		"mobile release 2024-01-15, phone 99%, call 12 times in 2023",
		// Card.
		"<<CARD:4111 1111 1111 1111>> exp 12/27, <<CARD:378282246310005>>, <<CARD:3782-822463-10005>>, <<CARD:5555555555554444>>.",
		"4111 1111 1111 1112, 14111111111111111, 0.4111111111111111, A4111111111111111",
		"ean 4006381333931; visa card <<CARD:4222222222222>>",
		// IBAN.
		"<<IBAN:DE89 3704 0044 0532 0130 00>>, <<IBAN:GB82WEST12345698765432>>, <<IBAN:nl91abna0417164300>>",
		"DE89 3704 0044 0532 0130 01, XX89370400440532013000, DE8937040044053201300, xDE89370400440532013000",
		// Secrets.
		"key <<SECRET:AKIAIOSFODNN7REALKEY>> and <<SECRET:ghp_16C7e42F292c6912E7710c838347Ae178B4a>>",
		"<<SECRET:sk-proj-abc123DEF456ghi789JKL012>> but sk-learn-is-not-a-secret-at-all, <<SECRET:xoxb-123456789012-abcdefABCDEF>>",
		"jwt <<SECRET:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P>>.",
		"<<SECRET:-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY----->>\nafter",
		"cut <<SECRET:-----BEGIN PRIVATE KEY-----\nMIIEow>>", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
		"postgres://app:<<SECRET:s3cr3t@db.internal>>/x, https://user@host/, http://a:b/, ftp://u:${PASS}@h/",
		`DB_PASSWORD=<<SECRET:hunter2hunter3>>, "api_key": "<<SECRET:9f8e7d6c5b4a39281706>>", apiSecret: <<SECRET:QWxhZGRpbjpvcGVuU2VzYW1lIQ>>`,
		"Authorization: Bearer <<SECRET:abcdef0123456789ABCDEF>>",
		"password: required, token = getToken1(), max_tokens: 4096abcd, password=${DB_PASSWORD1}, secret_name: my-secret-17, token: <your-token-1>",
		"API_KEY=your_api_key_12345, PASSWORD=xxxxxxxx1, key: 12ab34cd56ef, password_policy: min8chars1",
		// Others.
		"my ssn is <<SSN:403-57-9558>>",
		"part 403-57-9558.", "ssn 000-12-3456, ssn 666-12-3456",
		"from <<IP:192.168.1.77>>:8080 and <<IP:2001:db8::8a2e:370:7334>>, version 1.2.3, at 10:30",
		"",
		"nothing here but prose [1] and [EMAIL] and [PHONE].",
	} {
		text, want := unmark(marked)
		out, found := everything().Redact(text)
		var got []string
		runes := []rune(text)
		for _, f := range found {
			got = append(got, f.Entity+":"+string(runes[f.Start:f.End]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
		if again, more := everything().Redact(out); again != out || len(more) > 0 {
			t.Errorf("%q: second pass finds %v", out, more)
		}
	}
}

// unmark takes <<ENTITY:value>> apart.
func unmark(marked string) (text string, want []string) {
	for _, e := range allEntities {
		marked = strings.ReplaceAll(marked, "<<"+e+":", "\x01"+e+":")
	}
	for {
		before, rest, ok := strings.Cut(marked, "\x01")
		text += before
		if !ok {
			return text, want
		}
		label, after, _ := strings.Cut(rest, ">>")
		_, value, _ := strings.Cut(label, ":")
		want = append(want, label)
		text += value
		marked = after
	}
}

func TestOverlapLeavesNothing(t *testing.T) {
	// The token holds an address; the union of both is replaced, under the better score.
	out, found := everything().Redact("secret=abc1234+ann@mail.org/9 end")
	if strings.Contains(out, "abc1234") || strings.Contains(out, "ann") || len(found) != 1 {
		t.Errorf("%q %+v", out, found)
	}
}

func TestContextIsWholeWordsOnBothSides(t *testing.T) {
	r := everything()
	for text, want := range map[string]int{
		"fax 69 987 88 37": 1, "69 987 88 37 (fax)": 1, "faxes 69 987 88 37": 0, "prefax 69 987 88 37": 0,
		"fax a b c d 69 987 88 37": 1, "fax a b c d e 69 987 88 37": 0, "69 987 88 37 é b c d fax": 1,
		"[PHONE] 69 987 88 37": 0,
	} {
		if _, found := r.Redact(text); len(found) != want {
			t.Errorf("%q: %+v, want %d", text, found, want)
		}
	}
}

func TestEntitiesAndThreshold(t *testing.T) {
	text := "ann@example.org +49 30 1234567"
	cfg := DefaultConfig()
	cfg.Entities = []string{Phone}
	if out, _ := New(cfg).Redact(text); out != "ann@example.org [PHONE]" {
		t.Errorf("got %q", out)
	}
	cfg.Threshold = 0.8
	if out, _ := New(cfg).Redact(text); out != text {
		t.Errorf("got %q", out)
	}
	cfg.Entities = nil
	if out, found := New(cfg).Redact("sk_live_0123456789abcdef"); len(found) != 0 || out != "sk_live_0123456789abcdef" {
		t.Errorf("off: %q", out)
	}
}

// Every documented shape is found, and named.
func TestShapes(t *testing.T) {
	const fill = "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zaB3dE6gH9jK2mN5pQ8sT1vW4xY7zaB3dE6gH9jK2"
	for _, s := range shapes {
		body := fill[:max(s.min, 20)]
		switch s.name {
		case "aws_access_key":
			body = strings.ToUpper(body)
		case "jwt":
			body = fill[:12] + ".eyJ" + fill[:12] + "." + fill[:12]
		}
		_, found := everything().Redact("x " + s.prefix + body + " y")
		if len(found) != 1 || found[0].Detector != s.name || int(found[0].End) != 2+len(s.prefix)+len(body) {
			t.Errorf("%s%s: %+v", s.prefix, body, found)
		}
	}
}

func TestChecksums(t *testing.T) {
	for digits, want := range map[string]bool{"4111111111111111": true, "4111111111111121": false, "0000000000000000": false, "79927398713": true} {
		if luhn([]byte(digits)) != want {
			t.Errorf("luhn %s", digits)
		}
	}
	for code, want := range map[string]bool{"GB82WEST12345698765432": true, "GB82WEST12345698765423": false} {
		if mod97([]byte(code)) != want {
			t.Errorf("mod 97 %s", code)
		}
	}
}

func TestValidate(t *testing.T) {
	err := Config{Entities: []string{Email, "NAME"}, Threshold: 2, ContextWords: -1, ContextBoost: 3}.Validate()
	for _, want := range []string{"entities[1]", "threshold", "context_words", "context_boost"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}

// Offsets are valid and ordered, what is outside of them stays, and a second pass finds nothing.
func FuzzRedact(f *testing.F) {
	f.Add("ann@example.org, call +49 30 1234567, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00")
	f.Add("password=hunter2hunter3 postgres://a:b@c -----BEGIN RSA PRIVATE KEY-----\nMII 10.0.0.1 fe80::1")
	f.Add("fax 69 987 88 37 69 987 88 37\u00a0x12 403-57-9558 ssn [PHONE]")
	r := everything()
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > 1<<14 {
			return
		}
		out, found := r.Redact(text)
		runes, at := []rune(text), int64(0)
		var rebuilt strings.Builder
		for _, x := range found {
			if x.Start < at || x.End <= x.Start || x.End > int64(len(runes)) {
				t.Fatalf("offsets %d:%d after %d of %d", x.Start, x.End, at, len(runes))
			}
			rebuilt.WriteString(string(runes[at:x.Start]) + x.Replacement)
			at = x.End
		}
		rebuilt.WriteString(string(runes[at:]))
		if rebuilt.String() != out {
			t.Fatalf("the ledger rebuilds %q, the text is %q", rebuilt.String(), out)
		}
		if again, more := r.Redact(out); len(more) > 0 || again != out {
			t.Fatalf("second pass over %q finds %+v", out, more)
		}
	})
}

// Each scanner by itself emits spans on rune boundaries.
func FuzzDetectors(f *testing.F) {
	f.Add("é@ü.de +1 (206) 555‑0100 4111-1111 nl91abna0417164300 ::1 api_key='é1234567é'")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		for _, d := range detectors() {
			d.find(text, func(start, end int, score float64) {
				if start < 0 || end <= start || end > len(text) || score < 0 || score > 1 {
					t.Fatalf("%s: %d:%d of %d at %v", d.name, start, end, len(text), score)
				}
				if !utf8.ValidString(text[start:end]) {
					t.Fatalf("%s: %d:%d cuts a rune", d.name, start, end)
				}
			})
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	text := strings.Repeat("The delivery of 12 pumps (order 4711) was due on 2024-05-06; see section 3.2 for details: all well.\n", 1000) + "ann@example.org"
	r := New(DefaultConfig())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Redact(text)
	}
}

// A header says what its column holds.
func TestTableSecrets(t *testing.T) {
	r := New(DefaultConfig())
	text := "| host | password | api key | password policy |\n| --- | :-: | - | - |\n| a | `Qv7mTz3kLp` | Wd4xRb8sYe | Hk2uJf6tGc1 |\n| b | see the safe | |\n\n| c | Hk2uJf6tGc |\n"
	want := "| host | password | api key | password policy |\n| --- | :-: | - | - |\n| a | `[SECRET]` | [SECRET] | Hk2uJf6tGc1 |\n| b | see the safe | |\n\n| c | Hk2uJf6tGc |\n"
	if got, found := r.Redact(text); got != want || len(found) != 2 || found[0].Detector != "table_column" {
		t.Errorf("got %s %+v", got, found)
	}
}
