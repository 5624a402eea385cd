package extract

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	prescanBytes = 1024  // where the HTML standard looks for a declared charset
	binaryShare  = 0.002 // of control characters, above which bytes are not text
)

// Decode returns the text of in as UTF-8 and the charset it was in. The order of evidence is: byte
// order mark, validity as UTF-8 (which no other charset's text has by chance), zero bytes where
// UTF-16 has them, HTML's own declaration, and windows-1252 for what is left.
func Decode(in Input) (text, name string, err error) {
	enc, name, skip := detect(in)
	raw := in.Raw[skip:]
	if enc == nil {
		text = string(raw)
	} else {
		decoded, err := enc.NewDecoder().Bytes(raw)
		if err != nil {
			return "", name, &Refusal{Rule: "charset", Reason: fmt.Sprintf("not valid %s", name)}
		}
		text = string(decoded)
	}
	if err := refuseBinary(text); err != nil {
		return "", name, err
	}
	return text, name, nil
}

func refuseBinary(text string) error {
	share := controlShare(text)
	if share <= binaryShare {
		return nil
	}
	return &Refusal{
		Rule: "binary", Reason: "control characters say that this is not text",
		Value: share, Threshold: binaryShare,
	}
}

// detect finds the charset; a nil encoding is UTF-8. skip is the length of the byte order mark.
func detect(in Input) (enc encoding.Encoding, name string, skip int) {
	return detectFrom(in, utf8.Valid(in.Raw))
}

// detectFrom finds it from the beginning of the bytes, and from whether all of them are UTF-8.
func detectFrom(in Input, valid bool) (enc encoding.Encoding, name string, skip int) {
	raw := in.Raw
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		if valid {
			return nil, "utf-8", 3
		}
		return unicode.UTF8, "utf-8", 3 // the decoder replaces what is broken
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return utf16(unicode.LittleEndian), "utf-16le", 2
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return utf16(unicode.BigEndian), "utf-16be", 2
	case valid && !declaresEscapes(in):
		if !looksUTF16(raw) { // ASCII in UTF-16 is valid UTF-8, full of zero bytes
			return nil, "utf-8", 0
		}
	}
	if looksUTF16(raw) {
		if zeros(raw, 0) > zeros(raw, 1) {
			return utf16(unicode.BigEndian), "utf-16be", 0
		}
		return utf16(unicode.LittleEndian), "utf-16le", 0
	}
	if in.MIME == MIMEHTML {
		// A page that declares UTF-8 and is not is taken for windows-1252, as everything else.
		enc, name, _ := charset.DetermineEncoding(raw[:min(len(raw), prescanBytes)], "")
		if name != "utf-8" {
			return enc, name, 0
		}
	}
	return charmap.Windows1252, "windows-1252", 0
}

// declaresEscapes reports whether an HTML page may be in ISO-2022-JP, which is ASCII with escapes
// and so passes for UTF-8.
func declaresEscapes(in Input) bool {
	if in.MIME != MIMEHTML || bytes.IndexByte(in.Raw, 0x1b) < 0 {
		return false
	}
	_, name, _ := charset.DetermineEncoding(in.Raw[:min(len(in.Raw), prescanBytes)], "")
	return name == "iso-2022-jp"
}

func utf16(e unicode.Endianness) encoding.Encoding { return unicode.UTF16(e, unicode.IgnoreBOM) }

// looksUTF16 reports whether bytes without a mark are UTF-16 of mostly Latin text: zeros in nearly
// every other byte, on one side only.
func looksUTF16(raw []byte) bool {
	if len(raw) < 4 {
		return false
	}
	even, odd, half := zeros(raw, 0), zeros(raw, 1), min(len(raw), prescanBytes)/2
	return max(even, odd)*10 >= half*6 && min(even, odd)*20 <= half
}

// zeros counts zero bytes at the even (0) or odd (1) offsets of the beginning.
func zeros(raw []byte, parity int) (n int) {
	for i := parity; i < min(len(raw), prescanBytes); i += 2 {
		if raw[i] == 0 {
			n++
		}
	}
	return n
}

// controlShare is the share of bytes that are control characters no text editor writes.
func controlShare(s string) float64 {
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x20 && c != 0x7f, c == '\t', c == '\n', c == '\r', c == '\f', c == '\b', c == 0x1b:
		default:
			n++
		}
	}
	return float64(n) / float64(max(len(s), 1))
}
